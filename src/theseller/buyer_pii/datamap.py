"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "vault_consent": "Which features that need buyers' data an owner turned on and off, and when. It names no buyer.",
    "vault_request": "For which orders a packing slip was asked, and what became of it. Order numbers; it names no buyer.",
}.items():
    describe_table(
        _table,
        DataClass.OPERATIONAL,
        retention="life-purge-30",
        eraser=Eraser.DELETE_CONNECTION,
        tenant_column="tenant_id",
        connection_column="connection_id",
        parents=("connections_connection",),
        note=_note,
    )
describe_table(
    "pii.recipient",
    DataClass.BUYER_PERSONAL,
    retention="pii-30-days",
    eraser=Eraser.DELETE_CONNECTION,
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    sealed_columns=(("sealed", "pii"),),
    note="Where a parcel goes. Unreadable once its key is destroyed: on its last day, when the feature is turned off, and at the disconnection.",
)
describe_table(
    "pii.day_key",
    DataClass.OPERATIONAL,
    retention="pii-30-days",
    eraser=Eraser.EXPIRY,
    expired_by="theseller.vault.tasks.sweep_vault",
    note="Which key is destroyed on which day. Dates and ids, no personal data.",
)
