"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "tenancy_tenant",
    DataClass.SELLER_PERSONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    tenant_column="id",
    note="The shop's name and nothing else. It stays when a connection ends, and goes with the account.",
)
