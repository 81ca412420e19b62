"""Table descriptors of `erasure`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

#: What the eraser changes in the record of an erasure; the trigger `checked` says of which kind.
_UPDATED = (
    "requested_at, own_request, kept, begun_at, plan, steps_done, members, erased_at, erased_xid,"
    " rewritten, wal_from, left_over, completed_at"
)
describe_table(
    "erasure_erasure",
    DataClass.EVIDENCE,
    note=(
        "Records of the erasures of connections, tenants and users: what there was, what was"
        " deleted, what a count found. Ids that no longer name anyone, counts and dates."
        " `tenant_id` of a user's is the user's own id."
    ),
    columns=(
        "tenant_id subject_id kind requested_at requested_by own_request kept begun_at plan"
        " steps_done members erased_at erased_xid rewritten wal_from left_over completed_at"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="requested_at",
    inventory_category="proofs",
    grants=(
        ("retention", "select, insert"),
        ("retention", f"update ({_UPDATED})"),
        ("web", "select"),
        ("probe", "select"),
        ("directory", "select"),
        ("requests", "select, insert"),
        ("requests", "update (requested_at, own_request, kept, steps_done, completed_at)"),
    ),
    functions=(
        CrossTenantFunction("due_purges(timestamptz, int)", ("worker",)),
        CrossTenantFunction("due_shop_ends(timestamptz, timestamptz)", ("worker",)),
        CrossTenantFunction("due_user_erasures(timestamptz, boolean)", ("retention",)),
        CrossTenantFunction(
            "request_shop_end(uuid, uuid, timestamptz, bytea, timestamptz)",
            ("auth",),
            owner="requests",
        ),
        CrossTenantFunction(
            "request_person_end(uuid, timestamptz, bytea, timestamptz)", ("auth",), owner="requests"
        ),
        CrossTenantFunction(
            "request_member_erasures(timestamptz)", ("retention",), owner="requests"
        ),
        CrossTenantFunction("member_erasures()", ("retention",)),
        CrossTenantFunction("mark_user_steps(uuid, jsonb)", ("retention",), owner="requests"),
        CrossTenantFunction("is_last_operator(uuid)", ("requests", "auth")),
        CrossTenantFunction("ends(int)", ("operator", "worker")),
    ),
)
describe_table(
    "erasure_certificate",
    DataClass.EVIDENCE,
    note=(
        "Signed certificates of erased connections, tenants and users. Ids that no longer name"
        " anyone, counts and dates. `tenant_id` of a user's is the user's own id."
    ),
    columns="tenant_id subject_id kind id body signature public_key issued_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    date_column="issued_at",
    inventory_category="proofs",
    grants=(
        ("retention", "select, insert"),
        ("web", "select"),
        ("probe", "select (tenant_id, subject_id, kind, id, issued_at, public_key)"),
        ("directory", "select"),
    ),
    functions=(CrossTenantFunction("certificate_of(uuid)", ("operator", "worker", "retention")),),
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
