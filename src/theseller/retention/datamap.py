"""Table descriptors of `retention`: what each of its tables stores, for how long, and who may use it."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "retention_hold",
    DataClass.EVIDENCE,
    note=("Which legal holds stood, why, placed by whom. It shows why something was older than its limit, after the shop was deleted too."),
    columns="tenant_id id reason placed_by placed_at until lifted_at lifted_by",
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="placed_at",
    inventory_category="proofs",
)
