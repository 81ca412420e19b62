"""Table descriptors of `privacy` for the data map.

The names of the tables date from before the package.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "governance_deletion_request",
    DataClass.EVIDENCE,
    note=(
        "That a deletion was asked for, by whom and when: it shows that it was done in time, after"
        " the shop was deleted too. Ids and dates."
    ),
    columns=(
        "tenant_id id origin connections ends_shop received_at recorded_at recorded_by reference"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="received_at",
    inventory_category="proofs",
    functions=(
        CrossTenantFunction("unbegun_requests()", ("worker",)),
        CrossTenantFunction("deletion_requests(int)", ("operator", "worker")),
        CrossTenantFunction("request_of_end()", owner="requests"),
    ),
)
