"""A deployment in which every control is green.

One shop with an open connection, one ended a minute ago, one ended and certified.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from tests.cast import PASSWORD, Cast, create_cast
from tests.conftest import as_role
from tests.database import wait_for_open_transactions
from tests.operators import OperatorUser, create_operator, operator_client
from tests.sabotage import outside

from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole, Operator
from theseller.amazon.feature_requirements import OFFERED, roles_for
from theseller.audit import checkpoint_copy_file
from theseller.audit.checkpoint_copy_shortfalls import accept_copies, short_copies
from theseller.audit.checkpointing import seal, seal_due
from theseller.buyer_pii.operations import enable_packing_slips
from theseller.buyer_pii.store_recipient import store_recipient
from theseller.buyer_pii.types import Recipient
from theseller.connections import refresh_token_store
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.operations import run_control
from theseller.controls.security_page_data import security_page
from theseller.controls.types import Status
from theseller.erasure.connection_erasure import erase_connections
from theseller.erasure.queries import due_connections
from theseller.erasure.tenant_and_user_erasure import erase_tenant
from theseller.key_rotation.secret_ages import note
from theseller.key_rotation.secret_inventory import inventory, readable
from theseller.key_rotation.types import SecretState
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES, Region
from theseller.lib.secret_type import Secret
from theseller.operators.shop_access.operations import close_access, confirm_review, open_access
from theseller.operators.shop_access.queries import events_to_review
from theseller.operators.shop_access.types import SessionEnd
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

US = "ATVPDKIKX0DER"
#: Shaped like a token of Amazon's and worth nothing.
TOKEN = "Atzr|" + "IwEBIsabotage" * 8


@dataclass(frozen=True, slots=True)
class Deployment:
    """The cast and three connections.

    Alice's is open, Charlie's ended just now, Alice's second ended and was erased. The operator
    works.

    Dora ended her shop: it is erased, and so is her account.
    """

    cast: Cast
    open: UUID
    charlies: UUID
    ended: UUID
    certified: UUID
    doras_shop: UUID
    dora: UUID
    operator: OperatorUser
    begun: datetime


def set_up() -> Deployment:
    cast = create_cast(at=clock.now())
    opened = connect(cast.alices_shop, cast.alice.id, Region.NA)
    charlies = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    ended = connect(cast.charlies_shop, cast.charlie.id, Region.FE)
    certified = connect(cast.alices_shop, cast.alice.id, Region.EU)
    put_product(cast.alices_shop, opened)
    put_product(cast.alices_shop, certified, store="A1PA6795UKMFR9")
    disconnect(
        connection=ended,
        reason=DisconnectReason.REVOKED_AT_AMAZON,
        tenant=cast.charlies_shop,
        actor="process:test",
        at=clock.now(),
    )
    disconnect(
        connection=certified,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    doras_shop, dora = end_doras_shop()
    for purged in erase_connections(
        [one for one in due_connections(at=clock.now(), using="worker") if one.id != ended],
        at=clock.now(),
    ):
        assert purged.completed, purged.waiting or purged.left
    erased = erase_tenant(tenant=doras_shop, at=clock.now())
    assert erased.completed, erased.left
    seal_again()
    operator = create_operator()
    operator_client(operator)
    record_creation_dates()
    seal_new_lines()
    outside.register()
    outside.deliver()
    access_and_review(operator, cast.alices_shop)
    seal_new_lines()  # of several checkpoints, as every deployment has after minutes
    return Deployment(
        cast, opened, charlies, ended, certified, doras_shop, dora, operator, clock.now()
    )


def keep_a_recipient(tenant: UUID, connection: UUID) -> None:
    """Turn packing slips on for a connection and store one recipient."""
    enable_packing_slips(connection=connection, tenant=tenant, actor="process:test", at=clock.now())
    with as_role("worker"):
        store_recipient(
            Recipient(("No person",), "US", "", (), None), order="111-0000000-0000009",
            connection=connection, shipped_at=None, tenant=tenant, actor="process:test",
            at=clock.now(),
        )  # fmt: skip


def end_doras_shop() -> tuple[UUID, UUID]:
    """Have Dora open a shop, connect it, and end it; return the shop and her.

    The rest is for the erasure.
    """
    at = clock.now()
    shop = create_tenant(name="Dora's shop", actor="process:test", at=at)
    dora = create_user(
        email=f"dora.{new_id().hex[-12:]}@example.com",
        name="Dora",
        password=Secret(PASSWORD),
        at=at,
    )
    add_member(person=dora, role=MemberRole.OWNER, tenant=shop, actor="process:test", at=at)
    put_product(shop, connect(shop, dora, Region.NA))
    delete_tenant(person=dora, tenant=shop, at=clock.now())
    return shop, dora


def access_and_review(user: OperatorUser, tenant: UUID) -> None:
    """Have Olga look at a shop, and then at the list of who looked."""
    operator = Operator(user.id, "Olga")
    opened = open_access(
        actor=operator,
        tenant=tenant,
        reason="The seller asks about Monday's figures",
        ticket="SUP-1",
        minutes=30,
        at=clock.now(),
    )
    close_access(
        session=opened.id,
        tenant=tenant,
        ended=SessionEnd.LEFT,
        actor=operator.actor,
        at=clock.now(),
    )
    wait_for_open_transactions()
    confirm_review(
        actor=operator,
        until=events_to_review()[-1].position,
        note="One session, asked for by the seller.",
        at=clock.now(),
    )


def seal_again() -> None:
    """Seal the log of this database.

    Another module's may have left its copy in the state folder that all share.
    """
    checkpoint_copy_file.copy_path().unlink(missing_ok=True)
    seal_new_lines()


def seal_new_lines() -> None:
    """Append a checkpoint."""
    wait_for_open_transactions()
    with as_role("worker"):
        assert seal(at=clock.now())


def seal_if_due() -> None:
    """Do what the worker's job does: on a slow machine the saboteurs take longer than an hour."""
    with as_role("worker"):
        seal_due(at=clock.now())


def accept_short_copies() -> None:
    """Do what an operator does after a copy of the checkpoints was cut and filled again.

    The control stays broken until then.
    """
    if short_copies():
        with as_role("worker"):
            accept_copies(reason="a saboteur cut the copy", actor="operator:x", at=clock.now())


def record_creation_dates() -> None:
    """Record that the tests' own known passwords were made just now.

    What the product makes has its own record.
    """
    with as_role("worker"):
        for one in inventory(at=clock.now()):
            if one.state is SecretState.UNKNOWN:
                now = clock.now()
                note(one.name, readable(one.name), created_at=now, actor="process:test", at=now)


def connect(tenant: UUID, person: UUID, region: Region) -> UUID:
    """Open a connection as the callback does after Amazon's answer, token sealed by the vault."""
    connection, at = new_id(), clock.now()
    features = list(OFFERED)
    roles = [role.value for role in roles_for(features)]
    stores = [store.id for store in MARKETPLACES.values() if store.region is region]
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
            " marketplace_ids, features, roles, created_at, authorised_at,"
            " authorisation_expires_at) values (%s, %s, 'lwa', %s, 'A2SABOTAGE', %s, %s, %s, %s,"
            " %s, %s)",
            [
                tenant,
                connection,
                region.value,
                stores,
                features,
                roles,
                at,
                at,
                at + timedelta(days=365),
            ],
        )
        cursor.execute(
            "insert into connections_attempt (tenant_id, id, state_hash, session_hash, user_id,"
            " marketplace_id, features, roles, created_at, expires_at) values (%s, %s, sha256(%s),"
            " sha256('s'), %s, %s, %s, %s, %s, %s)",
            [
                tenant,
                new_id(),
                connection.bytes,
                person,
                stores[0],
                features,
                roles,
                at,
                at + timedelta(minutes=10),
            ],
        )
        refresh_token_store.store_token(tenant, connection, Secret(TOKEN), at=at)
    with as_role("worker"), tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_stream (tenant_id, connection_id, name, due_at, last_attempt_at)"
            " values (%s, %s, 'orders', %s, %s)",
            [tenant, connection, at, at],
        )
    return connection


def put_product(
    tenant: UUID, connection: UUID, *, store: str = US, sku: str = "BRUSH-1", title: str = "Brush"
) -> None:
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
            " title, updated_at) values (%s, %s, %s, %s, 'B0BRUSH001', %s, now())",
            [tenant, store, sku, connection, title],
        )


def probe_all(only: Collection[str] = CATALOGUE) -> dict[str, Status]:
    """Run every probe, or those of `only`, as the recurring job does.

    Return what the page shows of these controls now.
    """
    if outside.CONTROLS & set(only):
        outside.deliver()
    at = clock.now()
    for control in sorted(only, key=lambda name: name == "page-true"):
        run_control(control, at=at)
    return {
        one.id: one.outcome
        for one in security_page(clock.now()).controls
        if one.has_probe and one.id in only
    }


def evidence_of(control: str) -> str:
    return next(one.evidence for one in security_page(clock.now()).controls if one.id == control)


__all__ = [
    "TOKEN",
    "US",
    "Deployment",
    "connect",
    "evidence_of",
    "probe_all",
    "put_product",
    "set_up",
    "settings",
]
