"""Fills every table that can hold rows of a connection with canaries, and searches for them.

The search reads everything that a deployment keeps.

Run with the name of an act, Django being ready, as the worker. A canary is 128 random bits: as 32
letters in text, and as 16 bytes in bytea.
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
from tests.leak_scanner import Exact, LeakScanner
from tests.tenant_rows import seed_every_table

from theseller.backups.backup_configuration import backup_context, try_lock
from theseller.backups.operations import keep_wal, prune, read_manifest, readable, take
from theseller.backups.sealed_objects import fetch, place_of
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.erasable_tables import connection_tables
from theseller.erasure.queries import connection_certificate
from theseller.erasure.tenant_and_user_erasure import erase_tenant
from theseller.lib import clock
from theseller.lib.chunks_as_file import as_file
from theseller.postgres.server_folders import conninfo, saved_layout
from theseller.retention.readable_backups import readable_backup_keys
from theseller.tenancy.tenant_scope import tenant_scope

ROWS = 400
_COLUMNS = """
select a.attname, format_type(a.atttypid, null) from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
  and format_type(a.atttypid, null)
    in ('text', 'text[]', 'character varying', 'json', 'jsonb', 'bytea')
order by a.attnum
"""


def _superuser() -> psycopg.Connection[tuple[object, ...]]:
    dsn = conninfo(
        settings.ENVIRONMENT.state, "theseller_super", settings.SECRETS.get("db-superuser").reveal()
    )
    return psycopg.connect(dsn, autocommit=True)


#: Columns that decide what is erased, or that the erasure reads: with a canary in them another
#: thing would be tried than what happens.
_STEERING = {
    "connections_connection.marketplace_ids": "the stores whose derived rows go",
    "connections_connection.features": (
        "words of ours, which the program refuses to read if it doesn't know them"
    ),
    "connections_connection.roles": "words of ours, as well",
    "connections_attempt.features": "words of ours, as well",
    "connections_attempt.roles": "words of ours, as well",
}


def plant(tenant: UUID, person: UUID, canary: bytes) -> None:
    """Put the canary into every column that can hold it, of every table whose rows a deletion erases.

    Those are columns of text, documents, arrays or bytes, and rows that are deleted with a shop.

    Of the tables whose rows go with a connection many rows are made. What was planted is printed by
    table, and what could not be with why.
    """
    planted: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    with _superuser() as database:
        seed_every_table(database, tenant, person)
        found = database.execute(
            "select subject_id from erasure_erasure where tenant_id = %s", [tenant]
        ).fetchone()
        assert found is not None
        database.execute(
            "update connections_attempt set consumed_at = now(), outcome = 'returned' where"
            " tenant_id = %s",
            [tenant],
        )
        for descriptor in descriptors():
            whose = _whose(descriptor, tenant, person, str(found[0]))
            if whose is None:
                continue
            columns = planted.setdefault(descriptor.table, [])
            for name, kind in database.execute(_COLUMNS, [descriptor.table]).fetchall():
                why = _why_not(database, descriptor, str(name), str(kind), whose, canary)
                if why:
                    refused[f"{descriptor.table}.{name}"] = why
                else:
                    columns.append(str(name))
            if descriptor in connection_tables() and columns:
                _many(database, descriptor.table, columns, whose)
        database.execute("analyze")  # the planner's samples hold values of rows, too
        for table in ("erasure_erasure", "erasure_certificate"):
            database.execute(f"delete from {table} where tenant_id = '{tenant}'".encode())
        database.execute(b"checkpoint")
    sys.stdout.write(json.dumps({"planted": planted, "refused": refused}) + "\n")


def _whose(descriptor: TableDescriptor, tenant: UUID, person: UUID, connection: str) -> str | None:
    """Return the condition by which a table's rows are this shop's, or this person's.

    None if none of it is deleted with them.
    """
    if descriptor.eraser is Eraser.KEEP:
        return None
    if descriptor.connection_column:
        # Only rows of the connection that ends: what came of another is that one's to prove.
        return f"tenant_id = '{tenant}' and {descriptor.connection_column} = '{connection}'"
    if descriptor.tenant_column:
        only = f" and id = '{connection}'" if descriptor.table == "connections_connection" else ""
        return f"{descriptor.tenant_column} = '{tenant}'{only}"
    if descriptor.eraser is Eraser.DELETE_USER and descriptor.table != "accounts_operator":
        return f"{'id' if descriptor.table == 'accounts_user' else 'user_id'} = '{person}'"
    return None


def _why_not(
    database: psycopg.Connection[tuple[object, ...]],
    descriptor: TableDescriptor,
    name: str,
    kind: str,
    whose: str,
    canary: bytes,
) -> str:
    """Plant one column; return why it can't hold a canary, "" if it does."""
    if (descriptor.eraser, name) == (Eraser.REBUILD, "marketplace_id"):
        return (
            "the store's id, which Amazon gives: by it the derived rows of a connection are found"
        )
    known = _STEERING.get(f"{descriptor.table}.{name}")
    if known or _can_hold(database, descriptor.table, name, kind, whose, canary):
        return known or ""
    laws = database.execute(
        "select pg_get_constraintdef(c.oid) from pg_constraint c join pg_attribute a on a.attrelid"
        " = c.conrelid and a.attnum = any(c.conkey) where c.conrelid = %s::regclass and a.attname ="
        " %s and c.contype in ('c', 'f')",
        [descriptor.table, name],
    ).fetchall()
    return "; ".join(str(law[0]) for law in laws)


def _value(kind: str, canary: bytes) -> str:
    text = canary.hex()
    if kind == "bytea":
        return f"decode('{text}', 'hex')"
    if kind == "text[]":
        return f"array['{text}']"
    return f"""'{{"{text}": "{text}"}}'""" if kind.startswith("json") else f"'{text}'"


def _can_hold(
    database: psycopg.Connection[tuple[object, ...]],
    table: str,
    name: str,
    kind: str,
    whose: str,
    canary: bytes,
) -> bool:
    """Put the canary into one column of the tenant's row.

    Return whether the column's checks allow it, at some length.
    """
    content = _value(kind, canary)
    longer = f"decode(repeat('{canary.hex()}', %s), 'hex')"
    several = (
        [f"{content} || '-' || gen_random_uuid()"] if kind in {"text", "character varying"} else []
    )
    for value in [content, *several, *(longer % times for times in (2, 4, 8) if kind == "bytea")]:
        try:
            database.execute(f"update {table} set {name} = {value} where {whose}".encode())
        except (
            psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation,
            psycopg.errors.StringDataRightTruncation, psycopg.errors.UniqueViolation,
        ):  # fmt: skip
            continue
        return True
    return False


def _many(
    database: psycopg.Connection[tuple[object, ...]], table: str, planted: list[str], whose: str
) -> None:
    """Add rows like the planted one until they fill pages.

    Only where a key of the table has a planted text in it to be varied.
    """
    columns = [
        (str(name), str(kind))
        for name, kind in database.execute(
            "select a.attname, format_type(a.atttypid, null) from pg_attribute a where a.attrelid ="
            " %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and"
            " a.attidentity = ''",
            [table],
        ).fetchall()
    ]
    varied = [name for name, kind in columns if kind == "text" and name in planted]
    chosen = ", ".join(f"{name} || '-' || n" if name in varied else name for name, _ in columns)
    query = (
        f"insert into {table} ({', '.join(name for name, _ in columns)}) select {chosen} from"
        f" {table}, generate_series(1, {ROWS}) n where {whose} on conflict do nothing"
    )
    with contextlib.suppress(
        psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation
    ):
        database.execute(query.encode())


def leave(tenant: UUID) -> None:
    """End every connection of a shop as its owner does, and print the certificates.

    All of them are erased.
    """
    with _superuser() as database:
        ids = [
            UUID(str(row[0]))
            for row in database.execute(
                "select id from connections_connection where tenant_id = %s", [tenant]
            )
        ]
        # The seeds' token belongs to a connection that they say has ended; it goes in that
        # transaction.
        database.execute(
            "delete from connections_refresh_token t using connections_disconnection d"
            " where d.connection_id = t.connection_id and t.tenant_id = %s", [tenant],
        )  # fmt: skip
    for one in ids:
        disconnect(
            connection=one,
            reason=DisconnectReason.SELLER_REQUEST,
            tenant=tenant,
            actor="process:test",
            at=clock.now(),
        )
    result = []
    for one in ids:
        outcome = erase_connection(connection=one, tenant=tenant, at=clock.now())
        for _ in range(20):
            if outcome.completed:
                break
            outcome = erase_connection(connection=one, tenant=tenant, at=clock.now())
        if not outcome.completed:
            sys.exit(f"not erased: left {outcome.left}, waiting: {outcome.waiting}")
        with tenant_scope(tenant, using="retention"):
            found = connection_certificate(one, using="retention")
        assert found is not None
        result.append(found[1].decode())
    sys.stdout.write(json.dumps(result) + "\n")


def end_shop_of(tenant: UUID) -> None:
    """Erase a shop that was asked to end, and the accounts of people who have no other."""
    erased = erase_tenant(tenant=tenant, at=clock.now())
    for _ in range(20):
        if erased.completed:
            break
        erased = erase_tenant(tenant=tenant, at=clock.now())
    if not erased.completed:
        sys.exit(f"not erased: left {erased.left}, waiting: {erased.waiting}")
    sys.stdout.write("erased\n")


def back_up() -> None:
    """Take a backup now."""
    place = backup_context()
    with try_lock(place.lock) as ours:
        assert ours
        taken = take(place, now=clock.now)
        keep_wal(place)
    sys.stdout.write(f"{taken.id}\n")


def end_backups(at: datetime) -> None:
    """End the backups that are due at `at`."""
    place = backup_context()
    with try_lock(place.lock) as ours:
        assert ours
        prune(place, at=at)
    sys.stdout.write("ended\n")


def search_all(needles: dict[str, str]) -> None:
    """Search for canaries in the state folder, the database's files and every backup that opens."""
    place, state = backup_context(), settings.ENVIRONMENT.state
    exact = [
        Exact(f"{name} {form}", content)
        for name, text in needles.items()
        for form, content in _forms(text)
    ]
    search = LeakScanner(exact, shapes=())
    search.folder(state, label="state/")
    layout = saved_layout(state)
    assert layout is not None
    if not layout.home.is_relative_to(state):
        search.folder(layout.home, label="database/")
    opened = 0
    for identity in filter(
        None, (readable(place, entry) for entry in readable_backup_keys(place.keys))
    ):
        opened += 1
        _search_backup(search, identity)
    hits = sorted({(hit.place, hit.needle.split()[0], hit.form) for hit in search.found.hits})
    sys.stdout.write(
        json.dumps(
            {
                "files": search.found.files,
                "bytes": search.found.bytes,
                "backups": opened,
                "hits": hits,
            }
        )
        + "\n"
    )


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    yield "text", text.encode()
    yield "bytes", bytes.fromhex(text)


def _search_backup(search: LeakScanner, identity: UUID) -> None:
    """Search what the backup holds, decrypted: each file of its tar, and each WAL segment."""
    place = backup_context()
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
            f"backup {identity}/{segment}",
            b"".join(
                fetch(place.target, place.keys, place_of(identity, segment, place.environment))
            ),
        )
        search.found.files += 1
    assert manifest.id == identity


def main() -> None:
    act, *arguments = sys.argv[1:]
    if act == "plant":
        plant(UUID(arguments[0]), UUID(arguments[1]), bytes.fromhex(arguments[2]))
    elif act == "leave":
        leave(UUID(arguments[0]))
    elif act == "end-shop":
        end_shop_of(UUID(arguments[0]))
    elif act == "back-up":
        back_up()
    elif act == "prune":
        end_backups(clock.now() + timedelta(days=int(arguments[0])))
    else:
        search_all(json.loads(arguments[0]))


if __name__ == "__main__":
    main()
