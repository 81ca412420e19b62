"""Table descriptors of `audit`.

They say what each of its tables stores, for how long, and who may use it.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "audit_event",
    DataClass.EVIDENCE,
    note=(
        "Who did what, when. Ids only, no personal data, no amounts: it proves the erasure that it"
        " outlives."
    ),
    columns="position id at tag actor tenant_id subject details txid db_role",
    indexes="_pkey _id_key _sealing _tag _tenant",
    retention="12 months at least (Data Protection Policy 2.6)",
    eraser=Eraser.KEEP,
    functions=(
        CrossTenantFunction("access_views()", ("web",)),
        CrossTenantFunction("log_of_shop()", ("web",)),
        CrossTenantFunction("recipient_views(int)", ("web",)),
    ),
)
describe_table(
    "audit_copy",
    DataClass.EVIDENCE,
    note="How many checkpoints each machine's copy has had. Random ids and numbers.",
    columns="id last_number noted_at",
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "audit_checkpoint",
    DataClass.EVIDENCE,
    note=(
        "Signed digests of the audit log's lines, each naming the one before. Digests of random ids"
        " and dates: nothing can be read back."
    ),
    columns="number document leaves",
    indexes="_pkey",
    retention="as long as the lines that it covers: nothing is thinned",
    eraser=Eraser.KEEP,
)
