"""Table descriptors of `retention` for the data map.

They say what each table stores, for how long, and who may use it.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "retention_hold",
    DataClass.EVIDENCE,
    note=(
        "Legal holds: when, why, placed by whom. They show why something was older than its limit,"
        " also after the tenant was deleted."
    ),
    columns="tenant_id id reason placed_by placed_at until lifted_at lifted_by",
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="placed_at",
    inventory_category="proofs",
)
