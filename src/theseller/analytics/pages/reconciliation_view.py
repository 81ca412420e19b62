"""View of the reconciliation of a month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import queries
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.pages.page_responses import (
    exports,
    may_export,
    page_response,
    without_figures,
)
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.reconciliation import Reconciliation, reconcile
from theseller.edge.compression_decorator import compressed
from theseller.edge.date_time_formatting import month_name
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES, local_day
from theseller.tenancy.tenant_scope import tenant_scope

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The store, its currency and the month of a URL."""

    marketplace_id: str
    currency: str
    month: Span

    @property
    def code(self) -> str:
        return MARKETPLACES[self.marketplace_id].code

    def query(self, month: date | None = None, **more: str) -> str:
        first = month or self.month.first
        return "?" + urlencode({"store": self.code, "month": f"{first:%Y-%m}", **more})


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def reconciliation(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show why the figures of a month differ from each other, line by line."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        stores = [
            (one.marketplace_id, one.currency)
            for one in queries.stores()
            if one.marketplace_id in MARKETPLACES
            and MARKETPLACES[one.marketplace_id].currency == one.currency
        ]
        if not stores:
            return without_figures(request, tenant_context)
        choice = _choice(request.GET.get("store", ""), request.GET.get("month", ""), stores, at)
        as_file = exports(request, tenant_context, "reconciliation", at)  # then texts are English
        found = reconcile(choice.marketplace_id, choice.currency, choice.month)
        if as_file:
            return _csv(found, choice)
        today = local_day(choice.marketplace_id, at)
        after = choice.month.last + timedelta(days=1)
        context = {
            "tenant_context": tenant_context,
            "at": at,
            "found": found,
            "store": store_label(choice.marketplace_id),
            "currency": choice.currency,
            "chosen": choice.code,
            "month": f"{choice.month.first:%Y-%m}",
            "month_name": month_name(choice.month.first),
            "over": choice.month.last < today,
            "stores": [
                {"key": MARKETPLACES[one].code, "label": store_label(one),
                 "current": one == choice.marketplace_id} for one, _currency in stores
            ],
            "earlier": choice.query(choice.month.first - timedelta(days=1)),
            "later": choice.query(after) if after <= today else "",
            "csv_url": choice.query(format="csv") if may_export(tenant_context) else "",
        }  # fmt: skip
    return page_response(request, "reconciliation", context)


def _choice(code: str, month: str, stores: list[tuple[str, str]], at: datetime) -> _Choice:
    """Return what the URL names.

    Else the store with the most orders, and the month before the current one.
    """
    store, currency = next((one for one in stores if MARKETPLACES[one[0]].code == code), stores[0])
    named = _MONTH.fullmatch(month)
    if named:
        first = date(int(named[1]), int(named[2]), 1)
    else:
        first = (local_day(store, at).replace(day=1) - timedelta(days=1)).replace(day=1)
    return _Choice(store, currency, Span(first, _last_day(first)))


def _last_day(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _csv(found: Reconciliation, choice: _Choice) -> HttpResponse:
    columns = [_("Statement"), _("Line"), _("Note"), _("Currency"), _("Amount")]
    statements = [(_("Sales"), found.sales)]
    if found.settled:
        statements.append((_("Settlements"), found.settled))
    rows: list[list[Cell]] = [
        [name, step.label, step.note, step.amount.currency, step.amount.amount]
        for name, statement in statements
        for step in statement.steps
    ]
    rows += [
        [
            _("In none of the sums"),
            label,
            count,
            choice.currency,
            amount.amount if amount else None,
        ]
        for label, count, amount in found.facts
    ]
    name = f"theseller-reconciliation-{choice.code}-{choice.month.first:%Y-%m}"
    return csv_response(name, columns, rows)
