"""Table descriptors of `accounts` and of Django's own tables.

They say what each of these tables stores, for how long, and who may use it.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

describe_table(
    "accounts_user",
    DataClass.SELLER_PERSONAL,
    note="People who sign in: address, name, password hash, and the language they chose.",
    columns="password:credentials last_login id email name joined_at language",
    indexes="_pkey _email_any_case _email_b2644a56_like _email_key",
    retention="until the account is deleted",
    eraser=Eraser.DELETE_USER,
)
describe_table(
    "accounts_membership",
    DataClass.SELLER_PERSONAL,
    columns="tenant_id user_id role since marketplaces",
    indexes="_pkey _person",
    tenant_column="tenant_id",
    parents=("tenancy_tenant", "accounts_user"),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="since",
    inventory_category="shop",
    functions=(
        CrossTenantFunction("memberships_of(uuid)", ("auth", "retention")),
        CrossTenantFunction("tenants_of(uuid)", ("auth", "retention")),
        CrossTenantFunction("shops_of_person(uuid)", ("retention",)),
        CrossTenantFunction("shops_without_another_owner(uuid)", ("requests", "auth")),
        CrossTenantFunction("shops(timestamptz)", ("operator",)),
    ),
)
describe_table(
    "accounts_invitation",
    DataClass.SELLER_PERSONAL,
    note="Addresses that were invited to a shop, each with the hash of its one-time link.",
    columns="tenant_id id token_hash:credentials email role user_id made_at expires_at"
    " marketplaces",
    indexes="_pkey _tenant_id_email_key _tenant_id_token_hash_key",
    tenant_column="tenant_id",
    parents=("tenancy_tenant", "accounts_user"),
    retention="72 hours, and up to ten minutes until the job runs",
    eraser=Eraser.DELETE_TENANT,
    date_column="made_at",
    inventory_category="shop",
    grants=(
        ("auth", "select, insert, delete"),
        ("web", "select (tenant_id, made_at)"),
        ("worker", "select (tenant_id, expires_at), delete"),
        ("retention", "select (tenant_id, user_id), delete"),
        ("probe", "select (tenant_id, user_id)"),
        (
            "directory",
            "select (tenant_id, token_hash, email, role, user_id, expires_at, marketplaces)",
        ),
    ),
    functions=(
        CrossTenantFunction("invitation_of_link(bytea, timestamptz)", ("auth",)),
        CrossTenantFunction("linked_invitation(bytea, timestamptz)", ("auth",)),
        CrossTenantFunction("is_invited(text, timestamptz)", ("auth", "operator", "worker")),
        CrossTenantFunction("tenants_with_expired_invitations(timestamptz)", ("worker",)),
    ),
)
describe_table(
    "accounts_password_link",
    DataClass.CREDENTIALS,
    note="Hashes of the one-time links with which people choose a new password.",
    columns="token_hash user_id:operational made_at:operational expires_at:operational",
    indexes="_pkey _user_id_key",
    parents=("accounts_user",),
    retention="72 hours, and up to ten minutes until the job runs",
    eraser=Eraser.DELETE_USER,
    grants=(
        ("auth", "select, insert, delete"),
        ("worker", "select (expires_at), delete"),
        ("retention", "select (user_id), delete"),
        ("probe", "select (user_id)"),
    ),
)
describe_table(
    "django_session",
    DataClass.OPERATIONAL,
    note="Browser sessions under a hash of their key.",
    columns="session_key:credentials session_data:seller_personal expire_date",
    indexes="_pkey _expire_date_a5c62663 _session_key_c0390e0f_like",
    retention="12 hours, and up to ten minutes until the job runs",
    eraser=Eraser.EXPIRY,
    expired_by="accounts.delete_expired_sessions",
)
describe_table(
    "django_migrations",
    DataClass.NONE,
    note="Django's own bookkeeping; no personal data.",
    columns="id app name applied",
    indexes="_pkey",
    retention="with the deployment",
    eraser=Eraser.KEEP,
)
describe_table(
    "django_content_type",
    DataClass.NONE,
    note="Django's own bookkeeping; no personal data.",
    columns="id app_label model",
    indexes="_pkey _app_label_model_76bd3d3b_uniq",
    retention="with the deployment",
    eraser=Eraser.KEEP,
)
describe_table(
    "auth_permission",
    DataClass.NONE,
    note="Django's own bookkeeping; no personal data.",
    columns="id name content_type_id codename",
    indexes="_pkey _content_type_id_2f476e4b _content_type_id_codename_01ab375a_uniq",
    retention="with the deployment",
    eraser=Eraser.KEEP,
)
describe_table(
    "auth_group",
    DataClass.NONE,
    note="Django's own bookkeeping; no personal data.",
    columns="id name",
    indexes="_pkey _name_a6ea08ec_like _name_key",
    retention="with the deployment",
    eraser=Eraser.KEEP,
)
describe_table(
    "auth_group_permissions",
    DataClass.NONE,
    note="Django's own bookkeeping; no personal data.",
    columns="id group_id permission_id",
    indexes=(
        "_pkey _group_id_b120cbf9 _group_id_permission_id_0cd325b0_uniq _permission_id_84c5c92e"
    ),
    retention="with the deployment",
    eraser=Eraser.KEEP,
)
describe_table(
    "accounts_operator",
    DataClass.SELLER_PERSONAL,
    note="Who operates this deployment.",
    columns="user_id since granted_by:evidence",
    indexes="_pkey",
    parents=("accounts_user",),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_USER,
)
describe_table(
    "accounts_authenticator",
    DataClass.CREDENTIALS,
    note=(
        "Secrets of authenticator apps, sealed to their rows under the deployment's key for second"
        " factors."
    ),
    columns=(
        "id:operational user_id:operational sealed data_key_id:operational "
        "last_step:operational added_at:operational confirmed_at:operational"
    ),
    indexes="_pkey _begun _used",
    parents=("accounts_user",),
    sealed_columns=(("sealed", "mfa"),),
    retention="until the person removes it",
    eraser=Eraser.DELETE_USER,
)
describe_table(
    "accounts_passkey",
    DataClass.CREDENTIALS,
    note="Public halves of passkeys.",
    columns=(
        "id:operational user_id:operational credential_id credential "
        "sign_count:operational name:seller_personal added_at:operational "
        "answered:operational"
    ),
    indexes="_pkey _credential_id_key _person",
    parents=("accounts_user",),
    retention="until the person removes it",
    eraser=Eraser.DELETE_USER,
)
describe_table(
    "accounts_recovery_code",
    DataClass.CREDENTIALS,
    note="Hashes of recovery codes.",
    columns=(
        "set_id:operational code_hash user_id:operational made_at:operational used_at:operational"
    ),
    indexes="_pkey _person",
    parents=("accounts_user",),
    retention="until the person makes new ones",
    eraser=Eraser.DELETE_USER,
)
describe_table(
    "accounts_password_request",
    DataClass.OPERATIONAL,
    note="Who requested a new password that could not be mailed: an ID and the moment.",
    columns="user_id requested_at",
    indexes="_pkey",
    parents=("accounts_user",),
    retention="72 hours, and up to ten minutes until the job runs",
    eraser=Eraser.DELETE_USER,
    grants=(
        ("auth", "select, insert, update, delete"),
        ("worker", "select (requested_at), delete"),
        ("retention", "select (user_id), delete"),
        ("probe", "select (user_id)"),
    ),
)
describe_table(
    "accounts_sign_up",
    DataClass.SELLER_PERSONAL,
    note="Addresses that requested to open a shop, each with the hash of its one-time link.",
    columns="id token_hash:credentials email user_id made_at:operational expires_at:operational",
    indexes="_pkey _email_key _token_hash_key",
    parents=("accounts_user",),
    retention="72 hours, and up to ten minutes until the job runs",
    eraser=Eraser.DELETE_USER,
    grants=(
        ("auth", "select, insert, delete"),
        ("worker", "select (email, expires_at), delete"),
        ("retention", "select (user_id), delete"),
        ("probe", "select (user_id)"),
    ),
)
describe_table(
    "accounts_oidc_identity",
    DataClass.SELLER_PERSONAL,
    note="Accounts at the identity provider that are linked to people: issuer and subject.",
    columns="id:operational user_id:operational issuer:operational subject linked_at:operational",
    indexes="_pkey _issuer_subject_key _user_id_key",
    parents=("accounts_user",),
    retention="until the person removes it",
    eraser=Eraser.DELETE_USER,
    grants=(
        ("auth", "select, insert, delete"),
        ("retention", "select (user_id), delete"),
        ("probe", "select (id, user_id)"),
    ),
)
