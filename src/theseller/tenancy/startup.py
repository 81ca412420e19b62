"""What must hold of the database before a process serves anybody."""

from __future__ import annotations

from django.db import connections


class UnsafeDatabaseRoleError(RuntimeError):
    """This process would connect with a role that row security does not bind."""


def refuse_bypassing_role(using: str = "default") -> None:
    """Raise UnsafeDatabaseRoleError if the role of connection `using` is a superuser, bypasses row security or can become such a role."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "select current_user, bool_or(rolsuper), bool_or(rolbypassrls) from pg_roles where pg_has_role(current_user, oid, 'member')"
        )
        role, superuser, bypasses = cursor.fetchone()
    if superuser or bypasses:
        raise UnsafeDatabaseRoleError(
            f"database role {role} bypasses row security (superuser or BYPASSRLS, itself or by membership); "
            "connect as theseller_web or theseller_worker, with the grants of postgres/sql/grants.sql"
        )
