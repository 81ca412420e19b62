"""The tables of `retention` in the data map."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "retention_hold",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    tenant_column="tenant_id",
    note="Which legal holds stood, why, placed by whom. It shows why something was older than its limit, after the shop has gone too.",
)
