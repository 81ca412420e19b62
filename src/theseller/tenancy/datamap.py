"""Table descriptors of `tenancy`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "tenancy_tenant",
    DataClass.SELLER_PERSONAL,
    note=("The shop's name only. It is deleted with the account, not with a connection."),
    columns="id name created_at",
    indexes="_pkey",
    tenant_column="id",
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="created_at",
    inventory_category="shop",
)
