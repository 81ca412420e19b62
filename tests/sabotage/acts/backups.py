"""Sections 6 and 11: backups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.controls.catalogue import bak_automatic, bak_cap, life_backups_90
from theseller.crypto.key_types import Purpose
from theseller.lib import clock
from theseller.lib.ids import new_id_at
from theseller.postgres.server_folders import saved_layout

#: The server's real answer; the deployment of the saboteurs runs on one that hands over nothing,
#: and looks at another.
_ARCHIVER = bak_automatic.archiver


def _files() -> Path:
    return settings.ENVIRONMENT.state / "backups"


def _base() -> Path:
    (found,) = _files().glob("*/base")
    return found


sql(
    "bak-automatic",
    "stops taking backups for 27 hours",
    "update retention_backup set begun_at = begun_at - interval '27 hours';"
    " update retention_drill set finished_at = finished_at - interval '27 hours'",
    "update retention_backup set begun_at = begun_at + interval '27 hours';"
    " update retention_drill set finished_at = finished_at + interval '27 hours'",
)


@breaks("bak-automatic", "puts a backup's plain content in the place of the sealed one")
def _plain(_tools: Tools) -> Iterator[None]:
    path = _base()
    before = path.read_bytes()
    path.write_bytes(b"PG_VERSION\0" * 200)
    yield
    path.write_bytes(before)


@breaks("bak-automatic", "removes a file of the newest backup")
def _missing(tools: Tools) -> Iterator[None]:
    path = _base()
    path.rename(tools.folder / "aside")
    yield
    (tools.folder / "aside").rename(path)


@breaks("bak-automatic", "lets the log of changes lie for twenty minutes")
def _lying(_tools: Tools) -> Iterator[None]:
    layout = saved_layout(settings.ENVIRONMENT.state)
    assert layout is not None
    made = not layout.archive.exists()
    layout.archive.mkdir(exist_ok=True)
    path = layout.archive / "0000000100000000000000FE"
    path.write_bytes(b"wal")
    long_ago = clock.now().timestamp() - 1200
    os.utime(path, (long_ago, long_ago))
    yield
    path.unlink()
    if made:
        layout.archive.rmdir()


@breaks("bak-automatic", "starts the database's server without handing over its log")
def _not_archiving(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(bak_automatic, "archiver", _ARCHIVER)
    yield


@breaks("bak-cap", "keeps the key of a backup of 91 days ago", also=("pii-delete-on-disconnect",))
def _old_key(_tools: Tools) -> Iterator[None]:
    made = settings.KEY_STORE.create(
        Purpose.BACKUP, f"backup:{new_id_at(clock.now() - timedelta(days=91))}"
    )
    yield
    settings.KEY_STORE.destroy(made.id)


@breaks("bak-cap", "leaves a file whose key is destroyed")
def _unreadable_file(_tools: Tools) -> Iterator[None]:
    folder = _files() / new_id_at(clock.now() - timedelta(days=40)).hex
    folder.mkdir()
    (folder / "base").write_bytes(b"TSST" * 100)
    yield
    (folder / "base").unlink()
    folder.rmdir()


@breaks("bak-cap", "raises the program's own limit to 120 days")
def _raised(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(bak_cap, "BACKUP_DAYS", 120)
    yield


@breaks(
    "bak-restore-test", "has a later drill refuse the newest backup", blinds=("life-backups-90",)
)
def _refused(tools: Tools) -> Iterator[None]:
    tools.superuser.execute(
        "insert into retention_drill (id, backup_id, begun_at, finished_at, passed, report) select"
        " gen_random_uuid(), id, now(), now() + interval '1 second', false, '{}' from"
        " retention_backup"
    )
    yield
    tools.superuser.execute("delete from retention_drill where not passed")


sql(
    "bak-restore-test",
    "drills a backup only 25 hours after its making",
    "update retention_backup set begun_at = begun_at - interval '25 hours'",
    "update retention_backup set begun_at = begun_at + interval '25 hours'",
)
sql(
    "bak-restore-test",
    "calls a drill passed that compared no table",
    "update retention_drill set report = jsonb_set(report, '{{checked,tables}}', '0')",
    "update retention_drill set report = jsonb_set(report, '{{checked,tables}}', '40')",
)
sql(
    "life-backups-90",
    "leaves out the erasures of a drill",
    "update retention_drill set report = report #- '{{checked,erasures}}'",
    "update retention_drill set report = jsonb_set(report, '{{checked,erasures}}', '1')",
)
sql(
    "life-backups-90",
    "proves a seller of 95 days ago erased only after a backup that can still be read",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
    " marketplace_ids, features, roles, created_at) values ('{charlie}', '{new}', 'files', 'eu',"
    " '', '{{}}', '{{}}', '{{}}', now());insert into connections_disconnection (tenant_id,"
    " connection_id, reason, actor, at) values ('{charlie}', '{new}', 'seller_request',"
    " 'process:test', now() - interval '95 days');insert into erasure_certificate (tenant_id,"
    " subject_id, kind, id, body, signature, public_key, issued_at) select '{charlie}', '{new}',"
    " kind, '{newer}', body, signature, public_key, now() from erasure_certificate where subject_id"
    " = '{certified}'",
    "delete from erasure_certificate where subject_id = '{new}'; delete from"
    " connections_disconnection where connection_id = '{new}'; delete from connections_connection"
    " where id = '{new}';set session_replication_role = replica; delete from"
    " governance_deletion_request where '{new}' = any (connections);set session_replication_role ="
    " origin",
    also=("aup-deletion-requests",),
)


@breaks(
    "life-backups-90",
    "lets backups live so long that an erasure and they come to more than 90 days",
)
def _too_long(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(life_backups_90, "BACKUP_DAYS", 61)
    yield
