"""Table descriptors of `connections`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "connections_connection",
    DataClass.OPERATIONAL,
    note=(
        "That an authorization existed: region, seller id, dates. The certificate of its erasure"
        " refers to it."
    ),
    columns=(
        "tenant_id id origin region selling_partner_id:seller_facts marketplace_ids "
        "features roles created_at authorised_at authorisation_expires_at seller_check "
        "seller_checked_at seller_confirmed_at"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    parents=("tenancy_tenant",),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="created_at",
    inventory_category="connections",
    functions=(
        CrossTenantFunction("connections_of_seller(text)", ("operator", "worker")),
        CrossTenantFunction("ended_authorisations(timestamptz, int)", ("worker",)),
    ),
)
describe_table(
    "connections_disconnection",
    DataClass.OPERATIONAL,
    note="That it ended, when and why. The erasure starts from it.",
    columns="tenant_id connection_id reason actor at data_key_id",
    indexes="_pkey",
    tenant_column="tenant_id",
    parents=("connections_connection",),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="at",
    inventory_category="connections",
)
describe_table(
    "connections_refresh_token",
    DataClass.CREDENTIALS,
    note=(
        "Deleted, and its data key destroyed, in the transaction of the disconnection; the purge"
        " only confirms it."
    ),
    columns=(
        "tenant_id:operational connection_id:operational sealed data_key_id:operational"
        " sealed_at:operational"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    sealed_columns=(("sealed", "refresh_token"),),
    retention="life-token-now",
    eraser=Eraser.KEY,
    date_column="sealed_at",
    inventory_category="token",
)
describe_table(
    "connections_attempt",
    DataClass.OPERATIONAL,
    note="Hashes of states and sessions of finished authorizations.",
    columns=(
        "tenant_id id state_hash:credentials session_hash:credentials "
        "user_id:seller_personal marketplace_id features roles created_at expires_at "
        "consumed_at outcome"
    ),
    indexes="_pkey _tenant_id_state_hash_key",
    tenant_column="tenant_id",
    parents=("tenancy_tenant", "accounts_user"),
    retention="life-purge-30",
    eraser=Eraser.DELETE_TENANT,
    date_column="created_at",
    inventory_category="connections",
)
describe_table(
    "connections_key",
    DataClass.OPERATIONAL,
    note=(
        "Which keys are destroyed with the connection: ids only. They are destroyed in the"
        " transaction of the disconnection."
    ),
    columns="tenant_id connection_id id purpose made_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="made_at",
    inventory_category="features",
)
