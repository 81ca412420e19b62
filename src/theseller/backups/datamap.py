"""Table descriptors of `backups`: contents, retention and grants."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "retention_backup",
    DataClass.EVIDENCE,
    note="Which backups there were and when their keys were destroyed. Ids, sizes and dates.",
    columns=(
        "id key_id target begun_at finished_at bytes first_segment last_segment failed"
        " key_destroyed_at"
    ),
    indexes="_pkey _key_id_key",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "retention_drill",
    DataClass.EVIDENCE,
    note="Results of restore drills: counts, and names of tables.",
    columns="id backup_id begun_at finished_at passed report",
    indexes="_pkey _backup",
    parents=("retention_backup",),
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
