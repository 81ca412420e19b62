"""Views of unit costs: the list, the periods of a product, changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.members.queries import members
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import queries
from theseller.analytics.pages.cost_csv import costs_csv
from theseller.analytics.pages.cost_forms import CostForm, CostPeriodForm
from theseller.analytics.pages.cost_queries import CostPage, CostQuery, cost_page
from theseller.analytics.pages.page_filters import (
    StoreOption,
    has_whole_currency,
    store_label,
    store_options,
    today_in,
)
from theseller.analytics.pages.page_responses import exports, may_export, whole_page
from theseller.analytics.pages.periods import Span, parse_day
from theseller.analytics.pages.product_names import product_names
from theseller.analytics.profit.operations import delete_cost, set_costs
from theseller.analytics.profit.queries import cost_periods, is_known
from theseller.analytics.profit.types import (
    ALL_STORES,
    BEGINNING,
    CostChange,
    CostKey,
    CostPeriod,
    CostRefusedError,
)
from theseller.edge.compression_decorator import compressed
from theseller.edge.database_routing import accounts_database
from theseller.edge.list_parameters import page_range, read_page_number, read_search
from theseller.edge.rate_limits import Rate, Subject, by_account, limited
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.lib.money import Money
from theseller.tenancy.tenant_scope import tenant_scope

COST_RATES: dict[Subject, Rate] = {by_account: Rate.per_minute(60, burst=120)}
_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class CostList:
    """Which part of the list a URL requests: store, search and page.

    `period`: only products that miss a cost on a day of it.
    """

    option: StoreOption
    target: str
    search: str
    missing_only: bool
    period: Span | None
    page: int
    chosen_store: str

    def query(self, **over: str) -> str:
        """Return the query string with parameters changed; defaults are left out."""
        words = self.words() | over
        return "?" + urlencode({name: value for name, value in words.items() if value})

    def words(self) -> dict[str, str]:
        """Return the parameters of this list; one with its default is empty."""
        return {
            "store": self.chosen_store,
            "q": self.search,
            "missing": "1" if self.missing_only else "",
            "from": self.period.first.isoformat() if self.period else "",
            "to": self.period.last.isoformat() if self.period else "",
            "page": "" if self.page == 1 else str(self.page),
        }


def cost_target(option: StoreOption, options: Sequence[StoreOption]) -> str:
    """Return the marketplace whose cost an entry of the store menu edits.

    That of a store if it is one of several with its currency, which have an entry together; else
    the cost of all of them.
    """
    if has_whole_currency(option, options):
        return ALL_STORES
    return option.scope.marketplace_ids[0]


def read_list(words: QueryDict, options: tuple[StoreOption, ...]) -> CostList:
    """Return the list that the parameters of a URL request."""
    wanted = words.get("store", "")
    option = next((one for one in options if one.key == wanted), options[0])
    return CostList(
        option,
        cost_target(option, options),
        read_search(words),
        words.get("missing") == "1",
        _period_of(words) if words.get("missing") == "1" else None,
        read_page_number(words),
        option.key if option is not options[0] else "",
    )


def _period_of(words: QueryDict) -> Span | None:
    """Return the days from `from` to `to`; None without two of them."""
    days = [parse_day(words.get(name, "")) for name in ("from", "to")]
    known = sorted(day for day in days if day is not None)
    return Span(*known) if len(known) == 2 else None


@require_safe
@compressed(unless=("q",))
@tenant_permission_required(Permission.DASHBOARD_READ)
def costs(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """List the products with their unit costs, each with a form that sets it."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        if not options:
            return whole_page(request, "costs", {"tenant_context": tenant_context, "options": ()})
        chosen = read_list(request.GET, options)
        query = CostQuery(
            chosen.target,
            today_in(chosen.option.scope, at),
            chosen.search,
            chosen.missing_only,
            chosen.period,
            _PAGE_SIZE,
            (chosen.page - 1) * _PAGE_SIZE,
        )
        if exports(request, tenant_context, "costs", at):
            return costs_csv(chosen.option, query)
        page = cost_page(chosen.option.scope, query)
    context = {**_list_context(chosen, page, query), **_rights(tenant_context, chosen)}
    return whole_page(request, "costs", {**context, "options": options})


def _rights(tenant_context: TenantContext, chosen: CostList) -> dict[str, Any]:
    return {
        "tenant_context": tenant_context,
        "may_edit": tenant_context.may(Permission.COST_MANAGE),
        "csv_url": chosen.query(page="", format="csv") if may_export(tenant_context) else "",
        "file_url": reverse("analytics:cost-file")
        + (f"?store={chosen.chosen_store}" if chosen.chosen_store else ""),
    }


def _list_context(chosen: CostList, page: CostPage, query: CostQuery) -> dict[str, Any]:
    currency = chosen.option.scope.currency
    end = query.skip + len(page.rows)
    return {
        "chosen": chosen,
        "page": page,
        "currency": currency,
        "sales": Money(page.sales, currency),
        "today": query.today,
        "beginning": BEGINNING,
        "everywhere": chosen.target == ALL_STORES,
        "several_stores": len(chosen.option.scope.marketplace_ids) > 1,
        "words": [(name, value) for name, value in chosen.words().items() if value],
        "range": page_range(query.skip, len(page.rows), page.found),
        "previous_page": (
            chosen.query(page=str(chosen.page - 1) if chosen.page > 2 else "")
            if chosen.page > 1
            else ""
        ),
        "next_page": chosen.query(page=str(chosen.page + 1)) if end < page.found else "",
        "all_products": chosen.query(q="", missing="", page="", **{"from": "", "to": ""}),
        "only_missing": chosen.query(missing="1", page="", **{"from": "", "to": ""}),
    }


@require_safe
@tenant_permission_required(Permission.DASHBOARD_READ)
def cost_history(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show all periods of a product's cost, and a form for another one."""
    return _history(request, tenant_context, request.GET.get("sku", ""))


def _history(
    request: HttpRequest,
    tenant_context: TenantContext,
    sku: str,
    form: CostForm | None = None,
    store: str = "",
) -> HttpResponse:
    if "\x00" in sku:
        raise Http404
    with tenant_scope(tenant_context.tenant, using=accounts_database()):
        names = {f"user:{one.person}": one.name for one in members()}
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        shown = [one for option in options for one in option.scope.marketplace_ids]
        name = product_names([sku], shown).get(sku)
        if not options or not is_known(sku):
            raise Http404
        periods = cost_periods([sku])
    context = {
        "tenant_context": tenant_context,
        "sku": sku,
        "asin": name[0] if name else "",
        "title": name[1] if name else "",
        "periods": [_shown_period(one, periods, names) for one in reversed(periods)],
        "options": options,
        "store": store,
        "form": form or CostForm(initial={"sku": sku}),
        "may_edit": tenant_context.may(Permission.COST_MANAGE),
    }
    return whole_page(request, "cost_history", context, status=422 if form else 200)


def _shown_period(
    period: CostPeriod, periods: tuple[CostPeriod, ...], names: dict[str, str]
) -> dict[str, Any]:
    """Return a period with the first day of the next one in its store."""
    key = period.key
    later = [
        one.key.valid_from
        for one in periods
        if replace(one.key, valid_from=key.valid_from) == key
        and one.key.valid_from > key.valid_from
    ]
    return {
        "key": key,
        "cost": period.unit_cost,
        "store": (
            store_label(key.marketplace_id)
            if key.marketplace_id
            else _("All %(currency)s stores") % {"currency": key.currency}
        ),
        "from_beginning": key.valid_from == BEGINNING,
        "until": min(later, default=None),
        "by": names.get(period.written_by, ""),
        "at": period.written_at,
    }


@require_POST
@limited("costs", COST_RATES)
@tenant_permission_required(Permission.COST_MANAGE)
def set_cost(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Set one unit cost, of the list or of a product's page."""
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
    option = next((one for one in options if one.key == request.POST.get("store", "")), None)
    option = option or (options[0] if options else None)
    if option is None:
        raise Http404
    form = CostForm(request.POST, currency=option.scope.currency)
    if form.is_valid():
        key = CostKey(
            form.cleaned_data["sku"],
            cost_target(option, options),
            option.scope.currency,
            form.cleaned_data["valid_from"],
        )
        try:
            set_costs(
                [CostChange(key, form.cleaned_data["unit_cost"])],
                tenant=tenant_context.tenant,
                actor=tenant_context.actor,
                at=clock.now(),
            )
        except CostRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            messages.success(request, _("The cost of %(sku)s is saved.") % {"sku": key.sku})
            return _back(request, key.sku, options)
    return _history(request, tenant_context, request.POST.get("sku", ""), form, option.key)


def _back(request: HttpRequest, sku: str, options: tuple[StoreOption, ...]) -> HttpResponse:
    """Lead to the page that the form was on."""
    if request.POST.get("page_of") == "product":
        return redirect(f"{reverse('analytics:cost-history')}?{urlencode({'sku': sku})}")
    query = read_list(request.POST, options).query()
    return redirect(reverse("analytics:costs") + (query if query != "?" else ""))


@require_POST
@limited("costs", COST_RATES)
@tenant_permission_required(Permission.COST_MANAGE)
def remove_cost(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Delete one period of a product's cost."""
    form = CostPeriodForm(request.POST)
    if not form.is_valid():
        raise Http404
    day: date = form.cleaned_data["valid_from"]
    key = CostKey(
        form.cleaned_data["sku"],
        form.cleaned_data["marketplace"],
        form.cleaned_data["currency"],
        day,
    )
    with tenant_scope(tenant_context.tenant):
        if "\x00" in key.sku or not is_known(key.sku):
            raise Http404
    try:
        delete_cost(key, tenant=tenant_context.tenant, actor=tenant_context.actor, at=clock.now())
    except CostRefusedError as refusal:
        messages.error(request, translated_error(refusal))
    else:
        messages.success(request, _("The cost is deleted."))
    return redirect(f"{reverse('analytics:cost-history')}?{urlencode({'sku': key.sku})}")
