"""The page of one order: its lines, every ledger line, and what counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from theseller.analytics.pages import order_queries
from theseller.analytics.pages.day_page import (
    EXCLUSION_REASONS,
    ChargeTypeLines,
    by_charge_type,
)
from theseller.analytics.pages.order_list import STATE_TEXTS
from theseller.analytics.pages.order_queries import OrderMoney
from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.pages.types import LedgerEntry, OrderEntry
from theseller.analytics.rollups.column_charge_types import COLUMN_CHARGE_TYPES
from theseller.lib.marketplaces import MARKETPLACES, local_day, zone_of
from theseller.lib.money import Money
from theseller.tenancy.visible_marketplaces import visible_marketplaces

#: What may be an order's number in an address.
ORDER_ID = re.compile(r"[0-9A-Za-z-]{1,40}")


@dataclass(frozen=True, slots=True)
class SettlementPart:
    """What of an order a settlement contains, with the taxes in it."""

    number: str
    amount: Money


@dataclass(frozen=True, slots=True)
class CurrencyPart:
    """The money of an order in one currency.

    `counted` and `left_out` are ledger lines by charge type, these by the reason why they are in
    no figure.
    """

    currency: str
    money: OrderMoney
    state: str
    tiles: tuple[tuple[str, Money | None], ...]
    counted: tuple[ChargeTypeLines, ...]
    total: Money
    left_out: tuple[tuple[str, tuple[ChargeTypeLines, ...]], ...]
    settlements: tuple[SettlementPart, ...]


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """An order: its lines, and its ledger lines.

    `cut_off`: there are more of either. `money`: what was posted for it by currency, of all lines.
    """

    order_id: str
    lines: tuple[OrderEntry, ...]
    entries: tuple[LedgerEntry, ...]
    cut_off: bool
    money: dict[str, OrderMoney]

    @property
    def marketplace_id(self) -> str:
        """The store of the order; empty if no line names one."""
        named = [line.marketplace_id for line in self.lines]
        named += [entry.marketplace_id for entry in self.entries]
        return next((store for store in named if store in MARKETPLACES), "")


def read_order(order_id: str, *, most: int) -> OrderDetails | None:
    """Return an order as far as the person may see it, or None.

    At most `most` lines and `most` ledger lines.
    """
    lines = order_queries.order_lines(order_id, most=most + 1)
    entries = order_queries.order_entries(order_id, most=most + 1)
    if not lines and not entries:
        return None
    currencies = {entry.currency for entry in entries}
    if len(entries) > most:
        every = order_queries.money_by_currency(order_id)
        money = {currency: every.get(currency, OrderMoney()) for currency in currencies}
    else:
        money = {
            currency: _money([entry for entry in entries if entry.currency == currency])
            for currency in currencies
        }
    cut_off = len(lines) > most or len(entries) > most
    return OrderDetails(order_id, lines[:most], entries[:most], cut_off, money)


def order_context(order: OrderDetails) -> dict[str, Any]:
    """Return what the page of an order shows."""
    store = MARKETPLACES.get(order.marketplace_id)
    ordered = _ordered(order.lines)
    currencies = dict.fromkeys(entry.currency for entry in order.entries)
    if not currencies and store:
        currencies = dict.fromkeys([store.currency])
    first = order.lines[0] if order.lines else None
    return {
        "order": order,
        "first": first,
        "day": local_day(order.marketplace_id, first.purchased_at) if first and store else None,
        "store": store_label(order.marketplace_id),
        "store_key": store.code if store else "",
        "zone": zone_of(order.marketplace_id),
        "status": _status(order.lines),
        "limited": visible_marketplaces() is not None,
        "parts": [_part(order, currency, ordered) for currency in currencies],
        "seller_central": (
            f"https://{store.seller_central_host}/orders-v3/order/{order.order_id}" if store else ""
        ),
        "cut_off": order.cut_off,
    }


def settlement_numbers(order: OrderDetails, entry: LedgerEntry) -> tuple[str, ...]:
    """Return the settlements that contain a ledger line or its equivalent.

    Of a transaction that is in a stored settlement: the one that Amazon states for it; else all
    that contain lines of the order, of which it is in one.
    """
    if entry.source == "settlement":
        return (entry.source_key,)
    if entry.treatment != "in_settlement":
        return ()
    stored = {one.source_key for one in order.entries if one.source == "settlement"}
    return (entry.settlement_id,) if entry.settlement_id in stored else tuple(sorted(stored))


def treatment_text(order: OrderDetails, entry: LedgerEntry) -> str:
    """Return why a ledger line is in no figure; empty if it counts."""
    if entry.treatment == "counted":
        return ""
    numbers = settlement_numbers(order, entry)
    if entry.treatment == "in_settlement" and numbers:
        return _("Counted in settlement %(number)s") % {"number": _(" or ").join(numbers)}
    return _(EXCLUSION_REASONS[entry.treatment])


def _ordered(lines: Sequence[OrderEntry]) -> dict[str, Decimal]:
    """Return what was ordered, by currency: prices of lines that are sales."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.counted and line.currency and line.item_price is not None:
            sums[line.currency] += line.item_price
    return sums


def _status(lines: Sequence[OrderEntry]) -> str:
    states = {line.status for line in lines}
    order = ("pending", "unshipped", "shipped", "cancelled")
    return next((state for state in order if state in states), "")


def _part(order: OrderDetails, currency: str, ordered: dict[str, Decimal]) -> CurrencyPart:
    entries = [entry for entry in order.entries if entry.currency == currency]
    counted = [entry for entry in entries if entry.treatment == "counted"]
    money = order.money.get(currency, OrderMoney())
    posted = money.posted_lines > 0

    def shown(amount: Decimal) -> Money | None:
        return Money(amount, currency) if posted else None

    tiles: list[tuple[str, Money | None]] = [
        (_("Ordered sales"), Money(ordered[currency], currency) if currency in ordered else None),
        (_("Product sales posted"), shown(money.product_sales)),
        (_("Refunds"), shown(-money.refunded_sales)),
        (_("Amazon fees"), shown(-money.fees)),
        (_("Net proceeds"), shown(money.net_proceeds)),
    ]
    if money.deferred_lines:
        tiles.append((_("Deferred"), Money(money.deferred, currency)))
    return CurrencyPart(
        currency=currency,
        money=money,
        state=_(STATE_TEXTS[money.state]),
        tiles=tuple(tiles),
        counted=by_charge_type(counted, currency),
        total=Money(sum((entry.amount for entry in counted), Decimal(0)), currency),
        left_out=_left_out(order, entries, currency),
        settlements=_settlements(entries, currency),
    )


def _money(entries: Sequence[LedgerEntry]) -> OrderMoney:
    """Add up ledger lines as `order_totals.sql` does."""
    counted = [entry for entry in entries if entry.treatment == "counted"]
    deferred = [entry for entry in entries if entry.treatment == "deferred"]

    def total(column: str) -> Decimal:
        kinds = {kind.value for kind in COLUMN_CHARGE_TYPES[column]}
        return sum((entry.amount for entry in counted if entry.kind in kinds), Decimal(0))

    return OrderMoney(
        posted_lines=len(counted),
        settled_lines=sum(entry.source == "settlement" for entry in counted),
        deferred_lines=len(deferred),
        product_sales=total("product_sales"),
        refunded_sales=total("refunded_sales"),
        fees=total("fees"),
        net_proceeds=sum((entry.amount for entry in counted), Decimal(0)),
        deferred=sum((entry.amount for entry in deferred), Decimal(0)),
    )


def _left_out(
    order: OrderDetails, entries: Sequence[LedgerEntry], currency: str
) -> tuple[tuple[str, tuple[ChargeTypeLines, ...]], ...]:
    """Return the lines that are in no figure, by the reason."""
    reasons: dict[str, list[LedgerEntry]] = defaultdict(list)
    for treatment in EXCLUSION_REASONS:
        for entry in entries:
            if entry.treatment == treatment:
                reasons[treatment_text(order, entry)].append(entry)
    return tuple((why, by_charge_type(found, currency)) for why, found in reasons.items())


def _settlements(entries: Sequence[LedgerEntry], currency: str) -> tuple[SettlementPart, ...]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.source == "settlement":
            sums[entry.source_key] += entry.amount
    return tuple(SettlementPart(number, Money(sums[number], currency)) for number in sums)
