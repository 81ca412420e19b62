"""The tables of `audit` in the data map."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "audit_event",
    DataClass.EVIDENCE,
    retention="12 months at least (Data Protection Policy 2.6)",
    eraser=Eraser.KEEP,
    note="Who did what, when. Ids only, no personal data, no amounts: it proves the erasure that it outlives.",
)
describe_table(
    "audit_copy",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="How many checkpoints each machine's copy has had. Random ids and numbers.",
)
describe_table(
    "audit_checkpoint",
    DataClass.EVIDENCE,
    retention="as long as the lines that it covers: nothing is thinned",
    eraser=Eraser.KEEP,
    note="Signed digests of the audit log's lines, each naming the one before. Digests of random ids and dates: nothing can be read back.",
)
