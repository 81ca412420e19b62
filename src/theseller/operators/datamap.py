"""Table descriptors of `operators` for the data map.

The names of the tables date from before the package.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "governance_access_session",
    DataClass.EVIDENCE,
    note=(
        "Which operator opened which shop when, with what reason: it shows who looked, "
        "after the shop was deleted too. Nothing of what was seen."
    ),
    columns="tenant_id id operator reason ticket opened_at expires_at closed_at closed_how",
    indexes="_pkey _operator",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="opened_at",
    inventory_category="access",
    functions=(
        CrossTenantFunction("open_access(uuid, timestamptz)", ("operator", "probe")),
        CrossTenantFunction("access_sessions(int)", ("operator",)),
        CrossTenantFunction("ended_access(timestamptz)", ("worker",)),
    ),
)
describe_table(
    "governance_access_review",
    DataClass.EVIDENCE,
    note="Who reviewed the access of operators, when, up to which line of the log, with what note.",
    columns=(
        "id reviewer at until_txid until_position covers_own events failed_sign_ins note"
        " confirmed_txid"
    ),
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    functions=(
        CrossTenantFunction("access_to_review(int)", ("operator", "probe")),
        CrossTenantFunction("refusals_since(timestamptz)", ("operator",)),
    ),
)
