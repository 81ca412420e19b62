"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import holds
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "governance_rotation": "Which secret was replaced when, why, by whom, and how far a replacement is. Names and ids of secrets, never one.",
    "governance_secret_age": "When a secret that somebody else made was made, as the operator said, beside a fingerprint of it.",
    "governance_signing_key": "The public keys that ever signed a certificate. Public by nature.",
}.items():
    holds(_table, DataClass.EVIDENCE, retention="as long as the audit log", eraser=Eraser.KEEP, note=_note)
