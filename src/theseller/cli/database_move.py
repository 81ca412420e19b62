"""Move a database between the embedded server and an external one.

Nothing may run meanwhile: the services are kept out of the original from before the copy on, and it
is closed for good when the copy was proven. If anything fails before, the original is opened again
and is what it was.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from theseller.cli.embedded_postgres_setup import apply_roles, embedded_server
from theseller.cli.errors import CommandError
from theseller.cli.external_postgres_inspection import ExternalServer, inspect_server
from theseller.cli.state_folders import exclusive_state_folder
from theseller.config.database_settings import external_settings
from theseller.lib import clock
from theseller.postgres.database_copy import (
    Content,
    copy_database,
    read_content,
    sessions_of_others,
)
from theseller.postgres.other_deployment_check import lock_roles, refuse_foreign_roles
from theseller.postgres.role_setup import (
    DATABASE,
    LOGIN_ROLES,
    close_database,
    ensure_roles,
)
from theseller.postgres.server import Server
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.swap_data_dir import set_data_aside

#: Rights that differ because the backups of an external server are its service's.
_BACKUP_ROLE = "role theseller_backup: "
_SHOWN = 5
_PURPOSE = "theseller database move"
_AFTER_EXTERNAL = """\
Now: 1. set DATABASE_URL={url} in the configuration, and start web and worker: theseller doctor.
     2. let your database service take backups: TheSeller takes none of an external database.
     3. the embedded database is in {aside} and is not used any more. It holds data that will be
        deleted later on: remove it within seven days."""
_AFTER_EMBEDDED = """\
Now: 1. remove DATABASE_URL from the configuration, and start database, web and worker: theseller
        doctor.
     2. theseller backup now.
     3. the database {database} on the external server accepts no connections any more. It holds
        data that will be deleted later on: drop it within seven days."""
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


def move_to_external(state: Path, url: str) -> Moved:
    """Move the embedded database to the server of `url`.

    Raises:
        CommandError: something runs, the target is not empty or too old, or the copy differs.
    """
    refuse_running(state)
    external_settings(url)
    server = embedded_server(state, purpose=_PURPOSE, say=print)
    target = _external(url)
    if target.owner:
        raise CommandError(
            f"The database {target.database} exists on that server. Nothing was changed.",
            "Drop it there if it is no one's, or name another.",
        )
    # The commands below take the target for the deployment's database.
    os.environ["DATABASE_URL"] = url
    with started(server), _closed(server.superuser_dsn(DATABASE)):
        source = server.superuser_dsn(DATABASE)
        _refuse_older(source, target.dsn)
        _record(state, target.database, "external")
        before = read_content(source)
        _prepare(state, target)
        copy_database(server.binaries, source, target.target)
        compare_rows(before, read_content(target.target))
        compare_rows(before, read_content(source))
        migrate_external(url, 0)
        _compare_rights(before, read_content(target.target))
    return _moved(before, _AFTER_EXTERNAL.format(url=url, aside=set_data_aside(state)))


def move_to_embedded(state: Path, url: str) -> Moved:
    """Move the external database of `url` into the state folder's own server.

    Raises:
        CommandError: as for `move_to_external`.
    """
    refuse_running(state)
    layout = saved_layout(state)
    if layout is not None and layout.data.exists():
        raise CommandError(
            f"There is an embedded database in {layout.data}. Nothing was changed.",
            "Move that folder away if it is no one's.",
        )
    source = _external(url)
    del os.environ["DATABASE_URL"]
    server = embedded_server(state, purpose=_PURPOSE, say=print)
    with _closed(source.target):
        try:
            with started(server):
                target = server.superuser_dsn(DATABASE)
                _refuse_older(source.dsn, server.superuser_dsn())
                _record(state, source.database, "embedded")
                before = read_content(source.target)
                apply_roles(server)
                copy_database(server.binaries, source.target, target)
                compare_rows(before, read_content(target))
                compare_rows(before, read_content(source.target))
                migrate_moved(target)
                _compare_rights(before, read_content(target))
        except BaseException:
            # There was none before: this is an incomplete copy.
            if (copy := set_data_aside(state)) is not None:
                shutil.rmtree(copy)
            raise
    _close_for_good(source)
    return _moved(before, _AFTER_EMBEDDED.format(database=source.database))


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
    """Keep the roles of the services out of a database.

    If the block fails, they are let in again. After it the caller closes or removes the database.

    Raises:
        CommandError: someone is connected.
    """
    roles = sql.SQL(", ").join(sql.Identifier(role) for role in LOGIN_ROLES.values())
    with psycopg.connect(dsn, autocommit=True) as administrator:
        database = sql.Identifier(administrator.info.dbname)
        administrator.execute(
            sql.SQL("revoke connect on database {} from {}").format(database, roles)
        )
        try:
            _refuse_sessions(administrator)
            yield
        except BaseException:
            close_database(dsn, administrator.info.dbname)
            raise


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
            "The original is as it was, and open again. Drop the copy.",
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


def _close_for_good(server: ExternalServer) -> None:
    # No session can close its own database.
    command = sql.SQL("alter database {} with allow_connections false").format(
        sql.Identifier(server.database)
    )
    with psycopg.connect(
        make_conninfo(server.dsn, dbname="template1"), autocommit=True
    ) as administrator:
        administrator.execute(command)


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
