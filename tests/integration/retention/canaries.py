"""Fills every table that can hold rows of a connection with canaries, and searches everything that a deployment keeps for them.

Run with the name of an act, Django being ready, as the worker. A canary is 128 random bits: as 32 letters in text, and as 16 bytes in bytea.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tarfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.conf import settings
from tests.search import Exact, Search
from tests.seeds import seed_every_table

from theseller.datamap.types import Eraser
from theseller.lib import clock
from theseller.lib.streams import as_file
from theseller.postgres.layout import conninfo, saved_layout
from theseller.retention.backups.operations import keep_wal, living_keys, prune, read_manifest, readable, take
from theseller.retention.backups.sealing import fetch, place_of
from theseller.retention.backups.workplace import alone, workplace
from theseller.retention.operations import purge
from theseller.retention.queries import certificate, erasable
from theseller.tenancy.scope import tenant_scope

ROWS = 400
_COLUMNS = """
select a.attname, format_type(a.atttypid, null) from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
  and format_type(a.atttypid, null) in ('text', 'text[]', 'character varying', 'json', 'jsonb', 'bytea')
order by a.attnum
"""


def _superuser() -> psycopg.Connection[tuple[object, ...]]:
    dsn = conninfo(settings.ENVIRONMENT.state, "theseller_super", settings.SECRETS.get("db-superuser").reveal())
    return psycopg.connect(dsn, autocommit=True)


def plant(tenant: UUID, person: UUID, canary: bytes) -> None:
    """Put the canary into every column that can hold text, documents, arrays or bytes, of many rows of every erasable table.

    Columns that only take words of a list are left as they are; which were planted is printed, by table.
    """
    planted: dict[str, list[str]] = {}
    with _superuser() as database:
        seed_every_table(database, tenant, person)
        found = database.execute("select connection_id from retention_purge where tenant_id = %s", [tenant]).fetchone()
        assert found is not None
        for holding in erasable():
            # Only rows of the connection that ends: the shop's other one stays open, and what came of it stays.
            whose = f"tenant_id = '{tenant}'" + (f" and connection_id = '{found[0]}'" if holding.connection_column else "")
            columns = [
                (name, kind)
                for name, kind in database.execute(_COLUMNS, [holding.table]).fetchall()
                # By the store's id, which Amazon gives, the derived rows of a connection are found.
                if (holding.eraser, name) != (Eraser.REBUILD, "marketplace_id")
            ]
            if not columns:
                continue
            planted[holding.table] = []
            for name, kind in columns:
                if _can_hold(database, holding.table, str(name), str(kind), whose, canary):
                    planted[holding.table].append(str(name))
            _many(database, holding.table, planted[holding.table], whose)
        database.execute("analyze")  # the planner's samples hold values of rows, too
        for table in ("retention_purge", "retention_certificate"):
            database.execute(f"delete from {table} where tenant_id = '{tenant}'".encode())
        database.execute(b"checkpoint")
    sys.stdout.write(json.dumps({"connection": str(found[0]), "planted": planted}) + "\n")


def _value(kind: str, canary: bytes) -> str:
    text = canary.hex()
    if kind == "bytea":
        return f"decode('{text}', 'hex')"
    if kind == "text[]":
        return f"array['{text}']"
    return f"""'{{"{text}": "{text}"}}'""" if kind.startswith("json") else f"'{text}'"


def _can_hold(database: psycopg.Connection[tuple[object, ...]], table: str, name: str, kind: str, whose: str, canary: bytes) -> bool:
    """Put the canary into one column of the tenant's row; say whether the column's checks allow it, at some length."""
    content = _value(kind, canary)
    longer = f"decode(repeat('{canary.hex()}', %s), 'hex')"
    for value in [content, *(longer % times for times in (2, 4, 8) if kind == "bytea")]:
        try:
            database.execute(f"update {table} set {name} = {value} where {whose}".encode())
        except (psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation):
            continue
        return True
    return False


def _many(database: psycopg.Connection[tuple[object, ...]], table: str, planted: list[str], whose: str) -> None:
    """Add rows like the planted one until there are pages of them, where a key of the table has a planted text in it to be varied."""
    columns = [
        (str(name), str(kind))
        for name, kind in database.execute(
            "select a.attname, format_type(a.atttypid, null) from pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0"
            " and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''",
            [table],
        ).fetchall()
    ]
    varied = [name for name, kind in columns if kind == "text" and name in planted]
    chosen = ", ".join(f"{name} || '-' || n" if name in varied else name for name, _ in columns)
    query = (
        f"insert into {table} ({', '.join(name for name, _ in columns)}) select {chosen} from {table}, generate_series(1, {ROWS}) n"
        f" where {whose} on conflict do nothing"
    )
    with contextlib.suppress(psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation):
        database.execute(query.encode())


def end(tenant: UUID, connection: UUID) -> None:
    """Purge what the seeds have marked as disconnected; the token goes first, as it does in the transaction of a disconnection."""
    with _superuser() as database:
        database.execute("delete from connections_refresh_token where connection_id = %s", [connection])
    outcome = purge(connection=connection, tenant=tenant, at=clock.now())
    for _ in range(20):
        if outcome.completed:
            break
        outcome = purge(connection=connection, tenant=tenant, at=clock.now())
    if not outcome.completed:
        sys.exit(f"not erased: left {outcome.left}, waiting: {outcome.waiting}")
    with tenant_scope(tenant, using="retention"):
        found = certificate(connection, using="retention")
    assert found is not None
    sys.stdout.write(f"{found[1].decode()}\n")


def back_up() -> None:
    """Take a backup now."""
    place = workplace()
    with alone(place.lock) as ours:
        assert ours
        taken = take(place, at=clock.now())
        keep_wal(place)
    sys.stdout.write(f"{taken.id}\n")


def search_all(needles: dict[str, str], at: datetime) -> None:
    """Let every backup die that must have at `at`; then search the state folder, the database's files and every backup that opens."""
    place, state = workplace(), settings.ENVIRONMENT.state
    with alone(place.lock) as ours:
        assert ours
        prune(place, at=at)
    exact = [Exact(f"{name} {form}", content) for name, text in needles.items() for form, content in _forms(text)]
    search = Search(exact, shapes=())
    search.folder(state, label="state/")
    layout = saved_layout(state)
    assert layout is not None
    if not layout.home.is_relative_to(state):
        search.folder(layout.home, label="database/")
    opened = 0
    for identity in filter(None, (readable(place, entry) for entry in living_keys(place))):
        opened += 1
        _search_backup(search, identity)
    hits = sorted({(hit.place, hit.needle.split()[0], hit.form) for hit in search.found.hits})
    sys.stdout.write(json.dumps({"files": search.found.files, "bytes": search.found.bytes, "backups": opened, "hits": hits}) + "\n")


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    yield "text", text.encode()
    yield "bytes", bytes.fromhex(text)


def _search_backup(search: Search, identity: UUID) -> None:
    """Search what the backup holds, decrypted: each file of its tar, and each WAL segment."""
    place = workplace()
    manifest = read_manifest(place, identity)
    opened = as_file(fetch(place.target, place.keys, place_of(identity, "base", place.environment)))
    with tarfile.open(fileobj=opened, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                search.content(f"backup {identity}/{member.name}", content.read())
                search.found.files += 1
    prefix = f"{identity.hex}/wal/"
    for name in place.target.names(prefix):
        segment = f"wal/{name.removeprefix(prefix)}"
        search.content(
            f"backup {identity}/{segment}", b"".join(fetch(place.target, place.keys, place_of(identity, segment, place.environment)))
        )
        search.found.files += 1
    assert manifest.id == identity


def main() -> None:
    act, *arguments = sys.argv[1:]
    if act == "plant":
        plant(UUID(arguments[0]), UUID(arguments[1]), bytes.fromhex(arguments[2]))
    elif act == "end":
        end(UUID(arguments[0]), UUID(arguments[1]))
    elif act == "back-up":
        back_up()
    else:
        search_all(json.loads(arguments[0]), clock.now() + timedelta(days=int(arguments[1])))


if __name__ == "__main__":
    main()
