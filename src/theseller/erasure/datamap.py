"""The tables of `erasure` in the data map."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "retention_purge": "The ledger of erasures: written before anything is destroyed. Ids and counts.",
    "retention_certificate": "Signed proofs of erasure. Ids, counts and dates.",
}.items():
    describe_table(
        _table, DataClass.EVIDENCE, retention="as long as the audit log", eraser=Eraser.KEEP, tenant_column="tenant_id", note=_note
    )

describe_table(
    "retention_shop_end",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    tenant_column="tenant_id",
    note="The ledger of shops that ended: what was there, what was deleted, what a count found. Ids, counts and dates.",
)
describe_table(
    "retention_person_end",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="Whose account ended, with their last shop or because they asked for it: a random id that no longer names anyone, counts and dates.",
)
describe_table(
    "retention_end_certificate",
    DataClass.EVIDENCE,
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    note="Signed proofs of the ends of shops and people. Ids that no longer name anyone, counts and dates.",
)
describe_table(
    "retention_end_link",
    DataClass.OPERATIONAL,
    retention="90 days",
    eraser=Eraser.EXPIRY,
    expired_by="theseller.retention.tasks.erase_ended_shops",
    note="Hashes of the links to these proofs, for who has no account any more.",
)
describe_table(
    "retention_end_failure",
    DataClass.OPERATIONAL,
    retention="until the erasure gets through",
    eraser=Eraser.EXPIRY,
    expired_by="theseller.retention.tasks.purge_due",
    note="Erasures that fail now: an id, counts, dates, and the reason in the program's own words.",
)
