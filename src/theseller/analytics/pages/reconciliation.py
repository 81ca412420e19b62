"""Why a month's figures differ from each other, and from Seller Central.

Two statements of one store and currency: from ordered sales to the product sales that Amazon
posted, and from net proceeds to the payouts of the settlements that touch the month; and what is in
neither. Each begins and ends with a figure that is read by itself, and every difference between
them is counted from rows that have it. What is left is a line of its own, and then the statement
does not add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from theseller.analytics.pages import queries
from theseller.analytics.pages.data_coverage import coverage
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.reconciliation_queries import (
    Ordered,
    Posted,
    PostedSales,
    ordered,
    placed_on,
    posted,
    settled_parts,
)
from theseller.analytics.pages.settlement_queries import Settlement, settlements
from theseller.analytics.pages.types import Coverage, Scope
from theseller.analytics.rollups.types import Figures
from theseller.lib.marketplaces import local_day, midnight
from theseller.lib.money import Money
from theseller.tenancy.visible_marketplaces import visible_marketplaces


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a statement. `total`: a figure; the others are differences.

    `amount` is None where the figure is not known.
    """

    label: str
    amount: Money | None
    note: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A figure, each difference, and the figure that they lead to.

    `unexplained` is what is left; zero if every difference has a name, None if a figure is not
    known. `state`: ``good`` only if all of both figures is known and nothing is left, ``bad`` if
    something is left, else ``unknown``; `text` says so.
    """

    steps: tuple[Step, ...]
    unexplained: Money | None
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What is in none of the sums, or inside of them.

    `count` is empty where nothing is counted; `amount` None where there is none, or `known` is
    false.
    """

    label: str
    count: str = ""
    amount: Money | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The statements of a month, and the counts of what is in no sum.

    `known`: of which of its days that have begun data is stored.
    """

    sales: Statement
    settled: Statement | None
    settlements: tuple[Settlement, ...]
    facts: tuple[Fact, ...]
    known: Coverage


@dataclass(frozen=True, slots=True)
class _Month:
    """What all of the statements are about.

    `orders` and `money`: whether anything of it is known; otherwise zero would be wrong.
    """

    store: str
    currency: str
    span: Span
    figures: Figures
    known: Coverage
    posted: Posted
    using: str

    @property
    def orders(self) -> bool:
        return bool(self.known.orders or self.figures.order_items)

    @property
    def money(self) -> bool:
        return bool(self.known.money or self.figures.posted_lines or self.figures.deferred)

    @property
    def limited(self) -> bool:
        return visible_marketplaces() is not None


_Figure = tuple[str, Decimal | None, str]
_Difference = tuple[str, Decimal, str]


def reconcile(
    store: str, currency: str, span: Span, at: datetime, *, using: str = "default"
) -> Reconciliation:
    """Return the statements of a store's month, as of `at`."""
    scope = Scope((store,), currency)
    begun = Span(span.first, max(span.first, min(span.last, local_day(store, at))))
    orders = ordered(store, currency, span, using=using)
    month = _Month(
        store,
        currency,
        span,
        queries.day_series(scope, span, None, using=using).total,
        coverage(scope, begun, at, using=using),
        posted([one.order_id for one in orders], store, currency, span, using=using),
        using,
    )
    begin, end = midnight(store, span.first), midnight(store, span.last + timedelta(days=1))
    found = settlements(store=store, currency=currency, touching=(begin, end), using=using)[::-1]
    return Reconciliation(
        sales=_sales(month, orders),
        settled=_settled(month, found) if found else None,
        settlements=found,
        facts=_facts(month, orders),
        known=month.known,
    )


def _statement(
    first: _Figure, differences: Sequence[_Difference], last: _Figure, currency: str, *, whole: bool
) -> Statement:
    """Return a statement without differences of zero; the rest is named.

    `whole`: there is data of all of its days. If a figure is not known, no difference is.
    """

    def total(figure: _Figure) -> Step:
        label, amount, note = figure
        return Step(label, None if amount is None else Money(amount, currency), note, total=True)

    if first[1] is None or last[1] is None:
        return Statement(
            (total(first), total(last)),
            None,
            "unknown",
            _("Cannot be compared: a figure is not known"),
        )
    rest = last[1] - first[1] - sum((amount for _, amount, _ in differences), Decimal(0))
    shown = [step for step in differences if step[1]]
    if rest:
        shown.append((_("Not explained"), rest, _("figures may be under way: look again later")))
    state, text = ("good", _("Adds up to the cent"))
    if rest:
        state, text = "bad", _("Not fully explained")
    elif not whole:
        state, text = "unknown", _("Adds up, as far as data is stored")
    steps = (
        total(first),
        *(Step(label, Money(amount, currency), note) for label, amount, note in shown),
        total(last),
    )
    return Statement(steps, Money(rest, currency), state, text)


def _sales(month: _Month, orders: tuple[Ordered, ...]) -> Statement:
    """Return the statement from ordered sales to product sales posted."""
    within, figures = month.posted.sales, month.figures
    mine = {one.order_id: one for one in orders}
    open_ = [one for key, one in mine.items() if within.get(key, Decimal(0)) != one.sales]
    parts = _of_the_month(open_, month.posted.orders)
    by_age = _of_other_orders(month, mine)
    unknown = _("their order date is not known")
    differences = [
        (_("Not shipped yet"), -parts["open"], _("Amazon posts a sale when it is shipped")),
        (_("Not posted yet"), -parts["unposted"], _("shipped, but Amazon has posted no sale")),
        (_("Deferred"), -parts["deferred"], _("Amazon posts it again when it releases it")),
        (_("Posted after the month"), -parts["later"], _("ordered in the month")),
        (_("Posted before the month"), -parts["earlier"], _("ordered in the month")),
        (
            _("Products of posted orders that are not posted"),
            -parts["missing"],
            _("Amazon has posted other products of the same orders"),
        ),
        (
            _("Posted with another amount"),
            parts["changed"],
            _("another quantity or price of a product than was ordered"),
        ),
        (_("Posted products that have no price in the order yet"), parts["unpriced"], ""),
        (
            _("Posted products that are not in the stored order"),
            parts["extra"],
            _("ordered in the month"),
        ),
        (
            _("Canceled orders that were posted"),
            parts["canceled"],
            _("canceled after they shipped"),
        ),
        (_("Replacements that were posted"), parts["replacement"], ""),
        (_("Ordered before the month"), by_age["before"], _("posted in the month")),
        (_("Ordered after the month, or in another store"), by_age["other"], ""),
        (
            _("Orders that are not stored, or of stores that you may not see")
            if month.limited
            else _("Orders that are not stored"),
            by_age["unknown"],
            unknown,
        ),
        (_("Sales without an order"), within.get("", Decimal(0)), _("such as liquidations")),
    ]
    return _statement(
        (
            _("Ordered sales"),
            figures.ordered_sales if month.orders else None,
            _("orders placed in the month"),
        ),
        differences,
        (
            _("Product sales"),
            figures.product_sales if month.money else None,
            _("posted by Amazon in the month"),
        ),
        month.currency,
        whole=not month.known.order_gaps and not month.known.money_gaps,
    )


def _of_the_month(
    orders: Sequence[Ordered], of_orders: Mapping[str, PostedSales]
) -> dict[str, Decimal]:
    """Return how orders differ from what was posted for them in the month.

    Each part is the sum of rows that show the difference. Where none does, as for a posting that
    names no product, it is in no part.
    """
    parts: dict[str, Decimal] = defaultdict(Decimal)
    for one in orders:
        found = of_orders.get(one.order_id)
        if found is None:
            # Of canceled orders and replacements, this is zero.
            parts["open" if one.open else "unposted"] += one.sales
            continue
        parts["earlier"] += found.earlier
        parts["later"] += found.later
        parts["deferred"] += found.deferred
        if one.is_canceled:
            parts["canceled"] += found.total
        elif one.is_replacement:
            parts["replacement"] += found.total
        elif found.total != one.sales:
            _compare_products(one, found, parts)
    return parts


def _compare_products(one: Ordered, found: PostedSales, parts: dict[str, Decimal]) -> None:
    """Add the differences of an order's products to `parts`.

    More units than were ordered, or a posting without a product, have no name: the money may have
    been counted twice.
    """
    for sku, wanted in one.products.items():
        if not found.products.keys() & {sku, ""}:
            parts["missing"] += wanted.sales
    for sku, product in found.products.items():
        if not sku:
            continue
        if sku not in one.products:
            parts["extra"] += product.sales
        elif one.products[sku].unpriced:
            parts["unpriced"] += product.sales - one.products[sku].sales
        elif product.units <= one.products[sku].units:
            parts["changed"] += product.sales - one.products[sku].sales


def _of_other_orders(month: _Month, mine: Mapping[str, Ordered]) -> dict[str, Decimal]:
    """Return what was posted in the month of orders not placed in it."""
    others = {
        key: amount
        for key, amount in month.posted.sales.items()
        if key and key not in mine and amount
    }
    placed = placed_on(others, using=month.using)
    by_age: dict[str, Decimal] = defaultdict(Decimal)
    for key, amount in others.items():
        day = placed.get(key)
        place = "unknown" if day is None else "before" if day < month.span.first else "other"
        by_age[place] += amount
    return by_age


def _settled(month: _Month, found: tuple[Settlement, ...]) -> Statement:
    """Return the statement from net proceeds to the settlements' payouts.

    Both are read by themselves, the one from the totals of days, the other from the heads of the
    settlements. The differences are sums of ledger lines.
    """
    numbers = [one.number for one in found]
    parts = settled_parts(numbers, month.store, month.currency, month.span, using=month.using)
    opening = sum((one.sums.opening for one in found), Decimal(0))
    reserve = sum((one.sums.reserve for one in found), Decimal(0))
    unknown = sum(one.total is None for one in found)
    stated = sum((one.total for one in found if one.total is not None), Decimal(0))
    net = month.posted.net
    elsewhere = sum((net[key] for key in net if key and key not in numbers), Decimal(0))
    differences = [
        (
            _("In no stored settlement"),
            -net.get("", Decimal(0)),
            _("released, but not settled yet"),
        ),
        (
            _("In a settlement of another period, or of stores that you may not see")
            if month.limited
            else _("In a settlement of another period"),
            -elsewhere,
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
        (
            _("Net proceeds"),
            month.figures.net_proceeds if month.money else None,
            _("posted by Amazon in the month"),
        ),
        differences,
        (
            _("Payouts"),
            None if unknown else stated,
            ngettext(
                "the payout of %(count)d settlement is not known",
                "the payouts of %(count)d settlements are not known",
                unknown,
            )
            % {"count": unknown}
            if unknown
            else _("of the settlements that touch the month"),
        ),
        month.currency,
        whole=not month.known.money_gaps,
    )


def _facts(month: _Month, orders: tuple[Ordered, ...]) -> tuple[Fact, ...]:
    """Return what is in none of the sums, or inside of them."""
    figures = month.figures

    def of_money(label: str, amount: Decimal) -> Fact:
        shown = Money(amount, month.currency) if month.money else None
        return Fact(label, "", shown, month.money)

    def of_orders(label: str, count: int | str, amount: Decimal | None = None) -> Fact:
        shown = None if amount is None or not month.orders else Money(amount, month.currency)
        return Fact(label, str(count) if month.orders else "", shown, month.orders)

    return (
        of_orders(_("Canceled orders, in no ordered sales"), *_canceled(orders)),
        of_orders(
            _("Replacement orders, in no ordered sales"),
            sum(one.is_replacement and not one.is_canceled for one in orders),
        ),
        of_orders(
            _("Units that have no price yet, in no ordered sales"),
            sum(one.unpriced for one in orders),
        ),
        of_orders(_("Tax contained in ordered sales"), "", figures.ordered_tax),
        of_money(
            _("Deferred transactions posted in the month, in no net proceeds"), figures.deferred
        ),
        of_money(_("Not classified, in net proceeds"), figures.unclassified),
    )


def _canceled(orders: Sequence[Ordered]) -> tuple[str, Decimal | None]:
    """Return the number of canceled orders, and what is known of their prices.

    Amazon states no price of many of them: that is not zero.
    """
    canceled = [one for one in orders if one.is_canceled]
    unpriced = sum(one.canceled is None for one in canceled)
    count = str(len(canceled))
    if unpriced:
        count = _("%(count)s, %(unpriced)s of them without a price") % {
            "count": count,
            "unpriced": unpriced,
        }
    known = [one.canceled for one in orders if one.canceled is not None]
    return count, sum(known, Decimal(0)) if known or not canceled else None
