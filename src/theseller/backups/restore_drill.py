"""Restore a backup in isolation and compare it with its source.

A backup that no drill has passed is unproven, whatever its files look like.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
from django.db import transaction
from psycopg import sql

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.backups.backup_configuration import BackupContext
from theseller.backups.isolated_restore_server import Quarantine, lay_out, running
from theseller.backups.queries import rows
from theseller.backups.table_fingerprints import fingerprints
from theseller.backups.types import BackupError, Drill, UnavailableError
from theseller.lib.ids import new_id_at
from theseller.postgres.client_program_execution import run_program
from theseller.postgres.errors import PostgresError
from theseller.postgres.temporary_server_removal import discard
from theseller.tenancy.schema_release import schema_is_newer

_FAULTS_SHOWN = 20
#: The restored database, and as much again for what recovery and checks write.
_SPACE_FACTOR = 2
_TENANT_TABLES = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p') and not c.relispartition
  and exists (
    select from pg_attribute a
    where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
order by 1
"""
_READERS = (
    "theseller_web",
    "theseller_worker",
    "theseller_retention",
    "theseller_pii",
    "theseller_auth",
    "theseller_operator",
)


def drill(
    context: BackupContext,
    identity: UUID,
    folder: Path,
    *,
    replay: Callable[[Quarantine], int],
    at: datetime,
    now: Callable[[], datetime],
) -> Drill:
    """Rehearse the restore of a backup in `folder` and store the report.

    `folder` is emptied before and afterwards. Any failure of the backup is a fault in the report: a
    drill that ended early has not passed.

    Args:
        context: target, keys and source of the backups.
        identity: the backup's ID.
        folder: an absolute path; the drill needs about twice the backup's size.
        replay: repeats in the quarantine the erasures since the backup, and returns how many.
        at: when the drill begins.
        now: the clock, for its end.

    Returns:
        The report.

    Raises:
        UnavailableError: target, key store or machine cannot answer now. This says nothing about
            the backup, and no report is stored.
    """
    checked: dict[str, int] = {}
    faults: list[str] = []
    try:
        _refuse_later_schema()
        _refuse_little_space(folder)
        described, layout = lay_out(context, identity, folder, whole_wal=False)
        context.reached("laid out")
        checked["files"] = sum(path.is_file() for path in layout.data.rglob("*"))
        with running(
            described, layout, folder, until=described.restore_point, durable=False
        ) as restored:
            context.reached("recovered")
            for look in (_same_rows, _sound_structure, _row_security):
                faults += look(restored, checked)
                context.reached(look.__name__.strip("_"))
            checked["erasures"] = replay(restored)
            context.reached("replayed")
    except UnavailableError:
        raise
    except BackupError as error:
        faults.append(str(error))
    except PostgresError as error:
        faults.append(error.message)
    except (psycopg.Error, OSError) as error:
        faults.append(f"the restored database failed ({type(error).__name__})")
    finally:
        discard(folder)
    return _kept(Drill(identity, at, now(), checked, tuple(faults)))


def _refuse_later_schema() -> None:
    """Check that this program's `migrate` will accept the copy.

    Raises:
        UnavailableError: a later release migrated the database.
    """
    if schema_is_newer():
        raise UnavailableError(
            "a later release migrated the database; only its programs test a restore"
        )


def _refuse_little_space(folder: Path) -> None:
    """Check that the drill does not fill the disk.

    The database may be on the same disk.

    Raises:
        UnavailableError: there is too little space.
    """
    needed, free = (
        int(rows("select pg_database_size(current_database())")[0][0]),
        shutil.disk_usage(folder.parent).free,
    )
    if free < needed * _SPACE_FACTOR:
        raise UnavailableError(
            f"a drill needs {needed * _SPACE_FACTOR / 1e6:.0f} MB of space at {folder.parent}, and"
            f" {free / 1e6:.0f} are free"
        )


def _kept(found: Drill) -> Drill:
    with transaction.atomic():
        report = {"checked": dict(found.checked), "faults": list(found.faults[:_FAULTS_SHOWN])}
        rows(
            "insert into retention_drill (id, backup_id, begun_at, finished_at, passed, report)"
            " values (%s, %s, %s, %s, %s, %s)",
            [
                new_id_at(found.finished_at),
                found.backup,
                found.begun_at,
                found.finished_at,
                found.passed,
                json.dumps(report),
            ],
        )
        tag = Tag.BACKUP_PROVEN if found.passed else Tag.BACKUP_REFUSED
        record(
            tag,
            actor="process:retention",
            tenant=None,
            subject=f"backup:{found.backup}",
            at=found.finished_at,
        )
    return found


def _same_rows(restored: Quarantine, checked: dict[str, int]) -> Iterator[str]:
    """Compare each table's rows with those when the backup was taken."""
    then, now = restored.manifest.tables, fingerprints(restored.conninfo())
    checked["tables"], checked["rows"] = len(then), sum(one.rows for one in then.values())
    if not then:
        yield "the manifest names no table: nothing was compared"
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"table {name} differs from its state when the backup was taken"


def _sound_structure(restored: Quarantine, checked: dict[str, int]) -> Iterator[str]:
    """Have amcheck read every table and B-tree.

    It looks for each row of a table in its indexes, too.
    """
    try:
        arguments = [
            "--all",
            "--install-missing",
            "--heapallindexed",
            "--no-dependent-toast",
            "--jobs=1",
        ]
        run_program(restored.binaries, "pg_amcheck", arguments, restored.conninfo("postgres"))
    except PostgresError as error:
        yield error.message
    with psycopg.connect(restored.conninfo()) as connection:
        row = connection.execute(
            "select count(*) from pg_class where relkind in ('r', 'i', 't', 'm')"
        ).fetchone()
    checked["relations"] = int(row[0]) if row else 0


def _row_security(restored: Quarantine, checked: dict[str, int]) -> Iterator[str]:
    """Check that no role of the services sees rows without a tenant's scope."""
    with psycopg.connect(restored.conninfo()) as connection:
        tables = [row[0] for row in connection.execute(_TENANT_TABLES).fetchall()]
        filled = sum(
            restored.manifest.tables[table].rows > 0
            for table in tables
            if table in restored.manifest.tables
        )
    checked["tenant tables"], checked["tenant tables with rows"] = len(tables), filled
    for role in _READERS:
        with psycopg.connect(restored.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("set session authorization {}").format(sql.Identifier(role)))
            for table in tables:
                if _sees(connection, table):
                    yield f"{role} sees rows of {table} without a tenant's scope"


def _sees(connection: psycopg.Connection[tuple[object, ...]], table: str) -> bool:
    try:
        return (
            connection.execute(
                sql.SQL("select 1 from {} limit 1").format(sql.Identifier(*table.split(".")))
            ).fetchone()
            is not None
        )
    except psycopg.errors.InsufficientPrivilege:
        return False  # A refused query shows no row either.
