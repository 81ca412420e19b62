"""Transaction report: a row per item of an event.

Monthly, Date Range or Unified. A CSV below Amazon's definitions, in the language of Seller Central.
It has what was posted in its days, and the transfers of settlements that ended in them.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from theseller.emulator.canary_texts import TRANSACTION_COLUMNS, canary
from theseller.emulator.reports.transaction_report_texts import COLUMNS, LANGUAGES, Language
from theseller.emulator.reports.types import ReportGenerator, ReportOrder
from theseller.emulator.world.financial_events import Event, ItemEvent
from theseller.emulator.world.sale_and_refund_charges import Charge
from theseller.emulator.world.sellers import Store
from theseller.emulator.world.world_queries import World

REPORT_TYPE = "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA"
_COLUMN_OF = {
    "Principal": "sales",
    "Shipping": "shipping",
    "GiftWrap": "gift_wrap",
    "Tax": "tax",
    "ShippingTax": "tax",
    "GiftWrapTax": "tax",
    "Commission": "selling",
    "RefundCommission": "selling",
    "FBAPerUnitFulfillmentFee": "fba",
    "ShippingChargeback": "other_transaction",
    "GiftwrapChargeback": "other_transaction",
}
_ORDER, _REFUND, _SERVICE, _ADJUSTMENT, _STORAGE, _TRANSFER = range(6)
_LOSSES = "FBA Inventory Reimbursement - "


class TransactionReportWriter:
    """Writer of the report of some stores with one currency."""

    def __init__(self, world: World, order: ReportOrder) -> None:
        self._world, self._order = world, order
        self._language: Language = LANGUAGES[order.options.get("language", "en")]
        self._stores = [order.seller.store(one) for one in order.marketplace_ids] or [
            store
            for store in order.seller.stores
            if store.marketplace.currency == order.seller.stores[0].marketplace.currency
        ]

    def has_data(self) -> bool:
        """Return whether the report has any row."""
        return next(self._rows(), None) is not None

    def text(self) -> str:
        """Return the document's text."""
        language, currency = self._language, self._stores[0].marketplace.currency
        stream = io.StringIO()
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        for line in language.preamble:
            writer.writerow([line.format(currency=currency)])
        writer.writerow(language.header.split("|"))
        rows = sorted(self._rows(), key=lambda pair: pair[0])
        writer.writerows([row.get(column, "") for column in COLUMNS] for _, row in rows)
        return stream.getvalue()

    def _rows(self) -> Iterator[tuple[datetime, dict[str, str]]]:
        start, end, at = self._order.start, self._order.end, self._order.at
        for store in self._stores:
            for event in self._world.events(self._order.seller, store, start, end):
                if start <= event.posted < end and event.visible <= at:
                    for cells in self._of_event(store, event):
                        yield event.posted, cells
            for period in self._world.closed_between(self._order.seller, store, start, at):
                if start <= period.end < end:
                    events, opening, closing = self._world.settlement(period)
                    payout = sum(event.total for event in events) + opening - closing
                    row = self._row(store, period.end, _TRANSFER, {"other": -payout})
                    row |= {
                        "settlement": period.settlement_id,
                        "description": "To your account ending in: 123",
                        "marketplace": "",
                    }
                    yield period.end, row

    def _of_event(self, store: Store, event: Event) -> Iterator[dict[str, str]]:
        for item in event.items:
            yield self._of_charges(store, event, item.charges, item)
        if event.charges:
            yield self._of_charges(store, event, event.charges, None)

    def _of_charges(
        self, store: Store, event: Event, charges: tuple[Charge, ...], item: ItemEvent | None
    ) -> dict[str, str]:
        order, seller = event.order, self._order.seller
        sums: dict[str, int] = defaultdict(int)
        for charge in charges:
            sums[_column(charge) if order else "other"] += charge.amount
        kind, description = self._kind(event)
        row = self._row(store, event.posted, kind, sums)
        period = self._world.period_of(
            seller, store, event.settled, self._world.stream_of(seller, event)
        )
        released = event.settled <= self._order.at
        row |= {
            "settlement": period.settlement_id if released else "",
            "description": description,
            "status": self._language.states[released],
            "released": self._language.moment(event.settled) if released else "",
        }
        if item:
            row |= {"sku": item.product.sku, "quantity": str(item.quantity)}
        if order:
            row |= {
                "order": order.id,
                "description": item.product.titles[0] if item else "",
            } | {
                column.removeprefix("order-"): canary(self._world.seed, column, order.id)
                for column in TRANSACTION_COLUMNS
            }
        else:
            row["marketplace"] = ""
        return row

    def _kind(self, event: Event) -> tuple[int, str]:
        if event.order:
            return (_ORDER if event.row_type == "Order" else _REFUND), ""
        name = event.description
        if event.kind == "Adjustment":
            return _ADJUSTMENT, f"{_LOSSES}{name.replace('_', ' ').title()}"
        if name == "TransactionTotalAmount":
            return _SERVICE, self._language.advertising
        if name.startswith("Subscription"):
            return _SERVICE, name
        return _STORAGE, name

    def _row(
        self, store: Store, posted: datetime, kind: int, sums: dict[str, int]
    ) -> dict[str, str]:
        language, currency = self._language, store.marketplace.currency
        numbers = {
            column: language.number(sums.get(column, 0), currency)
            for column in COLUMNS[COLUMNS.index("sales") : COLUMNS.index("total")]
        }
        return {
            "posted": language.moment(posted),
            "type": language.types.split("|")[kind],
            "marketplace": store.marketplace.sales_channel.lower(),
            "status": language.states[1],
            **numbers,
            "total": language.number(sum(sums.values()), currency),
        }


def _column(charge: Charge) -> str:
    if charge.amount_type == "Promotion":
        return "promotion"
    if charge.amount_type == "ItemWithheldTax":
        return "withheld"
    return _COLUMN_OF[charge.description]


GENERATORS = (
    ReportGenerator(
        report_type=REPORT_TYPE,
        roles=frozenset({"Finance and Accounting"}),
        has_data=lambda world, order: TransactionReportWriter(world, order).has_data(),
        render=lambda world, order: TransactionReportWriter(world, order).text(),
        encoding=lambda _seller: "utf-8-sig",
    ),
)
