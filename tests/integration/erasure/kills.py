"""Kills taking, keeping and ending of backups, disconnecting and purging, at their steps.

Each time on new data, and has it continued.

Run with the name of an act, Django being ready; prints how many kills there were. Backups are
killed between their steps and in the middle of their bytes; disconnecting and purging before and
after a statement that reaches the database. One in four of these boundaries; all with
THESELLER_KILLS_STRIDE=1.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections as databases
from tests.integration.fill_deployment import TOKEN
from tests.integration.key_rotation.kills import forked
from tests.tenant_rows import seed_every_table

from theseller.backups.backup_configuration import BackupContext, backup_context
from theseller.backups.database_source import Moment
from theseller.backups.operations import keep_wal, prune, read_manifest, readable, take
from theseller.backups.queries import backups
from theseller.backups.sealed_objects import fetch, place_of
from theseller.backups.storage_targets import Target
from theseller.backups.types import Fingerprint
from theseller.backups.wal_backup import finished
from theseller.connections import refresh_token_store
from theseller.connections.operations import disconnect
from theseller.connections.queries import connection_view
from theseller.connections.types import DisconnectReason
from theseller.crypto.seal_stream import CHUNK_BYTES
from theseller.erasure.certificate_verification import verify_certificate
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.erasable_tables import connection_tables
from theseller.erasure.journal import journal
from theseller.erasure.queries import connection_certificate, count_left
from theseller.erasure.types import SubjectKind
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.postgres.server_folders import conninfo
from theseller.retention.readable_backups import readable_backup_keys
from theseller.retention.retention_limits import BACKUP_DAYS
from theseller.tenancy.tenant_scope import tenant_scope

ACTOR = "process:test"


class Boundaries:
    """Counts the boundaries that a process passes, and kills it at the wanted one."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.passed = wanted, 0

    def passing(self, *_about: object) -> None:
        if self.passed == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


# --- backups
# --------------------------------------------------------------------------------------------------

_SEGMENT = "000000010000000000000007"


class LittleSource:
    """A source of a few bytes: what is killed here is our part, which is the same for any number of them."""

    version = "18.6"

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.size = 3 * CHUNK_BYTES
        archive.mkdir(exist_ok=True)
        (archive / _SEGMENT).write_bytes(b"wal" * 1000)

    def current_segment(self) -> str:
        return _SEGMENT

    def base(self) -> Iterator[bytes]:
        yield from (os.urandom(self.size), b"the rest")

    def mark(self, restore_point: str) -> Moment:
        assert restore_point
        return Moment({"public.x": Fingerprint(1, "2")}, _SEGMENT)


def _place(boundaries: Boundaries | None = None) -> BackupContext:
    """Return a backup context that passes a boundary at each step, and within each object that is written."""
    place = backup_context()
    place = replace(place, source=LittleSource(place.source.archive.with_name("little-archive")))
    return (
        replace(place, target=Watched(place.target, boundaries), reached=boundaries.passing)
        if boundaries
        else place
    )


class Watched:
    """A target that passes a boundary before each piece that it writes."""

    def __init__(self, target: Target, boundaries: Boundaries) -> None:
        self._target, self._boundaries = target, boundaries
        self.title, self.get, self.names, self.delete = (
            target.title,
            target.get,
            target.names,
            target.delete,
        )

    def put(self, name: str, content: Iterable[bytes]) -> int:
        def watched() -> Iterator[bytes]:
            for piece in content:
                self._boundaries.passing(name)
                yield piece

        return self._target.put(name, watched())


def _backup_killed(boundary: int) -> None:
    place = _place(Boundaries(boundary))
    take(place, now=clock.now)
    keep_wal(place)


def _check_backups() -> None:
    """Check that what a kill left is removed.

    Every living key opens a whole backup, the records say the same, and no other object exists.
    """
    place, at = _place(), clock.now()
    prune(place, at=at)
    keep_wal(place)
    whole = [readable(place, entry) for entry in readable_backup_keys(place.keys)]
    assert None not in whole, "a key without a whole backup survived the pruning"
    assert {one.id for one in backups() if one.finished_at is not None and one.alive} == set(
        whole
    ), "the records differ from the keys"
    assert {name.split("/")[0] for name in place.target.names()} == {
        one.hex for one in whole if one
    }, "objects of no backup are left"
    for one in filter(None, whole):
        described = read_manifest(place, one)
        for name in described.objects:
            assert b"".join(fetch(place.target, place.keys, place_of(one, name, place.environment)))
    assert not finished(place.source.archive) or not whole, "WAL in plain was left in the archive"


def _prune_prepared() -> None:
    for _ in range(2):
        take(_place(), now=clock.now)


def _prune_killed(boundary: int) -> None:
    prune(_place(Boundaries(boundary)), at=clock.now() + timedelta(days=BACKUP_DAYS))


def _check_pruned() -> None:
    place, later = _place(), clock.now() + timedelta(days=BACKUP_DAYS)
    prune(place, at=later)
    assert readable_backup_keys(place.keys) == ()
    assert place.target.names() == ()
    assert all(not one.alive for one in backups()), (
        "a record says that an expired backup is readable"
    )
    ended = {
        row[0]
        for row in superuser("select subject from audit_event where tag = 'retention:backup:ended'")
    }
    assert {f"backup:{one.id}" for one in backups()} <= ended, (
        "a backup expired and the log doesn't say so"
    )


# --- disconnecting and purging
# --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def statements(boundaries: Boundaries) -> Iterator[None]:
    """Pass a boundary before and after every statement, on every connection."""

    def wrapper(
        execute: Callable[..., object],
        sql: str,
        params: object,
        many: bool,  # noqa: FBT001
        context: object,
    ) -> object:
        boundaries.passing(sql)
        answer = execute(sql, params, many, context)
        boundaries.passing(sql)
        return answer

    with contextlib.ExitStack() as stack:
        for alias in databases:
            stack.enter_context(databases[alias].execute_wrapper(wrapper))
        yield


def open_connection(tenant: UUID) -> UUID:
    connection, at = new_id(), clock.now()
    superuser(
        "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
        " marketplace_ids, features, roles, created_at, authorised_at, authorisation_expires_at)"
        " values (%s, %s, 'lwa', 'na', %s, %s, '{}', '{}', %s, %s, %s)",
        [tenant, connection, f"A{connection.hex[:12].upper()}", ["ATVPDKIKX0DER"], at, at, at],
    )
    return connection


def _sealed_token(tenant: UUID, connection: UUID) -> None:
    with tenant_scope(tenant):
        refresh_token_store.store_token(tenant, connection, Secret(TOKEN), at=clock.now())


def _disconnect(tenant: UUID, connection: UUID) -> None:
    disconnect(
        connection=connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant,
        actor=ACTOR,
        at=clock.now(),
    )


def _disconnect_killed(tenant: UUID, connection: UUID, boundary: int) -> None:
    with statements(Boundaries(boundary)):
        _disconnect(tenant, connection)


def _never_half_disconnected(tenant: UUID, connection: UUID) -> None:
    """After a kill it is either all open, or all closed, or open with a token that can't be read any more."""
    closed = superuser(
        "select 1 from connections_disconnection where connection_id = %s", [connection]
    )
    token = superuser(
        "select 1 from connections_refresh_token where connection_id = %s", [connection]
    )
    assert bool(closed) != bool(token), (
        "a closed connection holds a token, or an open one has lost it"
    )
    if closed:
        assert not _living(connection), "a closed connection's key can still be read"


def _living(connection: UUID) -> bool:
    return any(
        key.owner == f"connection:{connection}" and not key.destroyed
        for key in settings.KEY_STORE.list()
    )


def _check_disconnected(tenant: UUID, connection: UUID) -> None:
    _disconnect(tenant, connection)
    with tenant_scope(tenant):
        view = connection_view(connection)
        assert view is not None
        assert not view.is_open
    assert not superuser(
        "select 1 from connections_refresh_token where connection_id = %s", [connection]
    ), "the token is still there"
    assert not _living(connection)


def _recipe(tenant: UUID, person: UUID) -> tuple[str, list[str]]:
    """Seed a closed connection; return its id, and the statements that make one of its kind.

    They insert a row into every table in which it can have one.
    """
    others = {row[0] for row in superuser("select connection_id from connections_disconnection")}
    with psycopg.connect(_dsn(), autocommit=True) as connection:
        inserts = seed_every_table(connection, tenant, person)
    (found,) = {
        row[0] for row in superuser("select connection_id from connections_disconnection")
    } - others
    superuser("delete from connections_refresh_token where connection_id = %s", [found])
    for table in ("erasure_erasure", "erasure_certificate"):
        superuser(f"delete from {table} where subject_id = %s", [found])
    forked(partial(_check_purged, tenant, found))  # Some tables take only one such row in a shop.
    wanted = (
        "connections_connection",
        "connections_disconnection",
        *(descriptor.table for descriptor in connection_tables()),
    )
    return str(found), [
        inserts[table] for table in dict.fromkeys(wanted) if table != "connections_refresh_token"
    ]


def _seeded(recipe: tuple[str, list[str]]) -> UUID:
    """Follow a recipe for a new connection."""
    made = new_id()
    for statement in recipe[1]:
        # What must be unique besides the connection's id is a hash of 32 bytes.
        superuser(
            statement.replace(recipe[0], str(made)).replace(
                "repeat('07', 32)", f"repeat('{os.urandom(16).hex()}', 2)"
            )
        )
    return made


def _purge_killed(tenant: UUID, connection: UUID, boundary: int) -> None:
    with statements(Boundaries(boundary)):
        erase_connection(connection=connection, tenant=tenant, at=clock.now())


def _check_records_of_a_purge(tenant: UUID, connection: UUID, before: dict[str, int]) -> None:
    """Check that nothing was erased before the ledger has its entry.

    No table is marked as done that has rows, and no certificate was issued over rows.
    """
    left = _left(tenant, connection)
    marked = superuser("select steps_done from erasure_erasure where subject_id = %s", [connection])
    entries = {entry.id for entry in journal().entries(SubjectKind.CONNECTION)}
    if left != before:
        assert connection in entries, (
            "rows were erased that the ledger outside the database doesn't name"
        )
        assert marked, "rows were erased before the plan was written"
    for name in marked[0][0] if marked else ():
        if "/" not in name:
            assert left[name] == 0, f"{name} is marked as done and has rows"
    if superuser("select 1 from erasure_certificate where subject_id = %s", [connection]):
        assert not any(left.values()), "a certificate was issued over rows"


def _check_purged(tenant: UUID, connection: UUID) -> None:
    assert erase_connection(connection=connection, tenant=tenant, at=clock.now()).completed
    assert not any(_left(tenant, connection).values())
    with tenant_scope(tenant, using="retention"):
        found = connection_certificate(connection, using="retention")
    assert found is not None
    assert verify_certificate(found[1]).body["connection_id"] == str(connection)


def _left(tenant: UUID, connection: UUID) -> dict[str, int]:
    found = count_left(tenant, connection, ["x", "ATVPDKIKX0DER"], using="probe")
    assert set(found) == {descriptor.table for descriptor in connection_tables()}
    return found


def _dsn() -> str:
    return conninfo(
        settings.ENVIRONMENT.state, "theseller_super", settings.SECRETS.get("db-superuser").reveal()
    )


def superuser(query: str, parameters: list[object] | None = None) -> list[tuple[Any, ...]]:
    with psycopg.connect(_dsn(), autocommit=True) as connection:
        cursor = connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


# --- the acts
# --------------------------------------------------------------------------------------------------


def _stride() -> int:
    """Return of how many boundaries one is tried."""
    return int(os.environ.get("THESELLER_KILLS_STRIDE", "4"))


def kill_backups() -> int:
    boundary, kills = 0, 0
    while forked(partial(_backup_killed, boundary)) == signal.SIGKILL:
        forked(_check_backups)
        boundary, kills = boundary + _stride(), kills + 1
    forked(_check_backups)
    return kills


def kill_prunings() -> int:
    boundary, kills = 0, 0
    while True:
        forked(_prune_prepared)
        killed = forked(partial(_prune_killed, boundary)) == signal.SIGKILL
        forked(_check_pruned)
        if not killed:
            return kills
        boundary, kills = boundary + _stride(), kills + 1


def kill_disconnections(tenant: UUID) -> int:
    boundary, kills = 0, 0
    while True:
        connection = open_connection(tenant)
        forked(partial(_sealed_token, tenant, connection))
        killed = forked(partial(_disconnect_killed, tenant, connection, boundary)) == signal.SIGKILL
        forked(partial(_never_half_disconnected, tenant, connection))
        forked(partial(_check_disconnected, tenant, connection))
        if not killed:
            return kills
        boundary, kills = boundary + _stride(), kills + 1


def kill_purges(tenant: UUID, person: UUID) -> int:
    stride = _stride()
    boundary, kills, recipe = stride // 2, 0, _recipe(tenant, person)
    while True:
        connection = _seeded(recipe)
        before = left_reported(tenant, connection)
        assert sum(before.values()) > 5, "there is too little to erase"
        killed = forked(partial(_purge_killed, tenant, connection, boundary)) == signal.SIGKILL
        forked(partial(_check_records_of_a_purge, tenant, connection, before))
        forked(partial(_check_purged, tenant, connection))
        if not killed:
            return kills
        boundary, kills = boundary + stride, kills + 1


def left_reported(tenant: UUID, connection: UUID) -> dict[str, int]:
    """Count what is left, in a process of its own.

    This one has no connection that its children would share.
    """
    reading, writing = os.pipe()
    forked(lambda: _tell(writing, _left(tenant, connection)))
    os.close(writing)
    with os.fdopen(reading) as result:
        return {name: int(number) for name, number in (line.split() for line in result)}


def _tell(to: int, counts: dict[str, int]) -> None:
    os.write(to, "".join(f"{name} {number}\n" for name, number in counts.items()).encode())


def main() -> None:
    act, tenant, person = sys.argv[1], UUID(sys.argv[2]), UUID(sys.argv[3])
    acts: dict[str, Callable[[], int]] = {
        "backup": kill_backups,
        "prune": kill_prunings,
        "disconnect": lambda: kill_disconnections(tenant),
        "purge": lambda: kill_purges(tenant, person),
    }
    sys.stdout.write(f"{acts[act]()}\n")


if __name__ == "__main__":
    main()
