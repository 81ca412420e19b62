"""Which pages are in the navigation of a member."""

from __future__ import annotations

from django.http import HttpRequest

from theseller.accounts.types import Permission, TenantContext


def may_manage_members(request: HttpRequest) -> bool:
    """Return whether the person may manage members, on the members page."""
    context = getattr(request, "tenant_context", None)
    return isinstance(context, TenantContext) and context.may(Permission.MEMBER_MANAGE)


def is_unlimited(request: HttpRequest) -> bool:
    """Return whether the person sees every marketplace of the shop."""
    context = getattr(request, "tenant_context", None)
    return not isinstance(context, TenantContext) or context.marketplaces is None
