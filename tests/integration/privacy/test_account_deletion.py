"""A person deletes their own account: locked at once, erased and certified; the shops stay.

It is refused while a shop or the deployment needs the person.
"""

from __future__ import annotations

import argparse
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection as default_connection
from django.db import connections as databases
from django.test import Client, override_settings
from tests.cast import NOON, PASSWORD, Cast, create_cast
from tests.conftest import as_role
from tests.database import test_server
from tests.operators import (
    anonymous_client,
    create_operator,
    enroll_app,
    grant_operator,
    operator_client,
    revoke_operator,
)
from tests.sabotage.deployment import connect

from theseller.accounts.mfa.operations import make_recovery_codes
from theseller.accounts.mfa.recent_proof import note_password
from theseller.accounts.models import User
from theseller.accounts.operations import make_owner
from theseller.accounts.session_store import SessionStore
from theseller.accounts.sessions import sessions_of
from theseller.cli.commands import deletion_certificate as certificate_command
from theseller.cli.commands import verify_deletion_certificate as verify_command
from theseller.cli.errors import CommandError
from theseller.erasure.certificate_links import follow_link
from theseller.erasure.certificate_verification import verify_certificate
from theseller.erasure.journal import journal
from theseller.erasure.journal_files import journal_folder
from theseller.erasure.queries import subject_certificate
from theseller.erasure.tenant_and_user_erasure import (
    erase_tenants_and_users,
    replay_tenants_and_users,
)
from theseller.erasure.types import SubjectKind
from theseller.erasure.user_erasure import count_user_rows
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.privacy.account_deletion.operations import delete_account
from theseller.privacy.account_deletion.types import AccountDeletionRefusedError

CONFIRMED = {"confirm": "DELETE", "password": PASSWORD}


@pytest.fixture
def cast(database: str) -> Iterator[Cast]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        for kind in ("shops", "people"):
            shutil.rmtree(journal_folder(settings.ENVIRONMENT.state) / kind, ignore_errors=True)
        yield create_cast()


def _rows(database: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(sql, parameters).fetchall()


def _fresh(person: UUID) -> Client:
    """Return a browser whose session has just given the password."""
    client = anonymous_client()
    client.force_login(User.objects.get(pk=person))
    session = client.session
    request = type("Request", (), {"session": session})()
    note_password(request, clock.now())
    session.save()
    return client


def _everywhere(cast: Cast, person: UUID, database: str) -> None:
    """Give a person a row in each table that can have one."""
    enroll_app(person, NOON)
    make_recovery_codes(person=person, at=NOON)
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "insert into accounts_passkey (id, user_id, credential_id, credential, sign_count,"
            " name, added_at, answered) values (gen_random_uuid(), %s,"
            " uuid_send(gen_random_uuid()), '\\x00', 0, 'Laptop', now(), now())",
            [person],
        )
        superuser.execute(
            "insert into connections_attempt (tenant_id, id, state_hash, session_hash, user_id,"
            " marketplace_id, features, roles, created_at, expires_at) values (%s,"
            " gen_random_uuid(), sha256(uuid_send(gen_random_uuid())), sha256(''), %s, 'x',"
            " array['sales'], array['x'], now(), now() + interval '1 hour')",
            [cast.alices_shop, person],
        )
        superuser.execute(
            "insert into accounts_invitation (tenant_id, id, token_hash, email, role, user_id,"
            " made_at, expires_at) select %s, gen_random_uuid(), sha256(uuid_send(id)), email,"
            " 'viewer', id, now(), now() + interval '1 hour' from accounts_user where id = %s",
            [cast.charlies_shop, person],
        )
        superuser.execute(
            "insert into accounts_password_link (token_hash, user_id, made_at, expires_at) values"
            " (sha256(uuid_send(gen_random_uuid())), %s, now(), now() + interval '1 hour')",
            [person],
        )
        superuser.execute(
            "insert into accounts_sign_up (id, token_hash, email, user_id, made_at, expires_at)"
            " select gen_random_uuid(), sha256(uuid_send(id)), email, id, now(), now() + interval"
            " '1 hour' from accounts_user where id = %s",
            [person],
        )
        superuser.execute(
            "insert into accounts_oidc_identity values (gen_random_uuid(), %s, 'https://login',"
            " gen_random_uuid()::text, now())",
            [person],
        )
        superuser.execute("insert into accounts_password_request values (%s, now())", [person])


def test_account_deletion_erases_the_user_and_keeps_the_shop(cast: Cast, database: str) -> None:
    bob, alice = cast.bob.id, cast.alice.id
    connect(cast.alices_shop, alice, Region.NA)
    _everywhere(cast, bob, database)
    client, other, expired = _entered(bob), Client(), Client()
    for one in (other, expired):
        one.force_login(User.objects.get(pk=bob))
    assert other.get("/data/").status_code == 200
    before = count_user_rows(bob)
    unused = {"accounts_operator", "mail_message", "mail_refused_address"}
    assert not [table for table, rows in before.items() if not rows and table not in unused], (
        "a table has no row of Bob's"
    )

    answer = client.post("/account/security/deletion/", CONFIRMED)

    link = re.search(r'href="http://testserver(/certificates/[\w-]{43}/)"', answer.content.decode())
    assert link is not None
    assert other.get("/data/").status_code == 302  # every session is over at once
    assert client.get("/account/security/").status_code == 302
    assert (
        anonymous_client()
        .post("/sign-in/", {"email": cast.bob.email, "password": PASSWORD})
        .status_code
        == 422
    )
    assert "The account is being deleted" in Client().get(link[1]).content.decode()

    outcomes = {one.subject.id: one for one in erase_tenants_and_users(tenants=(), at=clock.now())}

    assert outcomes[bob].completed
    # Two of the three sessions had ended and were deleted when their browsers came; the link to a
    # new password and the link to the identity provider ended with the request.
    ended = {one: before.pop(one) for one in ("accounts_oidc_identity", "accounts_password_link")}
    assert set(ended.values()) == {1}
    assert {table: rows for table, rows in outcomes[bob].deleted.items() if rows} == {
        **{table: rows for table, rows in before.items() if rows}, "django_session": 1,
    }  # fmt: skip
    before |= dict.fromkeys(ended, 0)
    assert not any(count_user_rows(bob).values())
    assert sessions_of(bob) == []
    assert _rows(
        database, "select user_id from accounts_membership where tenant_id = %s", cast.alices_shop
    ) == [(alice,)]
    body: Any = verify_certificate(Client().get(link[1] + "?file").content).body
    assert body["subject"]["kind"] == "user"
    assert {row["table"]: row["left"] for row in body["rows"]} == dict.fromkeys(before, 0)
    assert body["audit"]["begun_at_position"] < body["audit"]["completed_at_position"]
    said = Client().get(link[1] + "?file").content.decode()
    assert not [word for word in ("Bob", cast.bob.email, str(cast.alices_shop)) if word in said]
    tags = [
        row[0]
        for row in _rows(
            database,
            "select tag from audit_event where subject = %s order by position",
            f"user:{bob}",
        )
    ]
    assert tags[-4:] == [
        "accounts:user:end_intended", "accounts:membership:left", "accounts:user:erased",
        "retention:certificate:issued",
    ]  # fmt: skip
    assert erase_tenants_and_users(tenants=(), at=clock.now()) == ()  # nothing is done twice


def _entered(person: UUID) -> Client:
    """Return the browser of a user with a second factor, who has just proven it."""
    from tests.operators import OperatorUser

    return operator_client(OperatorUser(person, "", None))


def test_the_only_owner_of_a_shop_must_transfer_it_first(cast: Cast) -> None:
    client = _fresh(cast.alice.id)
    page = client.get("/account/security/deletion/").content.decode()
    assert "has no other owner" in page
    assert "Delete my account" not in page
    refused = client.post("/account/security/deletion/", CONFIRMED)
    assert refused.status_code == 422
    assert "You are the only owner of Alice&#x27;s shop" in refused.content.decode()
    assert User.objects.get(pk=cast.alice.id).has_usable_password()
    for person, tenant, status in (
        (cast.charlie.id, cast.alices_shop, 302),
        (cast.bob.id, cast.charlies_shop, 404),
    ):
        assert (
            client.post(f"/account/security/ownership/{tenant}/", {"person": person}).status_code
            == status
        )
    with pytest.raises(AccountDeletionRefusedError):
        delete_account(
            person=cast.alice.id, at=NOON
        )  # Charlie is no member, so nothing was handed over
    assert (
        client.post(
            f"/account/security/ownership/{cast.alices_shop}/", {"person": cast.bob.id}
        ).status_code
        == 302
    )
    assert client.post("/account/security/deletion/", CONFIRMED).status_code == 200
    with pytest.raises(AccountDeletionRefusedError):
        delete_account(person=cast.bob.id, at=NOON)  # Alice has left: now Bob is the only one


def test_two_owners_leaving_concurrently_leave_one_owner(cast: Cast) -> None:
    assert make_owner(person=cast.bob.id, tenant=cast.alices_shop, actor=cast.alice.actor, at=NOON)
    gate = threading.Barrier(2)

    def leave(person: UUID) -> bool:
        try:
            gate.wait(30)
            delete_account(person=person, at=NOON)
        except AccountDeletionRefusedError:
            return False
        finally:
            default_connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(leave, (cast.alice.id, cast.bob.id))) == [False, True]


def test_the_last_operator_cannot_delete_their_account(cast: Cast, database: str) -> None:
    others = [row[0] for row in _rows(database, "select user_id from accounts_operator")]
    for one in others:
        revoke_operator(one)
    operator, oskar = create_operator(), create_operator(name="Oskar")
    try:
        delete_account(person=oskar.id, at=NOON)
        with pytest.raises(AccountDeletionRefusedError, match="last operator"):
            delete_account(
                person=operator.id, at=NOON
            )  # Oskar has asked to go: he is none who stays
        assert all(one.completed for one in erase_tenants_and_users(tenants=(), at=NOON))
        assert _rows(database, "select user_id from accounts_operator") == [(operator.id,)]
    finally:
        for one in others:
            grant_operator(one, NOON)


@pytest.mark.parametrize(
    ("given", "description"),
    [
        ({"confirm": "delete", "password": PASSWORD}, "Type DELETE"),
        ({"confirm": "DELETE", "password": "wrong"}, "This is not your password"),
    ],
)
def test_without_confirmation_and_password_nothing_happens(
    cast: Cast, given: dict[str, str], description: str
) -> None:
    answer = _fresh(cast.bob.id).post("/account/security/deletion/", given)
    assert answer.status_code == 422
    assert description in answer.content.decode()
    assert User.objects.get(pk=cast.bob.id).has_usable_password()


def test_account_deletion_requires_a_recent_second_factor_proof(cast: Cast) -> None:
    client = anonymous_client()
    client.force_login(User.objects.get(pk=cast.bob.id))
    for answer in (
        client.get("/account/security/deletion/"),
        client.post("/account/security/deletion/", CONFIRMED),
    ):
        assert (
            answer["Location"]
            == "/account/second-factor/?next=%2Faccount%2Fsecurity%2Fdeletion%2F&why=stale"
        )
    assert User.objects.get(pk=cast.bob.id).has_usable_password()


def test_user_restored_from_a_backup_is_erased_again(cast: Cast, database: str) -> None:
    """The backup has Bob with a place in a shop and a session; the entry outside the database has his end."""
    link = delete_account(person=cast.bob.id, at=NOON).reveal()
    erased = erase_tenants_and_users(tenants=(), at=NOON)
    assert cast.bob.id in {one.subject.id for one in erased if one.completed}
    (entry,) = (one for one in journal().entries(SubjectKind.USER) if one.id == cast.bob.id)
    assert len(entry.links) == 1
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("delete from erasure_erasure where subject_id = %s", [cast.bob.id])
        superuser.execute("delete from erasure_certificate where subject_id = %s", [cast.bob.id])
        superuser.execute("delete from retention_end_link where subject_id = %s", [cast.bob.id])
    User(id=cast.bob.id, email=cast.bob.email, name="Bob", joined_at=NOON).save(force_insert=True)
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s,"
            " 'viewer', now())",
            [cast.alices_shop, cast.bob.id],
        )
    session = SessionStore()
    session["_auth_user_id"] = str(cast.bob.id)
    session.save()
    with as_role("worker"):
        assert replay_tenants_and_users(at=NOON) == 0
    assert not any(count_user_rows(cast.bob.id).values())
    issued = subject_certificate(cast.bob.id, using="worker")
    found = follow_link(link, at=NOON)
    assert found is not None
    assert found.certificate == issued


def test_certificate_link_is_stored_hashed_and_must_match_exactly(cast: Cast) -> None:
    token = delete_account(person=cast.bob.id, at=NOON).reveal()
    found = follow_link(token, at=NOON)
    assert found is not None
    assert (found.requested_at, found.certificate) == (NOON, None)
    assert follow_link(token[:-1], at=NOON) is None
    with databases["retention"].cursor() as cursor:
        cursor.execute(
            "select count(*) from retention_end_link where position(%s::bytea in token_hash) > 0",
            [token.encode()],
        )
        assert cursor.fetchone() == (0,)
    again = delete_account(person=cast.bob.id, at=NOON + timedelta(minutes=1)).reveal()
    found = follow_link(again, at=NOON + timedelta(minutes=1))
    assert found is not None
    assert found.requested_at == NOON


def test_the_operator_downloads_the_same_certificate(
    cast: Cast, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_command, "setup_django", lambda _role: None)  # it is ready
    delete_account(person=cast.bob.id, at=NOON)
    page = operator_client(create_operator())
    assert page.get(f"/operate/ends/{cast.bob.id}/certificate.json").status_code == 404
    assert all(one.completed for one in erase_tenants_and_users(tenants=(), at=NOON))
    file = page.get(f"/operate/ends/{cast.bob.id}/certificate.json").content
    assert str(cast.bob.id) in page.get("/operate/deletion-requests/").content.decode()
    with as_role("worker"):
        args = argparse.Namespace(number=str(cast.bob.id), to=tmp_path / "proof.json", json=False)
        assert certificate_command.run(args) == 0
        assert certificate_command.run(argparse.Namespace(number=None, to=None, json=False)) == 0
        assert (
            certificate_command.run(
                argparse.Namespace(number=str(cast.alice.id), to=None, json=False)
            )
            == 1
        )
        with pytest.raises(CommandError, match="can't be written"):
            certificate_command.run(args)  # no file is written over
        with pytest.raises(CommandError, match="is not the ID of"):
            certificate_command.run(argparse.Namespace(number="Bob", to=None, json=False))
    assert (tmp_path / "proof.json").read_bytes() == file
    assert f"person  certified  {cast.bob.id}" in capsys.readouterr().out
    assert (
        verify_command.run(argparse.Namespace(file=tmp_path / "proof.json", key="", json=False))
        == 0
    )
    said = capsys.readouterr().out
    assert f"{'user':12} {cast.bob.id} deletion requested" in said
    assert "VALID: theseller.org/deletion-certificate/v4" in said
    (tmp_path / "proof.json").write_bytes(file.replace(b'"left":0', b'"left":1', 1))
    assert (
        verify_command.run(argparse.Namespace(file=tmp_path / "proof.json", key="", json=False))
        == 1
    )
