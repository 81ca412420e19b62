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
describe_table(
    "tenancy_host",
    DataClass.OPERATIONAL,
    note="The hosts that run web and worker: name, version, clock, disk, hashes of settings.",
    columns=(
        "id process name version settings reached_from clock_ahead disk_free disk_size started_at"
        " seen_at"
    ),
    indexes="_pkey",
    retention="an hour after the host was last seen",
    eraser=Eraser.EXPIRY,
    expired_by="config.reap",
    grants=(
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
        ("operator", "select"),
        ("probe", "select"),
    ),
)
