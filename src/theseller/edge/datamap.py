"""Table descriptors of `edge`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "edge_ratebucket",
    DataClass.OPERATIONAL,
    note="Counts under keyed hashes; they reveal no address.",
    columns="key tokens updated_at",
    indexes="_pkey _key_662d5ed1_like _updated_at_aa45f743",
    retention="a day after the last request, and up to an hour until the job runs",
    eraser=Eraser.EXPIRY,
    expired_by="edge.delete_idle_buckets",
)
