"""Reads of people and memberships."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from theseller.accounts.types import MemberRole


def tenants_of(person: UUID) -> tuple[tuple[UUID, str, MemberRole], ...]:
    """Return (tenant id, tenant name, role) for each tenant of `person`, by name."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id, tenant_name, role from guard.tenants_of(%s)", [person])
        return tuple((tenant, name, MemberRole(role)) for tenant, name, role in cursor.fetchall())
