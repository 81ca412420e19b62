"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "accounts_user",
    DataClass.SELLER_PERSONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_USER,
    note="People who sign in: address, name, password hash.",
)
describe_table(
    "accounts_membership",
    DataClass.SELLER_PERSONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    tenant_column="tenant_id",
    parents=("tenancy_tenant", "accounts_user"),
)
describe_table(
    "django_session",
    DataClass.OPERATIONAL,
    retention="12 hours, and up to ten minutes until the job runs",
    eraser=Eraser.EXPIRY,
    expired_by="theseller.accounts.tasks.delete_expired_sessions",
    note="Browser sessions under a hash of their key.",
)
for _table in ("django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"):
    describe_table(
        _table, DataClass.NONE, retention="with the deployment", eraser=Eraser.KEEP, note="Django's own bookkeeping; no personal data."
    )
describe_table(
    "accounts_operator",
    DataClass.SELLER_PERSONAL,
    retention="until the account is deleted",
    eraser=Eraser.DELETE_USER,
    parents=("accounts_user",),
    note="Who operates this deployment.",
)
describe_table(
    "accounts_authenticator",
    DataClass.CREDENTIALS,
    retention="until the person removes it",
    eraser=Eraser.DELETE_USER,
    parents=("accounts_user",),
    sealed_columns=(("sealed", "mfa"),),
    note="Secrets of authenticator apps, sealed to their rows under the deployment's key for second factors.",
)
describe_table(
    "accounts_passkey",
    DataClass.CREDENTIALS,
    retention="until the person removes it",
    eraser=Eraser.DELETE_USER,
    parents=("accounts_user",),
    note="Public halves of passkeys.",
)
describe_table(
    "accounts_recovery_code",
    DataClass.CREDENTIALS,
    retention="until the person makes new ones",
    eraser=Eraser.DELETE_USER,
    parents=("accounts_user",),
    note="Hashes of recovery codes.",
)
