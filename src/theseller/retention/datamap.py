"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import holds
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "retention_purge": "The ledger of erasures: written before anything is destroyed. Ids and counts.",
    "retention_certificate": "Signed proofs of erasure. Ids, counts and dates.",
}.items():
    holds(_table, DataClass.EVIDENCE, retention="as long as the audit log", eraser=Eraser.KEEP, tenant_column="tenant_id", note=_note)
