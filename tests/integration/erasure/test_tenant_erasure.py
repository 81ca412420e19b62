"""The deletion of a shop: its connections, its rows, then the accounts of its only members.

Those are accounts of people who have no other shop. Again after a kill and a restore.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.test import Client, override_settings
from tests.cast import NOON, PASSWORD, Cast, create_cast
from tests.conftest import as_role
from tests.database import test_server
from tests.operators import create_operator
from tests.sabotage.deployment import connect, put_product
from tests.step_up import after_step_up

from theseller.accounts.models import User
from theseller.accounts.operations import add_member
from theseller.accounts.types import MemberRole
from theseller.connections.queries import all_connections
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import Eraser
from theseller.erasure import execution, tenant_and_user_erasure, tenant_erasure
from theseller.erasure.certificate_links import delete_expired_links, follow_link
from theseller.erasure.certificate_verification import CertificateRefusedError, verify_certificate
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.journal_files import journal_folder
from theseller.erasure.queries import subject_certificate
from theseller.erasure.tenant_and_user_erasure import erase_tenant, replay_tenants_and_users
from theseller.erasure.tenant_erasure import due_tenants
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.privacy.deletion_requests.queries import all_requests, requests_of_tenant
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.retention.retention_limits import CERTIFICATE_LINK_DAYS
from theseller.tenancy.tenant_scope import tenant_scope

LATER = NOON + timedelta(hours=24)


@pytest.fixture
def cast(database: str) -> Cast:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        return create_cast()


def _rows(database: str, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(sql, parameters).fetchall()


def _left(database: str, tenant: UUID) -> dict[str, object]:
    tables = [
        (one.table, one.tenant_column)
        for one in descriptors()
        if one.tenant_column and one.eraser is not Eraser.KEEP
    ]
    counts = {
        table: _rows(database, f"select count(*) from {table} where {column} = %s", tenant)[0][0]
        for table, column in tables
    }
    return {table: count for table, count in counts.items() if count}


def _people(database: str, *people: UUID) -> set[object]:
    return {
        row[0]
        for row in _rows(database, "select id from accounts_user where id = any(%s)", list(people))
    }


def _ended(cast: Cast) -> UUID:
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    put_product(cast.alices_shop, connection)
    for _ in range(2):  # again is harmless
        delete_tenant(person=cast.alice.id, tenant=cast.alices_shop, at=NOON)
    with tenant_scope(cast.alices_shop):
        assert [view.is_open for view in all_connections()] == [False]
    return connection


def test_a_shop_is_deleted_entirely_after_its_connections_are_certified(
    cast: Cast, database: str
) -> None:
    connection = _ended(cast)
    add_member(
        person=cast.bob.id,
        role=MemberRole.VIEWER,
        tenant=cast.charlies_shop,
        actor="process:test",
        at=NOON,
    )
    with tenant_scope(cast.alices_shop):
        (requested,) = requests_of_tenant()
    assert (requested.ends_shop, requested.connections, requested.is_open) == (
        True,
        (connection,),
        True,
    )
    assert cast.alices_shop not in due_tenants(at=LATER, using="worker")  # not certified yet
    assert erase_connection(connection=connection, tenant=cast.alices_shop, at=NOON).completed
    assert cast.alices_shop not in due_tenants(at=LATER - timedelta(seconds=1), using="worker")
    assert cast.alices_shop in due_tenants(at=LATER, using="worker")
    with tenant_scope(cast.alices_shop):
        assert requests_of_tenant()[0].is_open  # certified, and the shop still exists
    charlies = _left(database, cast.charlies_shop)

    erased = erase_tenant(tenant=cast.alices_shop, at=LATER)

    assert erased.completed
    assert erased.deleted["accounts_membership"] == 2
    assert erased.deleted["tenancy_tenant"] == 1
    assert _left(database, cast.alices_shop) == {}
    assert _people(database, cast.alice.id, cast.bob.id, cast.charlie.id) == {
        cast.bob.id,
        cast.charlie.id,
    }
    assert _left(database, cast.charlies_shop) == charlies
    kept = "select count(*) from erasure_certificate where tenant_id = %s and kind = 'connection'"
    assert _rows(database, kept, cast.alices_shop) == [(1,)]
    assert cast.alices_shop not in due_tenants(at=LATER, using="worker")
    _certified(cast, connection)
    found = next(one for one in all_requests(using="worker") if one.tenant == cast.alices_shop)
    assert (found.is_open, found.closed_at) == (False, LATER)
    tags = {
        row[0]
        for row in _rows(
            database, "select tag from audit_event where tenant_id = %s", cast.alices_shop
        )
    }
    assert {"retention:shop:end_intended", "retention:shop:erased"} <= tags


def _certified(cast: Cast, connection: UUID) -> None:
    """Check the certificate: it counts what was deleted and names the connection's certificate.

    Its signature is valid, and it names no person.
    """
    issued = subject_certificate(cast.alices_shop, using="worker")
    assert issued is not None
    body: Any = verify_certificate(issued[1]).body
    assert body["subject"]["kind"] == "tenant"
    assert body["accounts"] == {"ended": 1, "kept": 1}
    rows = {row["table"]: (row["deleted"], row["left"]) for row in body["rows"]}
    assert rows["accounts_membership"] == (2, 0)
    assert rows["accounts_user"] == (1, 0)
    assert {one["connection"] for one in body["connections"]} == {str(connection)}
    assert body["rewritten"]["not_done"] == ""
    assert {"public.accounts_user", "public.tenancy_tenant"} <= set(body["rewritten"]["relations"])
    assert body["audit"]["begun_at_position"] < body["audit"]["completed_at_position"]
    said = issued[1].decode()
    assert not [
        word
        for word in ("Alice", cast.alice.email, str(cast.alice.id), str(cast.bob.id), "A2SABOTAGE")
        if word in said
    ]
    with pytest.raises(CertificateRefusedError):
        verify_certificate(issued[1].replace(b'"left":0', b'"left":1', 1))


def test_operator_account_is_kept_when_their_shop_is_erased(cast: Cast, database: str) -> None:
    an_operator = create_operator()
    add_member(
        person=an_operator.id,
        role=MemberRole.VIEWER,
        tenant=cast.alices_shop,
        actor="process:test",
        at=NOON,
    )
    erase_connection(connection=_ended(cast), tenant=cast.alices_shop, at=NOON)
    assert erase_tenant(tenant=cast.alices_shop, at=LATER).completed
    assert _people(database, an_operator.id, cast.alice.id) == {an_operator.id}


#: Of the steps after which a deletion is killed, those that the default run tries.
_STEPS, _DEFAULT_STEPS = 11, (2, 6, 9)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step in _DEFAULT_STEPS else pytest.mark.exhaustive)
        for step in range(_STEPS)
    ],
)
def test_a_deletion_killed_at_any_step_continues(
    cast: Cast, database: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase_connection(connection=_ended(cast), tenant=cast.alices_shop, at=NOON)
    calls = 0

    def dying(module: ModuleType, name: str) -> None:
        original = getattr(module, name)

        def act(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls > step:
                raise KeyboardInterrupt(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, act)

    with monkeypatch.context():
        for name in ("journal", "_delete", "mark_erased_within", "sanitize", "certify"):
            dying(execution, name)
        for module in (tenant_erasure, tenant_and_user_erasure):
            dying(module, "erase_users")
        with pytest.raises(KeyboardInterrupt):
            erase_tenant(tenant=cast.alices_shop, at=LATER)
        monkeypatch.undo()
    assert erase_tenant(tenant=cast.alices_shop, at=LATER).completed
    assert _left(database, cast.alices_shop) == {}
    assert _people(database, cast.alice.id, cast.bob.id) == set()


def test_a_restored_shop_is_erased_again(cast: Cast, database: str) -> None:
    """The database has no record that the shop was erased; the journal outside it has."""
    connection = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    erase_connection(connection=_ended(cast), tenant=cast.alices_shop, at=NOON)
    assert erase_tenant(tenant=cast.alices_shop, at=LATER).completed
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "delete from erasure_erasure where subject_id = any(%s)",
            [[cast.alices_shop, cast.alice.id]],
        )
        superuser.execute(
            "delete from erasure_certificate where subject_id = %s", [cast.alices_shop]
        )
        superuser.execute(
            "insert into tenancy_tenant (id, name, created_at) values (%s, 'Alice''s shop', now())",
            [cast.alices_shop],
        )
        User(id=cast.alice.id, email=cast.alice.email, name="Alice", joined_at=NOON).save(
            force_insert=True
        )
        superuser.execute(
            "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s,"
            " 'owner', now())",
            [cast.alices_shop, cast.alice.id],
        )
    quarantine = replace(
        settings.ENVIRONMENT, database_url="postgresql:///quarantine_0123?host=/nowhere"
    )
    with as_role("worker"), override_settings(ENVIRONMENT=quarantine):
        assert replay_tenants_and_users(at=LATER) == 1
        assert replay_tenants_and_users(at=LATER) == 0
    issued = subject_certificate(cast.alices_shop, using="retention")
    assert issued is not None
    body: Any = verify_certificate(issued[1]).body
    assert body["backups"]["kept_elsewhere"] == "", "the restored database is this deployment's own"
    assert body["residue"]["not_searched"].startswith("erased again in a restored database")
    assert _left(database, cast.alices_shop) == {}
    assert _people(database, cast.alice.id, cast.charlie.id) == {cast.charlie.id}
    assert _left(database, cast.charlies_shop)["connections_connection"] == 1, connection


@pytest.fixture(autouse=True)
def _no_entries_of_others() -> None:
    for kind in ("shops", "people"):
        shutil.rmtree(journal_folder(settings.ENVIRONMENT.state) / kind, ignore_errors=True)


def _the_link_leads_to_the_proof(page: str, tenant: UUID) -> None:
    """Open the link without an account: it shows the state, then gives the certificate.

    Until the link expires.
    """
    found = re.search(r'href="http://testserver(/certificates/[\w-]{43}/)"', page)
    assert found is not None
    anybody = Client()
    said = anybody.get(found[1])
    assert (said.status_code, said["Cache-Control"]) == (
        200,
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    assert "The shop is being deleted" in said.content.decode()
    assert "Download" not in said.content.decode()
    assert anybody.get(found[1] + "?file").headers.get("Content-Disposition") is None
    assert erase_tenant(tenant=tenant, at=clock.now()).completed
    assert "Certificate of deletion" in anybody.get(found[1]).content.decode()
    file = anybody.get(found[1] + "?file").content
    body: Any = verify_certificate(file).body
    assert body["subject"]["id"] == str(tenant)
    assert anybody.get("/certificates/" + "x" * 43 + "/").status_code == 404
    token = found[1].split("/")[2]
    assert follow_link(token, at=clock.now() + timedelta(days=CERTIFICATE_LINK_DAYS)) is None
    assert delete_expired_links(at=clock.now() + timedelta(days=CERTIFICATE_LINK_DAYS)) >= 1
    assert anybody.get(found[1]).status_code == 404


def test_shop_deletion_needs_the_owner_and_their_password(cast: Cast, database: str) -> None:
    requested = "select count(*) from erasure_erasure where subject_id = %s"
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        client = Client()
        for person, given, status in (
            (cast.bob.id, {"confirm": "DELETE", "password": PASSWORD}, 403),
            (cast.alice.id, {"confirm": "delete", "password": PASSWORD}, 422),
            (cast.alice.id, {"confirm": "DELETE", "password": "wrong"}, 422),
        ):
            client.force_login(User.objects.get(pk=person))
            after_step_up(client)
            assert client.post("/data/deletion/", given).status_code == status
            assert _rows(database, requested, cast.alices_shop) == [(0,)]
        answer = client.post("/data/deletion/", {"confirm": "DELETE", "password": PASSWORD})
    assert answer.status_code == 200
    _the_link_leads_to_the_proof(answer.content.decode(), cast.alices_shop)
    assert _rows(database, requested, cast.alices_shop) == [(1,)]
