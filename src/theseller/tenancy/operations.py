"""Create tenants."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib.ids import new_id
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import tenant_scope


def create_tenant(*, name: str, actor: str, at: datetime, tenant: UUID | None = None) -> UUID:
    """Create a tenant and return its ID.

    Pass `tenant` to choose the ID.
    """
    tenant = tenant or new_id()
    with tenant_scope(tenant, using=accounts_database()):
        create_tenant_in_scope(name=name, actor=actor, at=at, tenant=tenant)
    return tenant


def create_tenant_in_scope(*, name: str, actor: str, at: datetime, tenant: UUID) -> None:
    """Create the tenant whose scope is open on the accounts' connection."""
    using = accounts_database()
    Tenant.objects.using(using).create(id=tenant, name=name, created_at=at)
    record(
        Tag.TENANT_CREATED,
        actor=actor,
        tenant=tenant,
        subject=f"tenant:{tenant}",
        at=at,
        using=using,
    )
