"""Inspect backups for probes: keys, files at the target, and records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.conf import settings

from theseller.backups.storage_targets import Target, make_target
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import NotApplicable, Outcome, Unknown
from theseller.crypto.seal_stream import HEADER_BYTES
from theseller.lib.ids import creation_time
from theseller.retention.readable_backups import BACKUP_OWNER

_RECORDS = """
select b.id, b.key_id, b.begun_at, b.finished_at, coalesce(b.bytes, 0), b.key_destroyed_at,
  d.finished_at, d.passed, d.report
from retention_backup b
left join lateral (
  select finished_at, passed, report from retention_drill
  where backup_id = b.id order by finished_at desc limit 1) d on true
order by b.begun_at desc, b.id desc limit 1000
"""
_COLUMNS = (
    "id",
    "key",
    "begun_at",
    "finished_at",
    "bytes",
    "key_destroyed_at",
    "drilled_at",
    "drill_passed",
    "report",
)


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """A backup as the database has it, with its last drill.

    `living` is whether the key store has its key.
    """

    id: UUID
    key: UUID
    begun_at: datetime
    finished_at: datetime | None
    bytes: int
    key_destroyed_at: datetime | None
    drilled_at: datetime | None
    drill_passed: bool | None
    report: Any
    living: bool

    @property
    def checked(self) -> Mapping[str, int]:
        """How much the last drill checked."""
        found: Mapping[str, Mapping[str, int]] = (
            json.loads(self.report) if isinstance(self.report, str) else self.report or {}
        )
        return found.get("checked", {})


def why_not_testable() -> Outcome | None:
    """Return the outcome where this deployment takes no backups, else None."""
    if settings.ENVIRONMENT.database_url:
        return Unknown(
            "The database is another service's, which keeps its backups out of our sight:"
            " docs/operate/backups.md says which limits it has to meet."
        )
    return (
        None
        if settings.ENVIRONMENT.backups
        else NotApplicable("This deployment keeps no backups (THESELLER_BACKUPS=none).")
    )


def records(context: ProbeContext) -> list[BackupRecord]:
    """Return what the database knows of backups, the newest first."""
    return [
        BackupRecord(**dict(zip(_COLUMNS, row, strict=True)), living=context.keys.exists(row[1]))
        for row in context.rows(_RECORDS)
    ]


def live_backup_keys(context: ProbeContext) -> dict[UUID, datetime]:
    """Return which backups can be read by the key store, and since when."""
    return {
        identity: creation_time(identity) for identity, destroyed in _keys(context) if not destroyed
    }


def _keys(context: ProbeContext) -> Iterator[tuple[UUID, bool]]:
    for entry in context.keys.list():
        if entry.owner.startswith(BACKUP_OWNER):
            try:
                yield UUID(entry.owner.removeprefix(BACKUP_OWNER)), entry.destroyed
            except ValueError:
                yield entry.id, entry.destroyed


def target() -> Target:
    """Return where this deployment's backups lie."""
    return make_target(settings.ENVIRONMENT.backups)


def target_description() -> str:
    """Describe that place for the public page, without the name of a folder."""
    parts = urlsplit(settings.ENVIRONMENT.backups)
    if parts.scheme != "s3":
        return "a folder of the deployment's own machine"
    return (
        "a bucket in the region"
        f" {parse_qs(parts.query).get('region', ['that its credentials name'])[-1]}"
    )


def read_head(store: Target, name: str, size: int = HEADER_BYTES) -> bytes:
    """Return the first bytes of an object."""
    found = b""
    for piece in store.get(name):
        found += piece
        if len(found) >= size:
            break
    return found[:size]
