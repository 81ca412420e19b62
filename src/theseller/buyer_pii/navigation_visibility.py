"""Decide who sees the navigation item of packing slips."""

from __future__ import annotations

from django.http import HttpRequest

from theseller.accounts.types import Permission, TenantContext
from theseller.buyer_pii.queries import features, has_restricted_role
from theseller.tenancy.tenant_scope import ScopeError, current_tenant, tenant_scope


def can_print_slips(request: HttpRequest) -> bool:
    """Return whether the user of `request` may print slips of this tenant.

    The deployment must have the restricted role, the user the permission, and the tenant a
    connection with the feature.
    """
    tenant_context: TenantContext | None = getattr(request, "tenant_context", None)
    if (
        tenant_context is None
        or not has_restricted_role()
        or not tenant_context.may(Permission.SLIP_PRINT)
    ):
        return False
    try:
        current_tenant()
    except ScopeError:
        with tenant_scope(tenant_context.tenant):
            return bool(features())
    return bool(features())  # The page is rendered inside its scope: scopes do not nest.
