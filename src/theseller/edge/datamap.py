"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "edge_ratebucket",
    DataClass.OPERATIONAL,
    retention="a day after the last request, and up to an hour until the job runs",
    eraser=Eraser.EXPIRY,
    expired_by="theseller.edge.tasks.delete_idle_buckets",
    note="Counts under keyed hashes; no address can be read from it.",
)
