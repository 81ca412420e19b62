"""Settlement report, flat file V2: a summary row, then a row per charge.

The rows sum to the summary's total-amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from theseller.emulator.amount_and_time_formats import amount, amount_with_comma
from theseller.emulator.reports.types import ReportGenerator, regional_encoding
from theseller.emulator.world.financial_events import Event, ItemEvent
from theseller.emulator.world.sale_and_refund_charges import Charge
from theseller.emulator.world.settlement_periods import Period
from theseller.emulator.world.world_queries import World

REPORT_TYPE = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
COLUMNS = (
    "settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date", "total-amount",
    "currency", "transaction-type", "order-id", "merchant-order-id", "adjustment-id", "shipment-id",
    "marketplace-name", "amount-type", "amount-description", "amount", "fulfillment-id",
    "posted-date", "posted-date-time", "order-item-code", "merchant-order-item-id",
    "merchant-adjustment-item-id", "sku", "quantity-purchased", "promotion-id",
)  # fmt: skip


class SettlementWriter:
    """Writer of the report of one settlement period.

    `decimal_comma`: as in Europe, amounts are ``1.234,56`` and dates ``31.12.2026``.
    """

    def __init__(self, world: World, period: Period, *, decimal_comma: bool) -> None:
        self.world, self.period, self.decimal_comma = world, period, decimal_comma
        self.currency = period.store.marketplace.currency

    def rows(self) -> list[tuple[str, ...]]:
        """Return all rows, the summary first."""
        settled, opening, closing = self.world.settlement(self.period)
        body = [
            self._detail(event, charge, item)
            for event in settled
            for item, charge in _charges(event)
        ]
        total = sum(event.total for event in settled)
        if opening:
            body.insert(
                0, self._reserve("Previous Reserve Amount Balance", opening, self.period.start)
            )
        if closing:
            body.append(self._reserve("Current Reserve Amount", -closing, self.period.end))
        summary = {
            "settlement-start-date": self._moment(self.period.start),
            "settlement-end-date": self._moment(self.period.end),
            "deposit-date": self._moment(self.period.deposit),
            "total-amount": self._amount(total + opening - closing),
            "currency": self.currency,
        }
        return [self._row(summary), *body]

    def text(self) -> str:
        """Return the document's text."""
        return "".join("\t".join(row) + "\n" for row in (COLUMNS, *self.rows()))

    def _amount(self, minor: int) -> str:
        return (
            amount_with_comma(minor, self.currency)
            if self.decimal_comma
            else amount(minor, self.currency)
        )

    def _day(self, at: datetime) -> str:
        return at.astimezone(UTC).strftime("%d.%m.%Y" if self.decimal_comma else "%Y-%m-%d")

    def _moment(self, at: datetime) -> str:
        return f"{self._day(at)} {at.astimezone(UTC):%H:%M:%S} UTC"

    def _row(self, cells: dict[str, str]) -> tuple[str, ...]:
        cells["settlement-id"] = self.period.settlement_id
        return tuple(cells.get(column, "") for column in COLUMNS)

    def _reserve(self, name: str, minor: int, at: datetime) -> tuple[str, ...]:
        return self._row(
            {
                "transaction-type": "other-transaction",
                "amount-type": "other-transaction",
                "amount-description": name,
                "amount": self._amount(minor),
                "posted-date": self._day(at),
                "posted-date-time": self._moment(at),
            }
        )

    def _detail(self, event: Event, charge: Charge, item: ItemEvent | None) -> tuple[str, ...]:
        order = event.order
        cells = {
            "transaction-type": event.row_type,
            "marketplace-name": event.store.marketplace.sales_channel if order else "",
            "amount-type": charge.amount_type,
            "amount-description": charge.description,
            "amount": self._amount(charge.amount),
            "posted-date": self._day(event.settled),
            "posted-date-time": self._moment(event.settled),
            "shipment-id": event.shipment_id,
            "promotion-id": charge.promotion_id,
        }
        if order:
            cells |= {
                "order-id": order.id,
                "merchant-order-id": order.id,
                "fulfillment-id": "AFN" if order.by_amazon else "MFN",
            }
        if item:
            cells |= {"sku": item.product.sku, "quantity-purchased": str(item.quantity)}
            cells["adjustment-id"] = item.adjustment_id
            cells["order-item-code"] = item.line.item_id if item.line else ""
        return self._row(cells)


def _charges(event: Event) -> Iterator[tuple[ItemEvent | None, Charge]]:
    for item in event.items:
        for charge in item.charges:
            yield item, charge
    for charge in event.charges:
        yield None, charge


#: Made by Amazon at the end of a settlement; see `document_rendering.render_settlement`.
GENERATORS = (
    ReportGenerator(
        report_type=REPORT_TYPE,
        roles=frozenset({"Finance and Accounting"}),
        encoding=regional_encoding,
    ),
)
