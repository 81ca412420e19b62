"""Views of the inventory page: table, file, and settings of ordering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.inventory.csv_rows import inventory_csv
from theseller.analytics.inventory.forms import DefaultForm, ReplenishmentForm
from theseller.analytics.inventory.operations import UnknownProductError, set_replenishment
from theseller.analytics.inventory.queries import (
    DEFAULT_SKU,
    inventory,
    inventory_stores,
    replenishments,
)
from theseller.analytics.inventory.table_context import read_table, table_context
from theseller.analytics.inventory.types import REPLENISHMENT_FIELDS, Replenishment
from theseller.analytics.pages.page_responses import exports, may_export, page_response
from theseller.connections.queries import all_connections
from theseller.connections.types import Origin
from theseller.edge.compression_decorator import compressed
from theseller.edge.rate_limits import Rate, Subject, by_account, limited
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

REPLENISHMENT_RATES: dict[Subject, Rate] = {by_account: Rate.per_minute(60, burst=120)}
_FEATURE = "stock"
#: HTML IDs of the form of a product, which is on one page with that of the default.
_PRODUCT_IDS = "own_%s"


@require_safe
@compressed(unless=("q", "edit"))
@tenant_permission_required(Permission.DASHBOARD_READ)
def inventory_page(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the stock of each product: how long it lasts, and when to order."""
    return _answer(request, tenant_context, None)


@require_POST
@limited("replenishment", REPLENISHMENT_RATES)
@tenant_permission_required(Permission.REPLENISHMENT_MANAGE)
def replenishment(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Store what was entered about ordering a product, or the shop's default.

    The parameters of the URL are those of the table, which is shown again.
    """
    sku = request.POST.get("sku", DEFAULT_SKU)
    form = (
        DefaultForm(request.POST)
        if sku == DEFAULT_SKU
        else ReplenishmentForm(request.POST, auto_id=_PRODUCT_IDS)
    )
    if not form.is_valid():
        return _answer(request, tenant_context, form)
    try:
        changed = set_replenishment(
            sku=sku,
            inputs=form.inputs(),
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
        )
    except UnknownProductError:
        raise Http404 from None
    if changed:
        messages.success(request, _("Saved."))
    with tenant_scope(tenant_context.tenant):
        table = read_table(request.GET, inventory_stores())
    return redirect(table.address())


def _answer(
    request: HttpRequest, tenant_context: TenantContext, refused: ReplenishmentForm | None
) -> HttpResponse:
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        stores = inventory_stores()
        table = read_table(request.GET, stores)
        if refused is not None:
            table = replace(table, edit=str(refused.data.get("sku", "")))
        found = inventory([table.store] if table.store else stores, at)
        if refused is None and exports(request, tenant_context, "inventory", at):
            return inventory_csv(table.rows(found), at)
        inputs = replenishments()
        context = {
            "tenant_context": tenant_context,
            "at": at,
            **table_context(table, stores, found),
            **_forms(tenant_context, inputs, table.edit, refused),
            **({} if stores else _without_stock(tenant_context)),
        }
    if not may_export(tenant_context):
        context["csv_url"] = ""
    return page_response(request, "inventory", context, status=200 if refused is None else 422)


def _forms(
    tenant_context: TenantContext,
    inputs: dict[str, Replenishment],
    edited: str,
    refused: ReplenishmentForm | None,
) -> dict[str, Any]:
    """Return the form of the default, and that of the product which is edited."""
    default = inputs.get(DEFAULT_SKU)
    context: dict[str, Any] = {"default": default, "may_edit": False}
    if not tenant_context.may(Permission.REPLENISHMENT_MANAGE):
        return context
    is_default = isinstance(refused, DefaultForm)
    own = inputs.get(edited, Replenishment())
    return context | {
        "may_edit": True,
        "default_form": refused if is_default else DefaultForm(initial=_initial("", default)),
        "default_open": is_default or default is None,
        "product_form": (
            refused
            if refused is not None and not is_default
            else ReplenishmentForm(initial=_initial(edited, own), auto_id=_PRODUCT_IDS)
        ),
    }


def _initial(sku: str, inputs: Replenishment | None) -> dict[str, object]:
    values = inputs or Replenishment()
    return {"sku": sku} | {name: getattr(values, name) for name in REPLENISHMENT_FIELDS}


def _without_stock(tenant_context: TenantContext) -> dict[str, Any]:
    """Return why there is no stock, and where an owner can change that."""
    chosen = any(
        one.is_open and one.origin is Origin.LWA and _FEATURE in one.features
        for one in all_connections()
    )
    may_manage = tenant_context.may(Permission.CONNECTION_MANAGE)
    return {
        "stock_chosen": chosen,
        "choose_url": reverse("connections:choose") if may_manage and not chosen else "",
    }
