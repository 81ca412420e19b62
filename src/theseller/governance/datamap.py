"""Table descriptors of `governance`: what each of its tables stores, for how long, and who may use it."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "governance_rotation",
    DataClass.EVIDENCE,
    note=("Which secret was replaced when, why, by whom, and how far a replacement is. Names and ids of secrets, never one."),
    columns="id secret reason actor step started_at moved_at finished_at details",
    indexes="_pkey _open _secret",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "governance_secret_age",
    DataClass.EVIDENCE,
    note=("When a secret that another system made was made, as the operator said, beside a fingerprint of it."),
    columns="secret fingerprint made_at noted_at actor",
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "governance_signing_key",
    DataClass.EVIDENCE,
    note="The public keys that ever signed a certificate. Public by nature.",
    columns="public_key made_at retired_at",
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
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
    "governance_deletion_request",
    DataClass.EVIDENCE,
    note=(
        "That a deletion was asked for, by whom and when: it shows that it was done in time, after the shop was deleted too. Ids and dates."
    ),
    columns=("tenant_id id origin connections ends_shop received_at recorded_at recorded_by reference"),
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
describe_table(
    "governance_access_review",
    DataClass.EVIDENCE,
    note=("Who reviewed the access of operators, when, up to which line of the log, with what note."),
    columns=("id reviewer at until_txid until_position covers_own events failed_sign_ins note confirmed_txid"),
    indexes="_pkey",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
    functions=(
        CrossTenantFunction("access_to_review(int)", ("operator", "probe")),
        CrossTenantFunction("refusals_since(timestamptz)", ("operator",)),
    ),
)
