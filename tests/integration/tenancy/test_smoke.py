from __future__ import annotations

from theseller.lib import clock
from theseller.tenancy.models import Tenant
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.scope import tenant_scope


def test_a_tenant_sees_itself() -> None:
    tenant = create_tenant(name="Alice's shop", actor="process:test", at=clock.now())
    with tenant_scope(tenant):
        assert Tenant.objects.count() == 1
