"""What was erased stays erased.

On another host, with a key store from an older copy, with a state folder that lost its journal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.test import override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.sabotage.databases import own_database
from tests.sabotage.deployment import connect, put_product

from theseller.backups.error_translation import as_backup_error
from theseller.backups.types import BackupError
from theseller.cli.main import main
from theseller.connections.data_keys import key_owner
from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import KeyStoreError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.key_types import Purpose
from theseller.crypto.private_files import private_directory, write_private
from theseller.erasure.certificate_verification import verify_certificate
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.journal import PREFIX, Journal, journal, read_key_store
from theseller.erasure.journal_database_exchange import complete_journal
from theseller.erasure.journal_files import journal_folder
from theseller.erasure.journal_loss_detection import journal_extent
from theseller.erasure.queries import connection_certificate
from theseller.erasure.replay import replay_erasures
from theseller.erasure.tenant_and_user_erasure import erase_tenants_and_users
from theseller.erasure.types import JournalEntry, SubjectKind
from theseller.erasure.user_erasure import count_user_rows
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.privacy.account_deletion.operations import delete_account
from theseller.tenancy.tenant_scope import tenant_scope

_COPIED = ("data", "destroyed")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A replay looks at all that ended, so other tests' rows must not be there."""
    with own_database("journal") as name:
        yield name


@contextmanager
def older_copy_of_keys() -> Iterator[None]:
    """Put the key store back, at the end of the block, as it was at its beginning.

    What was destroyed meanwhile exists again.
    """
    folder = Path(settings.ENVIRONMENT.state) / "keys"
    before = {
        path: path.read_bytes() for name in _COPIED for path in (folder / name).glob("*.json")
    }
    yield
    for name in _COPIED:
        for path in (folder / name).glob("*.json"):
            if path not in before:
                path.unlink()
    for path, content in before.items():
        if not path.exists():
            path.write_bytes(content)
            path.chmod(0o600)


@contextmanager
def another_host(tmp_path: Path) -> Iterator[None]:
    """Work as a host with a state folder of its own; key service and database are the same."""
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, state=tmp_path / "host")):
        yield


def superuser(database: str, query: str, *parameters: object) -> None:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        connection.execute(query.encode(), parameters)


def _disconnect(tenant: UUID, connection: UUID, *, hours_ago: int = 0) -> None:
    at = clock.now() - timedelta(hours=hours_ago)
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant,
        actor="process:test",
        at=at,
    )


def _body(tenant: UUID, connection: UUID) -> dict[str, object]:
    with tenant_scope(tenant):
        found = connection_certificate(connection)
    assert found is not None
    return verify_certificate(found[1]).body


def _living(connection: UUID) -> list[str]:
    return [
        entry.owner
        for entry in settings.KEY_STORE.list()
        if str(connection) in entry.owner and not entry.destroyed
    ]


@pytest.fixture
def connected(cast: Cast, database: str) -> UUID:
    """Return a connection with a token's key and one for buyers' data."""
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    put_product(cast.alices_shop, connection)
    key = settings.KEY_STORE.create(Purpose.PII, key_owner(connection, Purpose.PII))
    superuser(
        database,
        "insert into connections_key (tenant_id, connection_id, id, purpose, made_at) values (%s,"
        " %s, %s, 'pii', now())",
        cast.alices_shop, connection, key.id,
    )  # fmt: skip
    assert len(_living(connection)) == 2
    return connection


def test_a_certificate_destroys_what_an_older_key_store_has_alive(
    cast: Cast, connected: UUID
) -> None:
    with older_copy_of_keys():
        _disconnect(cast.alices_shop, connected, hours_ago=1)
        assert _living(connected) == []
    assert len(_living(connected)) == 2
    assert erase_connection(connection=connected, tenant=cast.alices_shop, at=clock.now()).completed
    assert _living(connected) == []
    body = _body(cast.alices_shop, connected)
    destroyed = {one["purpose"] for one in body["keys_destroyed"]}  # type: ignore[attr-defined]
    assert destroyed == {"refresh_token", "pii"}
    assert str(body["refresh_token"]).startswith(
        "deleted in the transaction of the disconnection; its data key was destroyed on "
    )


class _Stubborn:
    """A key store that can't destroy now, as a service that pauses."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def destroy(self, _key: UUID) -> None:
        raise KeyStoreError("the key service pauses")


def test_no_certificate_is_issued_while_a_key_exists(cast: Cast, connected: UUID) -> None:
    with older_copy_of_keys():
        _disconnect(cast.alices_shop, connected)
    with override_settings(KEY_STORE=_Stubborn(settings.KEY_STORE)), pytest.raises(KeyStoreError):
        erase_connection(connection=connected, tenant=cast.alices_shop, at=clock.now())
    with tenant_scope(cast.alices_shop):
        assert connection_certificate(connected) is None
    assert erase_connection(connection=connected, tenant=cast.alices_shop, at=clock.now()).completed
    assert len(_body(cast.alices_shop, connected)["keys_destroyed"]) == 2  # type: ignore[arg-type]


def test_erasure_replay_destroys_only_keys_of_certified_connections(
    cast: Cast, connected: UUID
) -> None:
    """Restore the key store from before the disconnection, after the certificate.

    Another connection is open.
    """
    others = connect(cast.charlies_shop, cast.charlie.id, Region.NA)
    with older_copy_of_keys():
        _disconnect(cast.alices_shop, connected)
        assert erase_connection(
            connection=connected, tenant=cast.alices_shop, at=clock.now()
        ).completed
    assert len(_living(connected)) == 2
    with as_role("worker"):
        assert replay_erasures(at=clock.now()).keys >= 2
        assert replay_erasures(at=clock.now()).keys == 0
    assert _living(connected) == []
    assert len(_living(others)) == 1


def _files_connection(cast: Cast) -> UUID:
    with tenant_scope(cast.charlies_shop):
        connection = connection_for_files(Region.NA, tenant=cast.charlies_shop, at=clock.now())
    put_product(cast.charlies_shop, connection)
    return connection


def test_imports_and_people_erased_on_one_host_stay_erased_by_another(
    cast: Cast, database: str, tmp_path: Path
) -> None:
    """Replay erasures without keys on a host that has no file of the journal.

    A connection of imports has no key, nor has a person: only the journal records them.
    """
    connection = _files_connection(cast)
    _disconnect(cast.charlies_shop, connection)
    assert erase_connection(
        connection=connection, tenant=cast.charlies_shop, at=clock.now()
    ).completed
    delete_account(person=cast.bob.id, at=clock.now())
    with as_role("worker"):
        erase_tenants_and_users(tenants=(), at=clock.now())
    assert not any(count_user_rows(cast.bob.id).values())

    _restore_older_dump(cast, database, connection)
    with as_role("worker"), another_host(tmp_path):
        assert not journal_folder(settings.ENVIRONMENT.state).exists()
        replay_erasures(at=clock.now())
        assert not any(count_user_rows(cast.bob.id).values()), (
            "a person who deleted their account is back"
        )
        assert (journal_folder(settings.ENVIRONMENT.state) / f"{connection}.json").exists()
    with psycopg.connect(test_server().superuser_dsn(database)) as reader:
        left = reader.execute(
            "select count(*) from ingest_product where connection_id = %s", [connection]
        ).fetchone()
        ended = reader.execute(
            "select count(*) from connections_disconnection where connection_id = %s", [connection]
        ).fetchone()
    assert (left, ended) == ((0,), (1,)), "an import that was erased is back"


def _restore_older_dump(cast: Cast, database: str, connection: UUID) -> None:
    """Bring back what a dump from before the deletions has, and no trace of them."""
    superuser(
        database, "delete from connections_disconnection where connection_id = %s", connection
    )
    for subject in (connection, cast.bob.id):
        for table in ("erasure_erasure", "erasure_certificate"):
            superuser(database, f"delete from {table} where subject_id = %s", subject)
    put_product(cast.charlies_shop, connection)
    superuser(
        database,
        "insert into accounts_user (id, email, name, joined_at, password) values (%s, %s, 'Bob',"
        " now(), '!')", cast.bob.id, cast.bob.email
    )  # fmt: skip
    superuser(
        database,
        "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s,"
        " 'viewer', now())", cast.alices_shop, cast.bob.id
    )  # fmt: skip


def test_erasure_journal_is_merged_from_files_key_store_and_database(
    cast: Cast, tmp_path: Path
) -> None:
    """Merge the journal's sources.

    Files of an earlier version get into the key store; what only a newer database has gets into
    both; what was withdrawn into none.
    """
    connection = _files_connection(cast)
    person, withdrawn = new_id(), new_id()
    with as_role("worker"), another_host(tmp_path):
        folder = journal_folder(settings.ENVIRONMENT.state)
        journal().write(JournalEntry(SubjectKind.USER, withdrawn, clock.now()))
        stale = (folder / "people" / f"{withdrawn}.json").read_bytes()
        journal().withdraw(SubjectKind.USER, withdrawn)
        for name, content in (
            (
                person,
                json.dumps(
                    {"at": "2026-11-01T12:00:00+00:00", "id": str(person), "own_wish": True}
                ).encode(),
            ),
            (withdrawn, stale),
        ):
            (folder / "people" / f"{name}.json").write_bytes(content)
            (folder / "people" / f"{name}.json").chmod(0o600)
        assert complete_journal() >= 1
        assert person in read_key_store(settings.KEY_STORE).entries[SubjectKind.USER]
        known = {entry.id for entry in journal().entries(SubjectKind.USER)}
        assert person in known
        assert withdrawn not in known, "a person who was kept counts as ended by a stale file"
        assert complete_journal() == 0
    _disconnect(cast.charlies_shop, connection)
    with older_copy_of_keys():
        assert erase_connection(
            connection=connection, tenant=cast.charlies_shop, at=clock.now()
        ).completed
    shutil.rmtree(journal_folder(settings.ENVIRONMENT.state))
    with as_role("worker"):
        assert complete_journal() >= 1
    known_now = Journal(settings.KEY_STORE, tmp_path / "no folder").entries(SubjectKind.CONNECTION)
    assert connection in {one.id for one in known_now}


def test_a_user_whose_entry_another_host_withdrew_is_entered_again(
    database: str, tmp_path: Path
) -> None:
    here, there = (Journal(settings.KEY_STORE, tmp_path / name) for name in ("here", "there"))
    for one in (here, there):
        one.state.mkdir()
    entry = JournalEntry(SubjectKind.USER, new_id(), clock.now(), own_request=False)
    here.write(entry)
    there.withdraw(SubjectKind.USER, entry.id)
    assert all(entry.id not in one.recorded()[SubjectKind.USER] for one in (here, there))
    here.write(entry)
    assert all(entry.id in one.recorded()[SubjectKind.USER] for one in (here, there))


def test_a_journal_in_files_of_one_host_is_not_trusted_for_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/theseller")
    monkeypatch.setenv("THESELLER_STATE", str(tmp_path / "state"))
    assert main(["replay-erasures"]) == 1
    said = capsys.readouterr().err
    assert "what another one erased is not known here. Nothing was changed." in said
    assert "--journal-complete" in said


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (
            "key store",
            (
                "entry under key {key} of the key store can't be read: it is damaged, or a later"
                " version"
            ),
        ),
        ("file", "entry {path} is damaged: put it back from a copy"),
        ("open file", "entry {path} can't be read: "),
        ("key file", "what is in the key store can't be read: the file of key {key} is damaged"),
    ],
)
def test_unreadable_journal_entry_is_reported_as_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, says: str
) -> None:
    """Nothing of it blames a key store that answers, and nothing is said to have failed unexpectedly."""
    keys = FileKeyStore(tmp_path / "keys", settings.SECRETS, environment="test")
    path = private_directory(tmp_path / "erasures") / f"{new_id()}.json"
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, state=tmp_path))
    key = keys.create(
        Purpose.AUDIT,
        (
            f"{PREFIX}connection:{new_id()}:later:words:than:ours"
            if where == "key store"
            else "connection:none"
        ),
    )
    if "file" in where and where != "key file":
        write_private(path, b"{}")
        path.chmod(0o644 if where == "open file" else 0o600)
    if where == "key file":
        (tmp_path / "keys" / "data" / f"{key.id}.json").write_bytes(b"{}")
    with pytest.raises(BackupError) as result, as_backup_error():
        journal_extent(keys, tmp_path)
    assert says.format(key=key.id, path=path) in str(result.value)
    assert "can't answer" not in str(result.value)
