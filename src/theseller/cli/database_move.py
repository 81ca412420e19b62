"""Move a database between the embedded server and an external one.

Nothing may run meanwhile: the services are kept out of the original from before the copy on, and it
is closed for good when the copy was proven. If anything fails before, the original is opened again
and is what it was. A record in the state folder says how far the move is, so that one that is
killed is undone or finished later.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.commands.migrate import migrate_external, migrate_moved
from theseller.cli.deployment_secrets import ensure_secrets, passwords_in_use, role_passwords
from theseller.cli.embedded_server_preparation_and_roles import apply_roles, embedded_server
from theseller.cli.errors import CommandError
from theseller.cli.external_postgres_inspection import ExternalServer, inspect_server
from theseller.cli.interrupted_move import comment, finish, undo
from theseller.cli.move_record import (
    PURPOSE,
    MoveRecord,
    Phase,
    To,
    only_mover,
    read_record,
    write_record,
)
from theseller.cli.state_folder_locks import exclusive_state_folder
from theseller.config.database_settings import external_settings
from theseller.lib import clock
from theseller.postgres.database_content_digest import Content, read_content
from theseller.postgres.database_copy import copy_database, sessions_of_others
from theseller.postgres.other_deployment_check import lock_roles, refuse_foreign_roles
from theseller.postgres.role_setup import DATABASE, LOGIN_ROLES, ensure_roles
from theseller.postgres.server import Server
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.transaction_and_wal_continuation import (
    continue_counters,
    count_beyond,
    read_counters,
)

#: Rights that differ because the backups of an external server are its service's.
_BACKUP_ROLE = "role theseller_backup: "
_SHOWN = 5
#: The comment of a database on the target until the copy is proven; the next move drops it.
_INCOMPLETE = "incomplete copy of the database cluster {} (theseller database move)"
_MAJOR = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """What was compared and is equal, and what the operator does next."""

    tables: int
    rows: int
    sequences: int
    rights: int
    next_steps: str


def fingerprint_document(state: Path) -> dict[str, Any]:
    """Return what `theseller database fingerprint` prints.

    Raises:
        CommandError: the server can't be used.
    """
    if os.environ.get("DATABASE_URL"):
        found = read_content(_external(os.environ["DATABASE_URL"]).target)
    else:
        server = embedded_server(state, purpose="theseller database", say=lambda _: None)
        with server.running():
            found = read_content(server.superuser_dsn(DATABASE))
    return {
        "tables": {
            name: {"rows": one.rows, "total": one.total} for name, one in found.tables.items()
        },
        "sequences": dict(found.sequences),
        "rights": hashlib.sha256("\n".join(found.rights).encode()).hexdigest(),
    }


def move_to_external(
    state: Path, url: str, *, reached: Callable[[str], None] = lambda _step: None
) -> Moved:
    """Move the embedded database to the server of `url`.

    `reached` is called with the name of each completed step.

    Raises:
        CommandError: something runs, the target is not empty or too old, or the copy differs.
    """
    external_settings(url)
    server = embedded_server(state, purpose=PURPOSE, say=print)
    target = _external(url)
    record = MoveRecord(To.EXTERNAL, url)
    # The commands below take the target for the deployment's database.
    os.environ["DATABASE_URL"] = url
    with only_mover(state):
        with started(server), _undone_on_failure(state, record):
            source = server.superuser_dsn(DATABASE)
            mark = _mark_of(source)
            target = _without_incomplete_copy(target, mark)
            with _closed(source):
                reached("closed")
                _refuse_older(source, target.dsn)
                count_beyond(target.dsn, read_counters(source).transaction, say=print)
                _record(state, target.database, "external")
                before = read_content(source)
                _prepare(state, target)
                comment(target.target, mark)
                reached("prepared")
                copy_database(server.binaries, source, target.target)
                reached("copied")
                compare_rows(before, read_content(target.target))
                compare_rows(before, read_content(source))
                migrate_external(url, 0)
                _compare_rights(before, read_content(target.target))
                reached("compared")
            write_record(state, replace(record, phase=Phase.PROVEN))
        reached("proven")
        next_steps = finish(state, record)
    reached("finished")
    return _moved(before, next_steps)


def move_to_embedded(
    state: Path, url: str, *, reached: Callable[[str], None] = lambda _step: None
) -> Moved:
    """Move the external database of `url` into the state folder's own server.

    Raises:
        CommandError: as for `move_to_external`.
    """
    layout = saved_layout(state)
    if layout is not None and layout.data.exists():
        raise CommandError(
            f"There is an embedded database in {layout.data}. Nothing was changed.",
            "Move that folder away if it is no one's.",
        )
    source = _external(url)
    del os.environ["DATABASE_URL"]
    server = embedded_server(state, purpose=PURPOSE, say=print)
    record = MoveRecord(To.EMBEDDED, url)
    with only_mover(state):
        with _undone_on_failure(state, record), _closed(source.target):
            reached("closed")
            counters = read_counters(source.target).beyond_timeline(_backed_up(source.target))
            counters.arguments()
            with started(server):
                _refuse_older(source.dsn, server.superuser_dsn())
            continue_counters(server, counters)
            with started(server):
                target = server.superuser_dsn(DATABASE)
                _record(state, source.database, "embedded")
                before = read_content(source.target)
                apply_roles(server)
                reached("prepared")
                copy_database(server.binaries, source.target, target)
                reached("copied")
                compare_rows(before, read_content(target))
                compare_rows(before, read_content(source.target))
                migrate_moved(target)
                _compare_rights(before, read_content(target))
                reached("compared")
        write_record(state, replace(record, phase=Phase.PROVEN))
        reached("proven")
        next_steps = finish(state, record)
    reached("finished")
    return _moved(before, next_steps)


@contextmanager
def _undone_on_failure(state: Path, record: MoveRecord) -> Iterator[None]:
    """Record the move for the block; undo it if the copy is not proven."""
    write_record(state, record)
    try:
        yield
    except BaseException:
        found = read_record(state)
        if found is not None and found.phase is Phase.COPYING:
            undo(state, found)
        raise


def _backed_up(source: str) -> int:
    """Return the latest timeline of a backup that the database knows, or 0.

    An external server may be on an earlier one than the embedded server was before: WAL under a
    name that the newest backup has would be taken for that backup's own.
    """
    with psycopg.connect(source) as connection:
        row = connection.execute("select max(left(last_segment, 8)) from retention_backup")
        latest = row.fetchall()[0][0]
    return int(latest, 16) if latest else 0


def _mark_of(source: str) -> str:
    with psycopg.connect(source) as connection:
        row = connection.execute("select system_identifier from pg_control_system()").fetchone()
    return _INCOMPLETE.format(row[0] if row else "")


def _without_incomplete_copy(target: ExternalServer, mark: str) -> ExternalServer:
    """Return the target without an incomplete copy of this cluster.

    An interrupted or failed move leaves one.

    Raises:
        CommandError: the database there is something else.
    """
    if not target.owner:
        return target
    with psycopg.connect(
        make_conninfo(target.dsn, dbname="template1"), autocommit=True
    ) as administrator:
        found = administrator.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s",
            [target.database],
        ).fetchone()
        if found is None or found[0] != mark:
            raise CommandError(
                f"The database {target.database} exists on that server. Nothing was changed.",
                "Drop it there if it is no one's, or name another.",
            )
        print(f"dropping the incomplete copy {target.database} of an earlier move")
        administrator.execute(sql.SQL("drop database {}").format(sql.Identifier(target.database)))
    return inspect_server(os.environ, target.database)


@contextmanager
def started(server: Server) -> Iterator[None]:
    """Run an embedded server for the block, by this process and no other."""
    server.ensure_started()
    try:
        yield
    finally:
        server.stop()


def _external(url: str) -> ExternalServer:
    server = inspect_server(os.environ, urlsplit(url).path.strip("/"))
    if not server.superuser:
        raise CommandError(
            "The administrator of the external server is no superuser, and only one can copy every"
            " row with its owner and rights. Nothing was changed.",
            "Use a server with a superuser; docs/operate/managed-database.md says what others"
            " lack.",
        )
    return server


def refuse_running(state: Path) -> None:
    """Check that no process of the deployment uses the state folder.

    Raises:
        CommandError: one does.
    """
    with exclusive_state_folder(state) as free:
        if not free:
            raise CommandError(
                "A process of this deployment runs. Nothing was changed.",
                "Stop web, worker and database: systemctl stop theseller.target 'theseller-*'",
            )


@contextmanager
def _closed(dsn: str) -> Iterator[None]:
    """Keep the roles of the services out of a database from now on.

    Raises:
        CommandError: someone is connected.
    """
    roles = sql.SQL(", ").join(sql.Identifier(role) for role in LOGIN_ROLES.values())
    with psycopg.connect(dsn, autocommit=True) as administrator:
        database = sql.Identifier(administrator.info.dbname)
        administrator.execute(
            sql.SQL("revoke connect on database {} from {}").format(database, roles)
        )
        _refuse_sessions(administrator)
        yield


def _refuse_sessions(administrator: psycopg.Connection[tuple[Any, ...]]) -> None:
    if others := sessions_of_others(administrator):
        raise CommandError(
            f"{others} session(s) use the database. Nothing was changed.",
            "Stop web, worker and everything else that uses it.",
        )


def _prepare(state: Path, target: ExternalServer) -> None:
    """Make roles and an empty database on an external server."""

    def check(administrator: psycopg.Connection[tuple[object, ...]]) -> None:
        lock_roles(administrator)
        refuse_foreign_roles(administrator, passwords_in_use(state), secrets_at=str(state))

    ensure_roles(
        target.dsn, role_passwords(ensure_secrets(state)), database=target.database, external=True,
        check=check,
    )  # fmt: skip


def _refuse_older(source: str, target: str) -> None:
    with psycopg.connect(source) as one, psycopg.connect(target) as other:
        versions = [each.info.server_version // _MAJOR for each in (one, other)]
    if versions[1] < versions[0]:
        raise CommandError(
            f"The target is PostgreSQL {versions[1]}, the database is on {versions[0]}: a newer"
            " version's dump can't be restored into an older one.",
            f"Use PostgreSQL {versions[0]} or newer.",
        )


def compare_rows(before: Content, after: Content) -> None:
    """Check that two databases have the same rows and sequences.

    Raises:
        CommandError: they do not; it names what differs.
    """
    _refuse_difference("table", before.tables, after.tables)
    _refuse_difference("sequence", before.sequences, after.sequences)


def _compare_rights(before: Content, after: Content) -> None:
    """Check that two databases give our roles the same rights.

    Raises:
        CommandError: they do not; it names what differs.
    """
    _refuse_difference("right", _rights(before), _rights(after))


def _refuse_difference(
    kind: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    wrong = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise CommandError(
            f"The copy differs from the original: {kind} {', '.join(wrong[:_SHOWN])}{more}.",
            "The original is as it was, and open again.",
        )


def _rights(found: Content) -> dict[str, str]:
    """Return the rights to compare.

    Not who may connect, which the move itself changes, nor the roles of others on the server.
    """
    return {
        line: line
        for line in found.rights
        if not line.endswith(" on database (this one)")
        and not line.startswith(_BACKUP_ROLE)
        and (not line.startswith("role ") or line.startswith("role theseller_"))
    }


def _record(state: Path, database: str, to: str) -> None:
    subject, details = f"database:{database}", {"to": to}
    record_command_line_action(
        state, Tag.DATABASE_MOVED, subject=subject, at=clock.now(), details=details
    )


def _moved(found: Content, next_steps: str) -> Moved:
    return Moved(
        tables=len(found.tables),
        rows=sum(one.rows for one in found.tables.values()),
        sequences=len(found.sequences),
        rights=len(_rights(found)),
        next_steps=next_steps,
    )
