"""The page that imports a CSV file of unit costs.

The file is checked first, and stored on confirmation.
Between the two requests the browser keeps the changes, never the server.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import queries
from theseller.analytics.pages.cost_forms import CostFileForm
from theseller.analytics.pages.cost_views import COST_RATES, cost_target
from theseller.analytics.pages.page_filters import StoreOption, store_label, store_options
from theseller.analytics.pages.page_responses import whole_page
from theseller.analytics.profit.checked_changes import packed, unpacked
from theseller.analytics.profit.cost_file import (
    CURRENCY,
    FILE_BYTES_MAX,
    FILE_LINES_MAX,
    MARKETPLACE,
    SKU,
    UNIT_COST,
    VALID_FROM,
    CostFile,
    CostFileContext,
    error_texts,
    read_cost_file,
)
from theseller.analytics.profit.operations import set_costs
from theseller.analytics.profit.queries import known_skus, shop_stores, stored_costs
from theseller.analytics.profit.types import BEGINNING, CostChange, CostRefusedError
from theseller.edge.number_formatting import format_count
from theseller.edge.rate_limits import limited
from theseller.edge.translate_marked_texts import translated, translated_error
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

_ERRORS_SHOWN, _CHANGES_SHOWN = 50, 200


@require_http_methods(["GET", "HEAD", "POST"])
@limited("costs", COST_RATES)
@tenant_permission_required(Permission.COST_MANAGE)
def cost_file(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the form (GET), check a file, or store its changes (POST)."""
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
    words = request.POST if request.method == "POST" else request.GET
    option = next((one for one in options if one.key == words.get("store", "")), None)
    option = option or (options[0] if options else None)
    if option is None:
        raise Http404
    if request.method != "POST":
        return _page(request, tenant_context, option)
    form = CostFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, tenant_context, option, refusal=_("Choose a CSV file."), status=422)
    if form.cleaned_data["changes"]:
        return _store(request, tenant_context, option, form.cleaned_data["changes"])
    content: bytes = form.cleaned_data["file"].read(FILE_BYTES_MAX + 1)
    return _check(request, tenant_context, option, cost_target(option, options), content)


def _check(
    request: HttpRequest,
    tenant_context: TenantContext,
    option: StoreOption,
    target: str,
    content: bytes,
) -> HttpResponse:
    """Show what a file would change, or what is wrong with it."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        stores = shop_stores()
        context = CostFileContext(known_skus(at.date()), stores, option.scope.currency, target)
        found = read_cost_file(content, context)
        stored = stored_costs(change.key for change in found.changes)
    changes = [replace(one, before=stored.get(one.key)) for one in found.changes]
    new = [one for one in changes if one.unit_cost != one.before]
    return _page(
        request,
        tenant_context,
        option,
        status=422 if found.errors else 200,
        checked=True,
        **_summary(found, changes, new),
    )


def _summary(found: CostFile, changes: list[CostChange], new: list[CostChange]) -> dict[str, Any]:
    return {
        "errors": [translated(one) for one in error_texts(found.errors[:_ERRORS_SHOWN])],
        "more_errors": max(len(found.errors) - _ERRORS_SHOWN, 0),
        "blank": format_count(found.blank),
        "unchanged": format_count(len(changes) - len(new)),
        "added": format_count(sum(one.before is None for one in new)),
        "changed": format_count(sum(one.before is not None for one in new)),
        "shown": [_change(one) for one in new[:_CHANGES_SHOWN]],
        "more_changes": max(len(new) - _CHANGES_SHOWN, 0),
        "packed": packed(new) if new else "",
    }


def _change(change: CostChange) -> dict[str, Any]:
    key = change.key
    return {
        "sku": key.sku,
        "store": (
            store_label(key.marketplace_id)
            if key.marketplace_id
            else _("All %(currency)s stores") % {"currency": key.currency}
        ),
        "valid_from": None if key.valid_from == BEGINNING else key.valid_from,
        "before": change.before,
        "after": change.unit_cost,
        "currency": key.currency,
    }


def _store(
    request: HttpRequest, tenant_context: TenantContext, option: StoreOption, text: str
) -> HttpResponse:
    """Store the changes of a checked file, all or none."""
    try:
        count = set_costs(
            unpacked(text),
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
            from_file=True,
        )
    except CostRefusedError as refusal:
        return _page(request, tenant_context, option, refusal=translated_error(refusal), status=422)
    messages.success(
        request,
        ngettext("%(count)s cost is saved.", "%(count)s costs are saved.", count)
        % {"count": format_count(count)},
    )
    return redirect(f"{reverse('analytics:costs')}?store={option.key}")


def _columns(option: StoreOption) -> list[tuple[str, str]]:
    """Return what the columns mean; their names are not translated."""
    return [
        (SKU, _("Required. A product of this shop.")),
        (UNIT_COST, _("Required. A line whose cell is blank changes nothing.")),
        (
            VALID_FROM,
            _("The first day of the cost, such as 2026-12-31. Blank: for all days so far."),
        ),
        (
            MARKETPLACE,
            _("“All”, or a store such as “Amazon.de”. Blank: %(store)s.") % {"store": option.label},
        ),
        (CURRENCY, _("That of the marketplace: costs are not converted. It may be blank.")),
    ]


def _page(
    request: HttpRequest,
    tenant_context: TenantContext,
    option: StoreOption,
    status: int = 200,
    **more: Any,  # noqa: ANN401 - what the template shows
) -> HttpResponse:
    context = {
        "tenant_context": tenant_context,
        "option": option,
        "columns": _columns(option),
        "limit_kb": format_count(FILE_BYTES_MAX // 1000),
        "limit_lines": format_count(FILE_LINES_MAX),
        **more,
    }
    return whole_page(request, "cost_file", context, status=status)
