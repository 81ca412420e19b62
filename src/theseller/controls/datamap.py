"""Table descriptors of `controls`: contents, retention and grants."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "controls_evidence",
    DataClass.EVIDENCE,
    note="What the probes saw: counts and names of tables, never anyone's row.",
    columns="position id control_id outcome checked summary observations code_version collected_at",
    indexes="_pkey _id_key _latest",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
