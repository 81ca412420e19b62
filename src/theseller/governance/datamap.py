"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "governance_rotation": "Which secret was replaced when, why, by whom, and how far a replacement is. Names and ids of secrets, never one.",
    "governance_secret_age": "When a secret that somebody else made was made, as the operator said, beside a fingerprint of it.",
    "governance_signing_key": "The public keys that ever signed a certificate. Public by nature.",
}.items():
    describe_table(_table, DataClass.EVIDENCE, retention="as long as the audit log", eraser=Eraser.KEEP, note=_note)
describe_table(
    "governance_access_session",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    tenant_column="tenant_id",
    note="Which operator opened which shop when, with what reason: it shows who looked, after the shop has gone too. Nothing of what was seen.",
)
describe_table(
    "governance_deletion_request",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    tenant_column="tenant_id",
    note="That a deletion was asked for, by whom and when: it shows that it was done in time, after the shop has gone too. Ids and dates.",
)
describe_table(
    "governance_access_review",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="Who reviewed the access of operators, when, up to which line of the log, with what note.",
)
