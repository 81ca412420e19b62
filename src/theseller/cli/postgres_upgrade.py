"""Upgrade the embedded PostgreSQL to another major version.

The rows are copied into a new cluster beside the old one, which is only read, and compared. Then
the folders are exchanged. Killed before the exchange, the old database is what it was; within it,
the next start finishes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.database_move import compare_rows
from theseller.cli.deployment_secrets import ensure_secrets, role_passwords
from theseller.cli.django_setup import setup_django
from theseller.cli.embedded_server_preparation_and_roles import server_of
from theseller.cli.errors import CommandError
from theseller.cli.move_record import refuse_unfinished_move
from theseller.lib import clock
from theseller.postgres.binaries import Binaries, find_binaries, find_major
from theseller.postgres.database_content_digest import Content, read_content
from theseller.postgres.database_copy import copy_database
from theseller.postgres.initdb_and_settings import SPACE_NEEDED
from theseller.postgres.privilege_comparison import expected_rights
from theseller.postgres.replaced_databases import replaced_databases
from theseller.postgres.role_setup import DATABASE, QUARANTINE, ensure_roles
from theseller.postgres.server import Server, make_folder
from theseller.postgres.server_folders import Layout, made_by, saved_layout
from theseller.postgres.swap_data_dir import swap_data_dir
from theseller.postgres.temporary_server_removal import discard, upgrade_folder
from theseller.postgres.transaction_and_wal_continuation import continue_counters, read_counters

PURPOSE = "theseller postgres upgrade"
_MIB = 1024 * 1024
_PORT = "5433"
#: The old server during the copy: services look for it at another port, and nothing changes it.
_ONLY_READ = {"port": _PORT, "default_transaction_read_only": "on"}
_SHOWN = 5

Reached = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was copied, both versions, and where the old database is."""

    tables: int
    rows: int
    before: str
    after: str
    aside: Path


def upgrade(
    state: Path, old_programs: Path | None = None, *, reached: Reached = lambda _step: None
) -> Upgraded:
    """Upgrade the database to the version of the programs that are found.

    Args:
        state: the state folder; no process of the deployment uses it.
        old_programs: the folder of the programs that made the database, if they are not found.
        reached: called with the name of each completed step.

    Raises:
        CommandError: the versions, the disk or the copy do not allow it; the database is unchanged.
        PostgresError: a server failed; the database is unchanged.
    """
    refuse_unfinished_move(state)
    layout, old, new = _versions(state, old_programs)
    _refuse_full_disk(layout)
    folder = upgrade_folder(state)
    source = server_of(state, purpose=PURPOSE, say=print, binaries=old, extra=_ONLY_READ)
    source.ensure_started()
    try:
        before = _copy_to(folder, state, source, new, reached)
        source.stop(keep_lock=True)
        swap_data_dir(state, _layout(folder), upgrade=True, reached=reached)
        discard(folder)
        reached("discarded")
    finally:
        source.stop()
    return Upgraded(
        tables=len(before.tables),
        rows=sum(one.rows for one in before.tables.values()),
        before=old.version,
        after=new.version,
        aside=replaced_databases(state)[-1].path,
    )


def _versions(state: Path, old_programs: Path | None) -> tuple[Layout, Binaries, Binaries]:
    """Return the data, the programs that made it, and the newer ones.

    Raises:
        CommandError: there is no data, or the programs found are not newer.
    """
    layout = saved_layout(state)
    if layout is None or not (version := made_by(layout.data)).isdigit():
        raise CommandError(
            f"There is no embedded database in {state}. Nothing was changed.",
            "Set THESELLER_STATE to a deployment's folder.",
        )
    new = find_binaries(os.environ)
    if new.major <= int(version):
        what = "is" if new.major == int(version) else "is newer than the programs found: it is"
        raise CommandError(
            f"The database {what} of PostgreSQL {version}, and the programs found are"
            f" {new.version} ({new.origin}). Nothing was changed.",
            "A minor release needs no upgrade: restart the database."
            if new.major == int(version)
            else "Point THESELLER_PG_BIN to a newer version's programs.",
        )
    return layout, find_major(os.environ, int(version), old_programs), new


def _refuse_full_disk(layout: Layout) -> None:
    needed = SPACE_NEEDED + sum(
        path.lstat().st_size
        for path in layout.data.rglob("*")
        if not path.is_dir() and "pg_wal" not in path.parts
    )
    free = shutil.disk_usage(layout.home).free
    if free < needed:
        raise CommandError(
            f"{layout.home} has {free // _MIB} MB left, and the copy may need {needed // _MIB} MB."
            " Nothing was changed.",
            "Free some space; `theseller backup list` shows replaced databases.",
        )


def _record(state: Path, old: Binaries, new: Binaries) -> None:
    details = {"from": f"PostgreSQL {old.version}", "to": f"PostgreSQL {new.version}"}
    record_command_line_action(
        state, Tag.DATABASE_MOVED, subject=f"database:{DATABASE}", at=clock.now(), details=details
    )


def _copy_to(folder: Path, state: Path, source: Server, new: Binaries, reached: Reached) -> Content:
    """Make the new cluster in `folder`; delete it if that fails."""
    try:
        make_folder(folder)
        reached("begun")
        _record(state, source.binaries, new)
        before = _copy(state, source, _new_server(state, folder, new), reached)
    except BaseException:
        discard(folder)
        raise
    reached("stopped")
    return before


def _layout(folder: Path) -> Layout:
    made = saved_layout(folder)
    if made is None:
        raise CommandError("The new cluster is missing. Nothing was changed.")
    return made


def _new_server(state: Path, folder: Path, binaries: Binaries) -> Server:
    return Server(
        folder,
        binaries=binaries,
        superuser_password=ensure_secrets(state).get("db-superuser").reveal(),
        purpose=PURPOSE,
        say=print,
    )


@contextmanager
def _run(server: Server) -> Iterator[None]:
    server.ensure_started()
    try:
        yield
    finally:
        server.stop()


def _copy(state: Path, source: Server, target: Server, reached: Reached) -> Content:
    """Copy everything into a new cluster, migrate it, and compare."""
    original = make_conninfo(source.superuser_dsn(DATABASE), port=_PORT)
    counters = read_counters(original)
    counters.arguments()
    with _run(target):
        reached("initialized")
    continue_counters(target, counters)
    reached("counters set")
    hidden = f"{QUARANTINE}{secrets.token_hex(16)}"
    with _run(target):
        ensure_roles(target.superuser_dsn(), role_passwords(ensure_secrets(state)), database=hidden)
        copy = target.superuser_dsn(hidden)
        reached("prepared")
        before = read_content(original)
        copy_database(target.binaries, original, copy)
        reached("copied")
        compare_rows(before, read_content(copy))
        _migrate(target, hidden)
        _compare_rights(copy, before)
        reached("compared")
        _rename(target.superuser_dsn(), hidden)
    return before


def _migrate(target: Server, hidden: str) -> None:
    """Migrate the copy.

    What depends on the server's version is made for the new one.
    """
    socket = quote(str(target.socket_dir), safe="")
    # As for a restored database: under a name that counts as the embedded server's.
    os.environ["DATABASE_URL"] = f"postgresql:///{hidden}?host={socket}"
    os.environ["THESELLER_BACKUPS"] = "none"
    setup_django("migrate", schema=False)
    from theseller.config.migrate import migrate

    migrate(target.superuser_dsn(hidden), at=clock.now())


def _compare_rights(copy: str, before: Content) -> None:
    """Check that our roles have their rights on the new version.

    Raises:
        CommandError: they have not, or the copy gives a right that the original did not.
    """
    after = set(read_content(copy).rights)
    with psycopg.connect(copy) as connection:
        expected = set(expected_rights(server_version=connection.info.server_version))
    wrong = sorted((expected - after) | (after - expected - set(before.rights)))
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise CommandError(
            f"The copy differs in rights: {', '.join(wrong[:_SHOWN])}{more}. Nothing was changed."
        )


def _rename(dsn: str, hidden: str) -> None:
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as superuser:
        command = sql.SQL("alter database {} rename to {}")
        superuser.execute(command.format(sql.Identifier(hidden), sql.Identifier(DATABASE)))
