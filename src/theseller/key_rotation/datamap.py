"""Table descriptors of `key_rotation` for the data map.

The names of the tables date from before the package.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "governance_rotation",
    DataClass.EVIDENCE,
    note=(
        "Which secret was replaced when, why, by whom, and how far a replacement is. Names and ids"
        " of secrets, never one."
    ),
    columns="id secret reason actor step started_at moved_at finished_at details",
    indexes="_pkey _open _secret",
    retention="as long as the audit log",
    eraser=Eraser.KEEP,
)
describe_table(
    "governance_secret_age",
    DataClass.EVIDENCE,
    note=(
        "When a secret that another system made was made, as the operator said, beside a"
        " fingerprint of it."
    ),
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
