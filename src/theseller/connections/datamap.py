"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "connections_connection",
    DataClass.OPERATIONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    tenant_column="tenant_id",
    parents=("tenancy_tenant",),
    note="That an authorization existed: region, seller id, dates. The certificate of its erasure refers to it.",
)
describe_table(
    "connections_disconnection",
    DataClass.OPERATIONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    tenant_column="tenant_id",
    parents=("connections_connection",),
    note="That it ended, when and why. The erasure starts from it.",
)
describe_table(
    "connections_refresh_token",
    DataClass.CREDENTIALS,
    retention="life-token-now",
    eraser=Eraser.KEY,
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    sealed_columns=(("sealed", "refresh_token"),),
    note="Deleted, and its data key destroyed, in the transaction of the disconnection; the purge only confirms it.",
)
describe_table(
    "connections_attempt",
    DataClass.OPERATIONAL,
    retention="life-purge-30",
    eraser=Eraser.DELETE_TENANT,
    tenant_column="tenant_id",
    parents=("tenancy_tenant", "accounts_user"),
    note="Hashes of states and sessions of finished authorizations.",
)
describe_table(
    "connections_key",
    DataClass.OPERATIONAL,
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    note="Which keys are destroyed with the connection: ids only. They are destroyed in the transaction of the disconnection.",
)
