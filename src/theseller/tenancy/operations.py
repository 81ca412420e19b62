"""Create tenants."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.audit.event_tags import Tag
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
    using = accounts_database()
    with tenant_scope(tenant, using=using):
        Tenant.objects.using(using).create(id=tenant, name=name, created_at=at)
        record(
            Tag.TENANT_CREATED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            using=using,
        )
    return tenant
