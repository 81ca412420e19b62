"""Table descriptors of `buyer_pii`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "vault_consent",
    DataClass.OPERATIONAL,
    note="Which features that need buyer data an owner turned on and off, and when. No buyer data.",
    columns="tenant_id id connection_id terms given_at given_by withdrawn_at withdrawn_by",
    indexes="_pkey _open",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="given_at",
    inventory_category="features",
    functions=(CrossTenantFunction("open_consents(int)", ("worker",)),),
)
describe_table(
    "vault_request",
    DataClass.OPERATIONAL,
    note=(
        "For which orders a packing slip was requested, and the outcome. Order numbers; no buyer"
        " data."
    ),
    columns=(
        "tenant_id connection_id order_id:seller_facts requested_at requested_by outcome done_at"
    ),
    indexes="_pkey _open",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="requested_at",
    inventory_category="features",
    functions=(CrossTenantFunction("requested_recipients(int)", ("worker",)),),
)
describe_table(
    "pii.recipient",
    DataClass.BUYER_PERSONAL,
    note=(
        "Where a parcel goes. Unreadable once its key is destroyed: on its last day, "
        "when the feature is turned off, and at the disconnection."
    ),
    columns=(
        "tenant_id:operational connection_id:operational order_id:seller_facts "
        "fetched_at:operational shipped_at:seller_facts expires_on:operational "
        "day_key_id:operational connection_key_id:operational sealed"
    ),
    indexes="_pkey _expires_on",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    sealed_columns=(("sealed", "pii"),),
    retention="pii-30-days",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="fetched_at",
    inventory_category="recipients",
    functions=(
        CrossTenantFunction("due_recipients(date, int)", ("worker",)),
        CrossTenantFunction("recipients_of_shop()", ("web",)),
    ),
)
describe_table(
    "pii.day_key",
    DataClass.OPERATIONAL,
    note="Which key is destroyed on which day. Dates and ids, no personal data.",
    columns="expires_on key_id made_at",
    indexes="_pkey _key_id_key",
    retention="pii-30-days",
    eraser=Eraser.EXPIRY,
    expired_by="buyer_pii.expire_recipients",
)
