"""From decoded values to the rows that are kept. Nothing here can hold a name or an address: the decoders have no field for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import repeat
from operator import is_
from typing import Any

import msgspec

from theseller.amazon.charge_classifier import ChargeType, fold
from theseller.amazon.decoders.finances import Transaction, TransactionLine
from theseller.amazon.decoders.orders import Order, OrderItem
from theseller.amazon.reports import AllOrdersLine
from theseller.amazon.reports.report import Row as ReportRow
from theseller.ingest.facts.bulk import Row
from theseller.ingest.facts.local_days import LocalDays
from theseller.lib.limits import FACTS_KEPT_DAYS
from theseller.lib.marketplaces import MARKETPLACES, Marketplace

ORDER_COLUMNS = (
    ("local_day", "date"), ("order_id", "text"), ("line_key", "text"), ("marketplace_id", "text"), ("purchased_at", "timestamptz"),
    ("last_updated_at", "timestamptz"), ("status", "text"), ("fulfilment", "text"), ("is_business", "boolean"),
    ("is_replacement", "boolean"),
    ("sku", "text"), ("asin", "text"), ("quantity", "int4"), ("quantity_shipped", "int4"), ("currency", "text"), ("item_price", "numeric"),
    ("item_tax", "numeric"), ("shipping_price", "numeric"), ("gift_wrap_price", "numeric"), ("promotion_discount", "numeric"),
    ("replacement_told", "boolean"),
)  # fmt: skip
LEDGER_COLUMNS = (
    ("local_day", "date"), ("source_key", "text"), ("source_line", "int4"), ("marketplace_id", "text"), ("posted_at", "timestamptz"),
    ("state", "text"), ("kind", "text"), ("transaction_type", "text"), ("breakdown", "text"), ("currency", "text"), ("amount", "numeric"),
    ("quantity", "int4"), ("order_id", "text"), ("sku", "text"), ("asin", "text"), ("supersedes", "text"),
    ("settlement_id", "text"), ("group_id", "text"), ("store_named", "boolean"),
)  # fmt: skip
_PRINCIPAL = frozenset({ChargeType.PRINCIPAL, ChargeType.REFUND_PRINCIPAL})


def oldest_kept(at: datetime) -> datetime:
    """Return the instant before which no fact is taken in: it would have to be erased at once."""
    return at - timedelta(days=FACTS_KEPT_DAYS)


@dataclass(slots=True)
class Minimizer:
    """Turns the lines of one write into rows and counts what it leaves out.

    `products`: (store, SKU) → (ASIN, title, seen at). `replaced`: deferred transactions that another one has released.
    """

    at: datetime
    too_old: int = 0
    elsewhere: int = 0
    products: dict[tuple[str, str], tuple[str, str, datetime]] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    _days: LocalDays = field(default_factory=LocalDays)

    def report_orders(self, batches: Iterable[Iterable[ReportRow]]) -> Iterator[list[Row]]:
        """Yield rows of ORDER_COLUMNS for lines of an all-orders report: structs, or tuples in the same order."""
        for batch in batches:
            yield self._report_batch(batch)

    def _report_batch(self, batch: Iterable[Any]) -> list[Row]:
        """Work by columns: what is done for each cell is done in C, and a dictionary lookup is all that is left of most parsing."""
        lines = [line if type(line) is tuple else _fields(line) for line in batch]
        oldest = oldest_kept(self.at)
        kept = [line for line in lines if line[_STORE] is not None and line[_BOUGHT] >= oldest]
        if len(kept) < len(lines):
            elsewhere = sum(line[_STORE] is None for line in lines)
            self.elsewhere += elsewhere
            self.too_old += len(lines) - len(kept) - elsewhere
            if not kept:
                return []
        (_, occurrences, orders, items, bought, updated, order_words, channels, _, marketplaces, skus, asins, titles, item_words,
         quantities,
         currencies, prices, taxes, shippings, _, gift_wraps, _, discounts, shipping_discounts, _, business, replacements,
         ) = zip(*kept, strict=True)  # fmt: skip
        stores = [marketplace.id for marketplace in marketplaces]
        self._note_products(zip(stores, skus, asins, titles, updated, strict=True))
        keys = items if all(items) else [
            item or f"/{sku}/{occurrence}" for item, sku, occurrence in zip(items, skus, occurrences, strict=True)
        ]  # fmt: skip
        if any(shipping_discounts):
            discounts = tuple(
                (own or 0) + shipping if shipping else own for own, shipping in zip(discounts, shipping_discounts, strict=True)
            )
        return list(zip(
            map(self._days.day, marketplaces, bought), orders, keys, stores, bought, updated,
            map(_REPORT_STATUS.__getitem__, zip(order_words, item_words, strict=True)), map(_CHANNELS.__getitem__, channels),
            map(_IS_TRUE, business), map(_IS_TRUE, replacements), skus, asins, quantities, repeat(None, len(kept)),
            [currency or None for currency in currencies], prices, taxes, shippings, gift_wraps, discounts, replacements, strict=True,
        ))  # fmt: skip

    def _note_products(self, seen: Iterable[tuple[str, str, str, str, datetime]]) -> None:
        products = self.products
        latest = {(store, sku): (asin, title, updated) for store, sku, asin, title, updated in seen}
        for key, value in latest.items():
            known = products.get(key)
            if known is None or known[2] < value[2]:
                products[key] = value

    def api_orders(self, orders: Iterable[Order]) -> Iterator[list[Row]]:
        """Yield rows of ORDER_COLUMNS for orders of the Orders API."""
        rows: list[Row] = []
        for order in orders:
            marketplace = MARKETPLACES.get(order.marketplace_id or "")
            if marketplace is None or (order.sales_channel.channel_name or "").upper().startswith("NON_AMAZON"):
                self.elsewhere += len(order.order_items)
            elif order.created_time < oldest_kept(self.at):
                self.too_old += len(order.order_items)
            else:
                rows.extend(self._api_row(order, item, marketplace) for item in order.order_items)
        yield rows

    def _api_row(self, order: Order, item: OrderItem, marketplace: Marketplace) -> Row:
        product, sku = item.product, item.product.seller_sku or ""
        if product.title and sku:
            self.products[marketplace.id, sku] = (product.asin or "", product.title, order.last_updated_time)
        by_kind = {name: amount for _, name, amount in item.lines()}
        price, discount = by_kind.get("ITEM"), by_kind.get("DISCOUNT")
        part = {name: by_kind[name].amount if name in by_kind else None for name in ("TAX", "SHIPPING", "GIFT_WRAP")}
        fulfilled_by = order.fulfillment.fulfilled_by if order.fulfillment else None
        return (
            self._days.day(marketplace, order.created_time), order.order_id, item.order_item_id, marketplace.id, order.created_time,
            order.last_updated_time, "cancelled" if item.is_cancelled else _status((order.status or "").replace("_", "")),
            _FULFILMENT.get((fulfilled_by or "").capitalize(), "unknown"), "AMAZON_BUSINESS" in (order.programs or ()),
            order.is_replacement,
            sku, product.asin or "", item.quantity_ordered, item.fulfillment.quantity_fulfilled if item.fulfillment else None,
            price.currency_code if price else None, price.amount if price else None, part["TAX"], part["SHIPPING"], part["GIFT_WRAP"],
            abs(discount.amount) if discount else None, order.is_replacement,
        )  # fmt: skip

    def transactions(self, transactions: Iterable[Transaction], stores: SellerStores) -> list[Row]:
        """Return rows of LEDGER_COLUMNS for transactions of the Finances API, each item's quantity on one of its lines only."""
        rows: list[Row] = []
        for transaction in _once(transactions):
            if transaction.posted_at < oldest_kept(self.at):
                self.too_old += len(transaction.lines)
                continue
            if fold(transaction.status or "") == "deferredreleased" and _other(transaction, "RELEASE_TRANSACTION_ID"):
                self.replaced.add(transaction.key)  # Its money is in the transaction that it names.
                continue
            named = MARKETPLACES.get(transaction.marketplace_id or "")
            marketplace = named or stores.only(transaction.currency)
            day = self._day(marketplace, transaction.posted_at)
            bearers = _bearers(transaction.lines)
            deferred = _is_deferred(transaction)
            supersedes = None if deferred else _other(transaction, "DEFERRED_TRANSACTION_ID")
            settled = (transaction.settlement_id or None, transaction.identifier("FINANCIAL_EVENT_GROUP_ID") or None)
            for line in transaction.lines:
                quantity = transaction.items[line.item].quantity if line.item is not None and line.position in bearers else None
                rows.append((
                    day, transaction.key, line.position, marketplace.id if marketplace else "", transaction.posted_at,
                    "deferred" if deferred else "released",
                    line.kind.value, transaction.type, "/".join(line.path), line.currency, line.amount, quantity, transaction.order_id or None,
                    line.sku, line.asin, supersedes, *settled, named is not None,
                ))  # fmt: skip
        return rows

    def _day(self, store: Marketplace | None, instant: datetime) -> date:
        """Return the day that money is booked on: the store's own, or the UTC day where it belongs to no store."""
        return self._days.day(store, instant) if store else instant.astimezone(UTC).date()

    def settlement(self, lines: Iterable[ReportRow], stores: SellerStores) -> list[Row]:
        """Return rows of LEDGER_COLUMNS for the lines of one settlement, each item's quantity on one of its lines only."""
        taken = [line if type(line) is tuple else _fields(line) for line in lines]
        home = _main_store(taken)
        seen: set[tuple[str, ...]] = set()
        rows: list[Row] = []
        for (number, settlement, type_, order, adjustment, shipment, _, marketplace, amount_type, description, kind, amount, currency, _,
             posted, _, item, sku, quantity, _) in taken:  # fmt: skip
            if posted < oldest_kept(self.at):
                self.too_old += 1
                continue
            named = marketplace or home
            store = named or stores.only(currency)
            bearer: int | None = None
            whose = (type_, order, item, adjustment, shipment)
            if quantity and kind in _PRINCIPAL and whose not in seen:
                seen.add(whose)
                bearer = quantity
            rows.append((
                self._day(store, posted), settlement, number, store.id if store else "", posted, "settled", kind.value, type_,
                f"{amount_type}/{description}", currency, amount, bearer, order or None, sku or None, None, None, None, None, named is not None,
            ))  # fmt: skip
        return rows


class SellerStores:
    """The stores that the seller is known to have, and which of them gets money that Amazon attributes to none."""

    def __init__(self, marketplace_ids: Iterable[str]) -> None:
        self._own = frozenset(marketplace_ids)

    def only(self, currency: str) -> Marketplace | None:
        """Return the one store that money in `currency` can only belong to; None if there are several or none.

        It is Amazon's only store with that currency, else the seller's only one. A store that the seller does not have is never
        returned for a currency that several of Amazon's stores keep.
        """
        stores = [store for store in MARKETPLACES.values() if store.currency == currency]
        own = stores if len(stores) == 1 else [store for store in stores if store.id in self._own]
        return own[0] if len(own) == 1 else None


def _is_deferred(transaction: Transaction) -> bool:
    return fold(transaction.status or "") == "deferred"


def _once(transactions: Iterable[Transaction]) -> Iterable[Transaction]:
    """Return each transaction once, as it was stated last: a page may repeat one.

    What is released is not deferred again, and identifiers that the last statement leaves out are kept.
    """
    found: dict[str, Transaction] = {}
    for transaction in transactions:
        known = found.get(transaction.key)
        if known is None:
            found[transaction.key] = transaction
        elif _is_deferred(known) or not _is_deferred(transaction):
            names = {name for name, _ in transaction.identifiers}
            kept = (pair for pair in known.identifiers if pair[0] not in names)
            found[transaction.key] = msgspec.structs.replace(transaction, identifiers=(*transaction.identifiers, *kept))
    return found.values()


def _other(transaction: Transaction, name: str) -> str | None:
    """Return the id of another transaction that `transaction` names; None if it names none or itself."""
    value = transaction.identifier(name)
    return value if value and value != transaction.key else None


def _main_store(lines: list[Row]) -> Marketplace | None:
    """Return the store that most lines of a settlement name: its subscription and storage fees are booked there."""
    counts: dict[str, int] = {}
    for line in lines:
        if line[7] is not None:
            counts[line[7].id] = counts.get(line[7].id, 0) + 1
    return MARKETPLACES[max(sorted(counts), key=lambda name: counts[name])] if counts else None


def _bearers(lines: Iterable[TransactionLine]) -> set[int]:
    """Return the positions of lines that carry their item's quantity: its principal, else its first, so that a sum counts units once."""
    best: dict[int, tuple[bool, int]] = {}
    for line in lines:
        if line.item is not None:
            rank = (line.kind not in _PRINCIPAL, line.position)
            best[line.item] = min(best.get(line.item, rank), rank)
    return {position for _, position in best.values()}


#: Where a line of an all-orders report has its store and its time of purchase.
_STORE, _BOUGHT = AllOrdersLine.__struct_fields__.index("marketplace"), AllOrdersLine.__struct_fields__.index("purchased_at")
_IS_TRUE = partial(is_, True)  # noqa: FBT003  # an operator's operand
_FULFILMENT = {"Amazon": "amazon", "AFN": "amazon", "Merchant": "merchant", "MFN": "merchant"}


def _status(word: str) -> str:
    """Return our status for one of Amazon's: "Shipped - Delivered to Buyer" is shipped, "PartiallyShipped" too."""
    folded = word.casefold().replace(" ", "")
    if folded.startswith("cancel"):
        return "cancelled"
    if folded.startswith("pending"):
        return "pending"
    if folded.startswith(("shipp", "partiallyshipp", "complete")):
        return "shipped"
    return "unshipped"


class _StatusTable(dict[tuple[str, str], str]):
    """Our status by the report's (order status, item status); a cancelled item of a living order is cancelled."""

    def __missing__(self, words: tuple[str, str]) -> str:
        order, item = map(_status, words)
        status = "cancelled" if "cancelled" in {order, item} else order
        if len(self) < 1000:
            self[words] = status
        return status


class _ChannelTable(dict[str, str]):
    """Our word for who fulfils, by the report's."""

    def __missing__(self, word: str) -> str:
        folded = word.strip().casefold()
        return next((ours for theirs, ours in _FULFILMENT.items() if theirs.casefold() == folded), "unknown")


_REPORT_STATUS = _StatusTable()
_CHANNELS = _ChannelTable(_FULFILMENT)


def _fields(line: Any) -> Row:  # noqa: ANN401  # either report's struct
    return tuple(getattr(line, name) for name in line.__struct_fields__)


def products_rows(products: dict[tuple[str, str], tuple[str, str, datetime]]) -> list[Row]:
    """Return (store, SKU, ASIN, title, seen at) in the order of the key."""
    return [(*key, *value) for key, value in sorted(products.items())]
