"""View of the reconciliation of a month."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

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
from theseller.analytics.pages.types import Store
from theseller.edge.compression_decorator import compressed
from theseller.edge.date_time_formatting import month_name
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES, local_day
from theseller.lib.money import Money
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import visible_marketplaces

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The store, its currency and the month of a URL.

    `first_day`: the store's first day with figures.
    """

    marketplace_id: str
    currency: str
    month: Span
    first_day: date

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
            one
            for one in queries.stores()
            if one.marketplace_id in MARKETPLACES
            and MARKETPLACES[one.marketplace_id].currency == one.currency
        ]
        if not stores:
            return without_figures(request, tenant_context)
        choice = _choice(request.GET.get("store", ""), request.GET.get("month", ""), stores, at)
        as_file = exports(request, tenant_context, "reconciliation", at)  # then texts are English
        found = reconcile(choice.marketplace_id, choice.currency, choice.month, at)
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
            "without_orders": _length(found.known.order_gaps),
            "without_money": _length(found.known.money_gaps),
            "limited": visible_marketplaces() is not None,
            "facts_title": _facts_title(),
            "stores": [
                {"key": MARKETPLACES[one.marketplace_id].code,
                 "label": store_label(one.marketplace_id),
                 "current": one.marketplace_id == choice.marketplace_id} for one in stores
            ],
            "earlier": (
                choice.query(choice.month.first - timedelta(days=1))
                if choice.month.first > choice.first_day
                else ""
            ),
            "later": choice.query(after) if after <= today else "",
            "csv_url": choice.query(format="csv") if may_export(tenant_context) else "",
        }  # fmt: skip
    return page_response(request, "reconciliation", context)


def _choice(code: str, month: str, stores: Sequence[Store], at: datetime) -> _Choice:
    """Return what the URL names.

    Else the store with the most orders, and the month before the current one: also if the month
    named has not begun, or is before the store's first figures.
    """
    store = next(
        (one for one in stores if MARKETPLACES[one.marketplace_id].code == code), stores[0]
    )
    today, begin = local_day(store.marketplace_id, at), store.first_day.replace(day=1)
    named = _MONTH.fullmatch(month)
    first = date(int(named[1]), int(named[2]), 1) if named else date.max
    if not begin <= first <= today:
        first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    span = Span(first, _last_day(first))
    return _Choice(store.marketplace_id, store.currency, span, store.first_day)


def _length(gaps: Sequence[Span]) -> int:
    return sum(gap.length for gap in gaps)


def _facts_title() -> str:
    return _("In none of these sums, or inside of them")


def _last_day(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _csv(found: Reconciliation, choice: _Choice) -> HttpResponse:
    columns = [_("Statement"), _("Line"), _("Note"), _("Currency"), _("Amount")]
    statements = [(_("Sales"), found.sales)]
    if found.settled:
        statements.append((_("Settlements"), found.settled))
    rows: list[list[Cell]] = []
    for name, statement in statements:
        rows += [
            [name, step.label, step.note, choice.currency, _amount(step.amount)]
            for step in statement.steps
        ]
        rows.append([name, _("Check"), statement.text, None, None])
    rows += [
        [
            _facts_title(),
            fact.label,
            fact.count if fact.known else _("not known"),
            choice.currency,
            _amount(fact.amount),
        ]
        for fact in found.facts
    ]
    for label, gaps in (
        (_("Days without orders"), found.known.order_gaps),
        (_("Days without money"), found.known.money_gaps),
    ):
        rows.append([_("Data"), label, str(_length(gaps)), None, None])
    name = f"theseller-reconciliation-{choice.code}-{choice.month.first:%Y-%m}"
    return csv_response(name, columns, rows)


def _amount(amount: Money | None) -> Decimal | None:
    return None if amount is None else amount.amount
