"""Shops, invitations, roles and removals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.cast import NOON, PASSWORD, Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.one_time_links import path_of, token_of
from tests.operators import anonymous_client

from theseller.accounts.members import operations
from theseller.accounts.members.queries import invitation_of, members, pending_invitations, shops
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import VALID_FOR, IssuedLink, LinkRefusedError
from theseller.accounts.operations import add_member
from theseller.accounts.queries import memberships_of, person_by_email
from theseller.accounts.tasks import delete_expired_links
from theseller.accounts.types import PERMISSIONS, MemberRole, Permission
from theseller.audit.event_types import Tag
from theseller.edge.database_routing import accounts_database
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.privacy.account_deletion.operations import delete_account
from theseller.tenancy.tenant_scope import tenant_scope

ACTOR = "operator:test"
NEW = "seven-lamps-under-a-green-bridge"


def _address() -> str:
    return f"new.{new_id().hex[-12:]}@example.com"


def _invite(tenant: UUID, email: str, role: MemberRole = MemberRole.ANALYST) -> IssuedLink:
    return operations.invite(email=email, role=role, tenant=tenant, actor=ACTOR, at=clock.now())


def _roles(tenant: UUID) -> dict[UUID, MemberRole]:
    with tenant_scope(tenant, using=accounts_database()):
        return {one.person: one.role for one in members()}


def _events(database: str, tenant: UUID) -> list[tuple[str, str, str]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, actor, subject || details::text from audit_event where tenant_id = %s"
            " order by position",
            [tenant],
        ).fetchall()


def test_a_new_shop_has_no_member_until_its_owner_used_the_link(database: str) -> None:
    email, at = _address(), clock.now()
    shop = operations.add_shop(name="  Acme \n Inc ", owner=email.upper(), actor=ACTOR, at=at)
    assert shop.link.expires_at == at + VALID_FOR
    assert _roles(shop.tenant) == {}
    assert person_by_email(email) is None
    found = invitation_of(token_of(shop.link), at=at)
    assert found is not None
    assert (found.tenant_name, found.email, found.role) == ("Acme Inc", email, MemberRole.OWNER)

    joined = operations.join_as_new_user(
        token=token_of(shop.link), name="Anna", password=Secret(NEW), at=at
    )
    assert _roles(shop.tenant) == {joined.person: MemberRole.OWNER}
    events = _events(database, shop.tenant)
    assert [(tag, actor) for tag, actor, _ in events] == [
        (Tag.TENANT_CREATED, ACTOR),
        (Tag.INVITATION_MADE, ACTOR),
        (Tag.ACCOUNT_CREATED, f"user:{joined.person}"),
        (Tag.MEMBER_ADDED, f"user:{joined.person}"),
    ]
    token = token_of(shop.link).reveal()
    assert not any(token in text or email in text for event in events for text in event)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("", "a@example.com"),
        ("x" * 201, "a@example.com"),
        ("Acme\x07", "a@example.com"),
        ("Acme", "no address"),
        ("Acme", "a@"),
        ("Acme", "ä@example.com"),
    ],
)
def test_a_shop_with_a_wrong_name_or_address_is_refused(
    database: str, name: str, owner: str
) -> None:
    del database
    with pytest.raises(MembershipRefusedError):
        operations.add_shop(name=name, owner=owner, actor=ACTOR, at=clock.now())


def test_invitations_are_refused_for_members_and_unknown_shops(cast: Cast) -> None:
    with pytest.raises(MembershipRefusedError, match="member of the shop already"):
        _invite(cast.alices_shop, cast.bob.email.upper())
    with pytest.raises(MembershipRefusedError, match="no shop with this ID"):
        _invite(new_id(), cast.bob.email)
    _invite(cast.charlies_shop, cast.bob.email)  # a member of another shop only


def test_a_person_with_an_account_joins_when_they_use_the_link_and_not_before(cast: Cast) -> None:
    link, at = _invite(cast.charlies_shop, cast.bob.email), clock.now()
    assert cast.bob.id not in _roles(cast.charlies_shop)
    with pytest.raises(LinkRefusedError, match="another address"):
        operations.join(token=token_of(link), person=cast.alice.id, at=at)
    with pytest.raises(LinkRefusedError, match="account with this address"):
        operations.join_as_new_user(token=token_of(link), name="B", password=Secret(NEW), at=at)
    operations.join(token=token_of(link), person=cast.bob.id, at=at)
    assert _roles(cast.charlies_shop)[cast.bob.id] is MemberRole.ANALYST
    with pytest.raises(LinkRefusedError, match="not valid"):
        operations.join(token=token_of(link), person=cast.bob.id, at=at)


def test_an_invitation_does_not_change_the_role_of_a_member(cast: Cast) -> None:
    link = _invite(cast.charlies_shop, cast.bob.email, MemberRole.OWNER)
    add_member(
        person=cast.bob.id,
        role=MemberRole.VIEWER,
        tenant=cast.charlies_shop,
        actor=ACTOR,
        at=NOON,
    )
    operations.join(token=token_of(link), person=cast.bob.id, at=clock.now())
    assert _roles(cast.charlies_shop)[cast.bob.id] is MemberRole.VIEWER


def test_a_link_expires_is_replaced_and_is_withdrawn(cast: Cast) -> None:
    email, at = _address(), clock.now()
    first = _invite(cast.alices_shop, email)
    assert invitation_of(token_of(first), at=first.expires_at - timedelta(seconds=1))
    assert invitation_of(token_of(first), at=first.expires_at) is None
    with pytest.raises(LinkRefusedError):
        operations.join_as_new_user(
            token=token_of(first), name="N", password=Secret(NEW), at=first.expires_at
        )
    second = _invite(cast.alices_shop, email, MemberRole.VIEWER)
    assert invitation_of(token_of(first), at=at) is None
    with tenant_scope(cast.alices_shop, using=accounts_database()):
        (pending,) = pending_invitations(at=at)
    assert (pending.email, pending.role) == (email, MemberRole.VIEWER)
    act: dict[str, Any] = {"tenant": cast.alices_shop, "actor": ACTOR, "at": at}
    # Another shop's invitation is not found.
    other: dict[str, Any] = {**act, "tenant": cast.charlies_shop}
    assert not operations.withdraw_invitation(invitation=pending.id, **other)
    assert operations.withdraw_invitation(invitation=pending.id, **act)
    assert not operations.withdraw_invitation(invitation=pending.id, **act)
    assert invitation_of(token_of(second), at=at) is None


def test_expired_links_are_deleted_and_others_stay(cast: Cast, database: str) -> None:
    stale, live = _invite(cast.alices_shop, _address()), _invite(cast.charlies_shop, _address())
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "update accounts_invitation set made_at = made_at - interval '73 hours',"
            " expires_at = expires_at - interval '73 hours' where tenant_id = %s",
            [cast.alices_shop],
        )
        with as_role("worker"):
            delete_expired_links(timestamp=0)
        assert superuser.execute(
            "select tenant_id from accounts_invitation where tenant_id = any(%s)",
            [[cast.alices_shop, cast.charlies_shop]],
        ).fetchall() == [(cast.charlies_shop,)]
    assert invitation_of(token_of(stale), at=NOON) is None
    assert invitation_of(token_of(live), at=clock.now()) is not None


def test_roles_are_changed_and_a_shop_keeps_an_owner(cast: Cast, database: str) -> None:
    act: dict[str, Any] = {"tenant": cast.alices_shop, "actor": cast.alice.actor, "at": clock.now()}
    with pytest.raises(MembershipRefusedError, match="only owner"):
        operations.change_role(person=cast.alice.id, role=MemberRole.VIEWER, **act)
    with pytest.raises(MembershipRefusedError, match="only owner"):
        operations.remove_member(person=cast.alice.id, **act)
    with pytest.raises(MembershipRefusedError, match="not a member"):
        operations.change_role(person=cast.charlie.id, role=MemberRole.OWNER, **act)
    assert operations.change_role(person=cast.bob.id, role=MemberRole.ACCOUNTANT, **act)
    assert not operations.change_role(person=cast.bob.id, role=MemberRole.ACCOUNTANT, **act)
    assert operations.change_role(person=cast.bob.id, role=MemberRole.OWNER, **act)
    operations.remove_member(person=cast.alice.id, **act)
    assert _roles(cast.alices_shop) == {cast.bob.id: MemberRole.OWNER}
    tags = [tag for tag, _, _ in _events(database, cast.alices_shop)]
    assert tags[-3:] == [Tag.MEMBER_ROLE_CHANGED, Tag.MEMBER_ROLE_CHANGED, Tag.MEMBER_REMOVED]


def test_an_owner_who_deletes_their_account_is_not_another_owner(cast: Cast) -> None:
    act: dict[str, Any] = {"tenant": cast.alices_shop, "actor": cast.alice.actor, "at": clock.now()}
    operations.change_role(person=cast.bob.id, role=MemberRole.OWNER, **act)
    delete_account(person=cast.bob.id, at=clock.now())
    with pytest.raises(MembershipRefusedError, match="only owner"):
        operations.remove_member(person=cast.alice.id, **act)


def test_ownership_is_transferred(cast: Cast) -> None:
    transfer: dict[str, Any] = {"tenant": cast.alices_shop, "at": clock.now()}
    with pytest.raises(MembershipRefusedError, match="Only an owner"):
        operations.transfer_ownership(person=cast.alice.id, owner=cast.bob.id, **transfer)
    with pytest.raises(MembershipRefusedError, match="another member"):
        operations.transfer_ownership(person=cast.alice.id, owner=cast.alice.id, **transfer)
    operations.transfer_ownership(person=cast.bob.id, owner=cast.alice.id, **transfer)
    assert _roles(cast.alices_shop) == {
        cast.alice.id: MemberRole.ANALYST,
        cast.bob.id: MemberRole.OWNER,
    }


@pytest.mark.parametrize("how", ["removed", "demoted", "transferred"])
def test_invitations_end_when_someone_stops_being_an_owner(cast: Cast, how: str) -> None:
    act: dict[str, Any] = {"tenant": cast.alices_shop, "at": clock.now()}
    operations.change_role(person=cast.bob.id, role=MemberRole.OWNER, actor=cast.alice.actor, **act)
    link = _invite(cast.alices_shop, _address())
    if how == "removed":
        operations.remove_member(person=cast.bob.id, actor=cast.alice.actor, **act)
    elif how == "demoted":
        operations.change_role(
            person=cast.bob.id, role=MemberRole.VIEWER, actor=cast.alice.actor, **act
        )
    else:
        operations.transfer_ownership(person=cast.alice.id, owner=cast.bob.id, **act)
    assert invitation_of(token_of(link), at=clock.now()) is None


@pytest.mark.parametrize("change", ["invite", "withdraw", "change_role", "remove"])
def test_a_former_owners_request_changes_no_member(cast: Cast, change: str) -> None:
    """The request was admitted when its sender was an owner still."""
    act: dict[str, Any] = {"tenant": cast.alices_shop, "actor": cast.alice.actor, "at": clock.now()}
    operations.transfer_ownership(
        person=cast.bob.id, owner=cast.alice.id, tenant=cast.alices_shop, at=clock.now()
    )
    act["owner"] = cast.alice.id
    _invite(cast.alices_shop, _address())
    with tenant_scope(cast.alices_shop, using=accounts_database()):
        (pending,) = pending_invitations(at=clock.now())
    changes: dict[str, Callable[[], object]] = {
        "invite": lambda: operations.invite(email=_address(), role=MemberRole.OWNER, **act),
        "withdraw": lambda: operations.withdraw_invitation(invitation=pending.id, **act),
        "change_role": lambda: operations.change_role(
            person=cast.bob.id, role=MemberRole.VIEWER, **act
        ),
        "remove": lambda: operations.remove_member(person=cast.bob.id, **act),
    }
    with pytest.raises(MembershipRefusedError, match="Only an owner"):
        changes[change]()
    assert _roles(cast.alices_shop)[cast.bob.id] == MemberRole.OWNER
    with tenant_scope(cast.alices_shop, using=accounts_database()):
        assert pending_invitations(at=clock.now()) == (pending,)


@pytest.mark.parametrize("change", ["change_role", "remove"])
def test_a_member_who_becomes_the_only_owner_meanwhile_stays_one(
    cast: Cast, database: str, change: str
) -> None:
    """The change waits for a transfer of the ownership and sees the member's new role."""
    act: dict[str, Any] = {"tenant": cast.alices_shop, "actor": ACTOR, "at": clock.now()}

    def later() -> None:
        try:
            if change == "remove":
                operations.remove_member(person=cast.bob.id, **act)
            else:
                operations.change_role(person=cast.bob.id, role=MemberRole.VIEWER, **act)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
            superuser.execute("select pg_advisory_xact_lock(hashtextextended('account-ends', 0))")
            outcome = pool.submit(later)
            _wait_until_it_waits(superuser, outcome)
            for person, role in ((cast.bob.id, "owner"), (cast.alice.id, "analyst")):
                superuser.execute(
                    "update accounts_membership set role = %s where tenant_id = %s and user_id = %s",
                    [role, cast.alices_shop, person],
                )
        with pytest.raises(MembershipRefusedError, match="only owner"):
            outcome.result(60)
    assert _roles(cast.alices_shop)[cast.bob.id] == MemberRole.OWNER


def _wait_until_it_waits(superuser: psycopg.Connection[Any], outcome: Future[None]) -> None:
    """Return when another session waits for a lock of this one."""
    waiting = "select from pg_locks where pg_backend_pid() = any (pg_blocking_pids(pid))"
    deadline = monotonic() + 60
    while not outcome.done() and monotonic() < deadline:
        if superuser.execute(waiting).fetchone() is not None:
            return
        sleep(0.02)


@pytest.mark.parametrize("who", ["new", "member"])
def test_a_link_withdrawn_while_it_is_used_is_refused(cast: Cast, database: str, who: str) -> None:
    """The use has read the invitation already, and waits for the withdrawal of its row."""
    email = _address() if who == "new" else User.objects.get(pk=cast.charlie.id).email
    token = token_of(_invite(cast.alices_shop, email))

    def use() -> None:
        try:
            if who == "new":
                operations.join_as_new_user(
                    token=token, name="N", password=Secret(NEW), at=clock.now()
                )
            else:
                operations.join(token=token, person=cast.charlie.id, at=clock.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
            superuser.execute("delete from accounts_invitation where email = %s", [email])
            outcome = pool.submit(use)
            _wait_until_it_waits(superuser, outcome)
        with pytest.raises(LinkRefusedError):
            outcome.result(60)
    assert len(_roles(cast.alices_shop)) == 2
    assert who == "member" or person_by_email(email) is None


def test_an_operator_invites_an_owner_only_to_a_shop_without_one(cast: Cast) -> None:
    with pytest.raises(MembershipRefusedError, match="has an owner"):
        operations.invite_first_owner(
            email=_address(), tenant=cast.alices_shop, actor=ACTOR, at=clock.now()
        )


def _session(person: UUID, tenant: UUID | None) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person))
    if tenant is not None:
        session = client.session
        session["tenant"] = str(tenant)
        session.save()
    return client


def test_a_removed_member_loses_their_sessions_in_the_shop_at_once(cast: Cast) -> None:
    add_member(
        person=cast.bob.id,
        role=MemberRole.VIEWER,
        tenant=cast.charlies_shop,
        actor=ACTOR,
        at=NOON,
    )
    here, there = _session(cast.bob.id, cast.alices_shop), _session(cast.bob.id, cast.charlies_shop)
    of_alice = _session(cast.alice.id, cast.alices_shop)
    assert here.get("/account/security/").status_code == 200
    operations.remove_member(
        person=cast.bob.id, tenant=cast.alices_shop, actor=cast.alice.actor, at=clock.now()
    )
    assert here.get("/account/security/").status_code == 302
    assert there.get("/account/security/").status_code == 200
    assert of_alice.get("/account/security/").status_code == 200
    assert [shop.tenant for shop in memberships_of(cast.bob.id)] == [cast.charlies_shop]


def test_an_accountant_exports_figures_enters_expenses_and_no_more() -> None:
    assert PERMISSIONS[MemberRole.ACCOUNTANT] == PERMISSIONS[MemberRole.VIEWER] | {
        Permission.DASHBOARD_EXPORT,
        Permission.EXPENSE_MANAGE,
    }
    assert Permission.SLIP_PRINT not in PERMISSIONS[MemberRole.ACCOUNTANT]


def test_operators_see_counts_of_each_shop(cast: Cast) -> None:
    _invite(cast.alices_shop, _address())
    line = next(one for one in shops(at=clock.now()) if one.tenant == cast.alices_shop)
    assert (line.members, line.owners, line.invitations, line.connections) == (2, 1, 1, 0)
    assert not line.being_deleted
    later = next(one for one in shops(at=clock.now() + VALID_FOR) if one.tenant == cast.alices_shop)
    assert later.invitations == 0


def _form(**changed: str) -> dict[str, str]:
    return {"name": "Nora New", "new": NEW, "again": NEW} | changed


def test_a_new_person_joins_on_the_page_and_signs_in(cast: Cast) -> None:
    email = _address()
    path, client = path_of(_invite(cast.alices_shop, email)), anonymous_client()
    page = client.get(path)
    assert page.status_code == 200
    assert b"Alice&#x27;s shop" in page.content
    assert email.encode() in page.content
    assert page["Referrer-Policy"] == "strict-origin"
    assert page["Cache-Control"] == "private, no-store"
    for wrong in ({"name": " "}, {"new": "short", "again": "short"}, {"again": "another"}):
        assert client.post(path, _form(**wrong)).status_code == 422
    own = {"name": "Wilhelmina", "new": "wilhelmina-12345", "again": "wilhelmina-12345"}
    assert client.post(path, _form(**own)).status_code == 422
    assert person_by_email(email) is None
    done = client.post(path, _form())
    assert (done.status_code, done["Location"]) == (302, "/sign-in/")
    assert b"Sign in with" in client.get("/sign-in/").content
    assert client.get("/account/security/").status_code == 302  # not signed in by the link
    assert client.post("/sign-in/", {"email": email, "password": NEW}).status_code == 302
    assert client.get("/connections/").status_code == 200
    used = client.get(path)
    assert used.status_code == 404
    assert client.post(path, _form()).status_code == 404


def test_a_person_with_an_account_signs_in_before_they_join(cast: Cast) -> None:
    path = path_of(_invite(cast.charlies_shop, cast.bob.email))
    client = anonymous_client()
    assert b"Sign in with it" in client.get(path).content
    assert client.post(path, _form()).status_code == 422
    assert User.objects.get(pk=cast.bob.id).check_password(PASSWORD)
    other = _session(cast.alice.id, None)
    assert b"You are signed in as" in other.get(path).content
    assert other.post(path).status_code == 422
    bob = _session(cast.bob.id, None)
    assert b"Join the shop" in bob.get(path).content
    assert bob.post(path)["Location"] == "/"
    assert _roles(cast.charlies_shop)[cast.bob.id] is MemberRole.ANALYST
    assert bob.session["tenant"] == str(cast.charlies_shop)


@pytest.mark.parametrize("token", ["x", "theseller-link-" + "A" * 43, "theseller-link-" + "é" * 43])
def test_unknown_links_get_one_page(database: str, token: str) -> None:
    del database
    client = anonymous_client()
    for page in ("join", "new-password"):
        for answer in (client.get(f"/{page}/{token}/"), client.post(f"/{page}/{token}/", _form())):
            assert answer.status_code == 404
            assert b"This link is not valid" in answer.content


def test_uses_of_links_are_limited_by_account_and_by_network(cast: Cast) -> None:
    path = path_of(_invite(cast.alices_shop, _address()))
    client = anonymous_client()
    said = [client.post(path, _form(again="x")).status_code for _ in range(12)]
    assert said == [422] * 10 + [429] * 2
    assert client.get(path).status_code == 200
    assert anonymous_client().post(path, _form(again="x")).status_code == 422
    unknown = "/join/theseller-link-" + "B" * 43 + "/"
    statuses = [client.get(unknown).status_code for _ in range(70)]
    assert statuses[:40] == [404] * 40
    assert statuses[-1] == 429


def test_only_the_hash_of_a_token_is_stored(cast: Cast, database: str) -> None:
    token = token_of(_invite(cast.alices_shop, _address()))
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        rows = superuser.execute(
            "select token_hash, i::text from accounts_invitation i where tenant_id = %s",
            [cast.alices_shop],
        ).fetchall()
    assert len(token.reveal().removeprefix("theseller-link-")) == 43  # 256 bits
    assert len(rows) == 1
    assert token.reveal() not in rows[0][1]
    assert len(rows[0][0]) == 32


def test_the_same_limits_are_in_the_table(cast: Cast) -> None:
    """A link that is valid for longer is refused by the database."""
    with (
        pytest.raises(Exception, match="violates check constraint"),
        tenant_scope(cast.alices_shop, using=accounts_database()),
        connections[accounts_database()].cursor() as cursor,
    ):
        cursor.execute(
            "insert into accounts_invitation (tenant_id, id, token_hash, email, role, made_at,"
            " expires_at) values (%s, %s, sha256('y'), 'x@y', 'owner', %s, %s)",
            [cast.alices_shop, new_id(), NOON, NOON + VALID_FOR + timedelta(seconds=1)],
        )
