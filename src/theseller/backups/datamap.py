"""The tables of `backups` in the data map."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "retention_backup",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="Which backups there were and when their keys were destroyed. Ids, sizes and dates.",
)
describe_table(
    "retention_drill",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    parents=("retention_backup",),
    note="What the rehearsal of each restore found: counts, and names of tables.",
)
