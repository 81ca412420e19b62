"""Table descriptors of `erasure`: what each of its tables stores, for how long, and who may use it."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "retention_purge",
    DataClass.EVIDENCE,
    note="Records of the erasures of connections: plan, steps, dates. Ids and counts.",
    columns=(
        "tenant_id connection_id id disconnected_at begun_at plan steps_done completed_at erased_at"
        " erased_xid rewritten wal_from"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="begun_at",
    inventory_category="proofs",
    functions=(CrossTenantFunction("due_purges(timestamptz, int)", ("worker",)),),
)
describe_table(
    "retention_certificate",
    DataClass.EVIDENCE,
    note="Signed certificates of erased connections. Ids, counts and dates.",
    columns="tenant_id connection_id id body signature public_key issued_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="issued_at",
    inventory_category="proofs",
)
describe_table(
    "retention_shop_end",
    DataClass.EVIDENCE,
    note=(
        "Records of the erasures of tenants: what there was, what was deleted, what a count found."
        " Ids, counts and dates."
    ),
    columns=(
        "tenant_id id asked_at asked_by begun_at plan steps_done left_over completed_at people"
        " erased_at erased_xid rewritten wal_from"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="asked_at",
    inventory_category="proofs",
    functions=(
        CrossTenantFunction("due_shop_ends(timestamptz)", ("worker",)),
        CrossTenantFunction("due_shop_ends(timestamptz, timestamptz)", ("worker",)),
        CrossTenantFunction(
            "request_shop_end(uuid, uuid, timestamptz, bytea, timestamptz)",
            ("auth",),
            owner="requests",
        ),
        CrossTenantFunction("ends(int)", ("operator", "worker")),
    ),
)
describe_table(
    "retention_person_end",
    DataClass.EVIDENCE,
    note=(
        "Records of the erasures of users, at their request or with their last tenant: a random id"
        " that no longer names anyone, counts and dates."
    ),
    columns=(
        "user_id asked_at completed_at kept own_wish begun_at plan steps_done left_over erased_at"
        " erased_xid rewritten wal_from"
    ),
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    functions=(
        CrossTenantFunction(
            "request_person_end(uuid, timestamptz, bytea, timestamptz)", ("auth",), owner="requests"
        ),
    ),
)
describe_table(
    "retention_end_certificate",
    DataClass.EVIDENCE,
    note=(
        "Signed certificates of erased tenants and users. Ids that no longer name anyone, counts"
        " and dates."
    ),
    columns="subject_id kind id body signature public_key issued_at",
    indexes="_pkey _id_key",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "retention_end_link",
    DataClass.OPERATIONAL,
    note="Hashes of the links to these certificates, for people without an account.",
    columns="token_hash:credentials subject_id kind made_at expires_at",
    indexes="_pkey _subject",
    retention="90 days",
    eraser=Eraser.EXPIRY,
    expired_by="erasure.erase_due_tenants_and_users",
    functions=(CrossTenantFunction("end_by_link(bytea, timestamptz)", ("web",)),),
)
describe_table(
    "retention_end_failure",
    DataClass.OPERATIONAL,
    note=(
        "Erasures that fail now: an id, counts, dates, and the reason as a message of the program."
    ),
    columns="subject_id kind failures first_at last_at retry_at reason",
    indexes="_pkey",
    retention="until the erasure gets through",
    eraser=Eraser.EXPIRY,
    expired_by="erasure.erase_due_connections",
    functions=(
        CrossTenantFunction("failed_erasures(int)", ("operator", "worker")),
        CrossTenantFunction("failed_erasure_of_shop(uuid)", ("web",)),
    ),
)
