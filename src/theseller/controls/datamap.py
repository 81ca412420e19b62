"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "controls_evidence",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="What the probes saw: counts and names of tables, never a row of anybody's.",
)
