"""Why a month's figures differ from each other, and from Seller Central.

Three statements of one store and currency: from ordered sales to the product sales that Amazon
posted, from net proceeds to the settlements that touch the month, and what is in neither. Each
begins with a figure of the dashboard, names every difference, and ends with another figure; what
is left is a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from theseller.analytics.pages import queries
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.reconciliation_queries import (
    Ordered,
    PostedSales,
    ordered,
    placed_on,
    posted_for,
    posted_in_month,
    settled_parts,
)
from theseller.analytics.pages.settlement_queries import Settlement, settlements
from theseller.analytics.pages.types import Scope
from theseller.analytics.rollups.types import Figures
from theseller.lib.marketplaces import midnight
from theseller.lib.money import Money

#: More settlements than these touch no month.
_MOST_SETTLEMENTS = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a statement. `total`: a figure; the others are differences."""

    label: str
    amount: Money
    note: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A figure, each difference, and the figure that they lead to.

    `unexplained` is what is left; zero if every difference has a name.
    """

    steps: tuple[Step, ...]
    unexplained: Money


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The statements of a month, and the counts of what is in no sum."""

    sales: Statement
    settled: Statement | None
    settlements: tuple[Settlement, ...]
    facts: tuple[tuple[str, str, Money | None], ...]


def reconcile(store: str, currency: str, month: Span, *, using: str = "default") -> Reconciliation:
    """Return the statements of a store's month."""
    figures = queries.day_series(Scope((store,), currency), month, None, using=using).total
    orders = ordered(store, currency, month, using=using)
    begin, end = midnight(store, month.first), midnight(store, month.last + timedelta(days=1))
    found = tuple(
        one
        for one in settlements(
            store=store, touching=(begin, end), most=_MOST_SETTLEMENTS, using=using
        )[::-1]
        if one.currency == currency
    )
    return Reconciliation(
        sales=_sales(figures, orders, store, currency, month, using),
        settled=_settled(figures, found, store, currency, month, using) if found else None,
        settlements=found,
        facts=_facts(figures, orders, currency),
    )


def _statement(
    first: tuple[str, Decimal, str],
    differences: list[tuple[str, Decimal, str]],
    last: tuple[str, Decimal, str],
    currency: str,
) -> Statement:
    """Return a statement without differences of zero; the rest is named."""
    rest = last[1] - first[1] - sum((amount for _, amount, _ in differences), Decimal(0))
    shown = [step for step in differences if step[1]]
    if rest:
        shown.append((_("Not explained"), rest, _("figures may be under way: look again later")))
    steps = (
        Step(first[0], Money(first[1], currency), first[2], total=True),
        *(Step(label, Money(amount, currency), note) for label, amount, note in shown),
        Step(last[0], Money(last[1], currency), last[2], total=True),
    )
    return Statement(steps, Money(rest, currency))


def _sales(
    figures: Figures,
    orders: tuple[Ordered, ...],
    store: str,
    currency: str,
    month: Span,
    using: str,
) -> Statement:
    """Return the statement from ordered sales to product sales posted."""
    within = posted_in_month(store, currency, month, using=using)
    mine = {one.order_id: one for one in orders}
    open_ = [key for key, one in mine.items() if within.get(key, Decimal(0)) != one.sales]
    elsewhere = posted_for(open_, store, currency, month, using=using)
    parts = _of_the_month(mine, within, elsewhere)
    others = {key: amount for key, amount in within.items() if key and key not in mine and amount}
    placed = placed_on(others, using=using)
    by_age: dict[str, Decimal] = defaultdict(Decimal)
    for key, amount in others.items():
        day = placed.get(key)
        place = "unknown" if day is None else "before" if day < month.first else "other"
        by_age[place] += amount
    differences = [
        (_("Not shipped yet"), -parts["open"], _("Amazon posts a sale when it is shipped")),
        (_("Not posted yet"), -parts["unposted"], _("shipped, but Amazon has posted no sale")),
        (_("Deferred"), -parts["deferred"], _("Amazon posts it again when it releases it")),
        (_("Posted after the month"), -parts["later"], _("ordered in the month")),
        (_("Posted before the month"), -parts["earlier"], _("ordered in the month")),
        (
            _("Posted with another amount"),
            parts["changed"],
            _("another quantity or price than was ordered, or only some of the products"),
        ),
        (
            _("Canceled orders that were posted"),
            parts["canceled"],
            _("canceled after they shipped"),
        ),
        (_("Replacements that were posted"), parts["replacement"], ""),
        (_("Ordered before the month"), by_age["before"], _("posted in the month")),
        (_("Ordered after the month, or in another store"), by_age["other"], ""),
        (_("Orders that are not stored"), by_age["unknown"], _("their order date is not known")),
        (_("Sales without an order"), within.get("", Decimal(0)), _("such as liquidations")),
    ]
    return _statement(
        (_("Ordered sales"), figures.ordered_sales, _("orders placed in the month")),
        differences,
        (_("Product sales"), figures.product_sales, _("posted by Amazon in the month")),
        currency,
    )


def _of_the_month(
    mine: dict[str, Ordered], within: dict[str, Decimal], elsewhere: dict[str, PostedSales]
) -> dict[str, Decimal]:
    """Return how orders differ from what was posted for them in the month.

    For each order: sales = posted within + earlier + later + deferred + what is missing.
    """
    parts: dict[str, Decimal] = defaultdict(Decimal)
    for key, one in mine.items():
        inside = within.get(key, Decimal(0))
        if inside == one.sales:
            continue
        posted = elsewhere.get(key, PostedSales(within=inside))
        missing = one.sales - posted.total
        parts["earlier"] += posted.earlier
        parts["later"] += posted.later
        parts["deferred"] += posted.deferred
        if one.is_canceled:
            parts["canceled"] -= missing
        elif one.is_replacement:
            parts["replacement"] -= missing
        elif posted == PostedSales():
            parts["open" if one.open else "unposted"] += missing
        else:
            parts["changed"] -= missing
    return parts


def _settled(
    figures: Figures,
    found: tuple[Settlement, ...],
    store: str,
    currency: str,
    month: Span,
    using: str,
) -> Statement:
    """Return the statement from net proceeds to the settlements' payouts."""
    parts = settled_parts([one.number for one in found], store, currency, month, using=using)
    opening = sum((one.sums.opening for one in found), Decimal(0))
    reserve = sum((one.sums.reserve for one in found), Decimal(0))
    stated = sum((one.sums.total if one.total is None else one.total for one in found), Decimal(0))
    open_balance = figures.net_proceeds - figures.settled_net
    differences = [
        (_("In no stored settlement"), -open_balance, _("released, but not settled yet")),
        (
            _("In a settlement of another period"),
            parts["within"] - figures.settled_net,
            _("posted in the month, but none of these settlements contains it"),
        ),
        (_("Posted before the month"), parts["before"], _("in these settlements")),
        (_("Posted after the month"), parts["after"], _("in these settlements")),
        (_("Other stores"), parts["other_store"], _("in these settlements")),
        (_("Taxes collected and withheld"), parts["taxes"], _("in no net proceeds")),
        (_("Opening balances"), opening, _("reserves of the settlements before")),
        (_("Reserves"), reserve, _("carried over to the next settlements")),
        (_("Debts and transfers"), parts["cash"] - opening - reserve, ""),
    ]
    return _statement(
        (_("Net proceeds"), figures.net_proceeds, _("posted by Amazon in the month")),
        differences,
        (_("Payouts"), stated, _("of the settlements that touch the month")),
        currency,
    )


def _facts(
    figures: Figures, orders: tuple[Ordered, ...], currency: str
) -> tuple[tuple[str, str, Money | None], ...]:
    """Return what is in none of the sums: label, count and amount."""
    canceled = [one for one in orders if one.is_canceled]
    replacements = sum(one.is_replacement and not one.is_canceled for one in orders)
    unpriced = sum(one.unpriced for one in orders)
    amount = sum((one.canceled for one in orders), Decimal(0))
    rows = [
        (_("Canceled orders, in no ordered sales"), str(len(canceled)), Money(amount, currency)),
        (_("Replacement orders, in no ordered sales"), str(replacements), None),
        (_("Units that have no price yet, in no ordered sales"), str(unpriced), None),
        (_("Tax contained in ordered sales"), "", Money(figures.ordered_tax, currency)),
        (_("Deferred transactions posted in the month, in no net proceeds"), "",
         Money(figures.deferred, currency)),
        (_("Not classified, in net proceeds"), "", Money(figures.unclassified, currency)),
    ]  # fmt: skip
    return tuple(rows)
