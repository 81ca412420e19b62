"""Transaction reports of the emulated Amazon say in each language what its books say."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

import pytest

from theseller.amazon.charge_classifier import is_profit_and_loss
from theseller.amazon.reports import ReportType, TransactionRow, read_report
from theseller.emulator.reports.document_rendering import midnight, render
from theseller.emulator.reports.transaction_report_texts import LANGUAGES
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World
from theseller.lib.money import minor_unit_digits

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST, LAST = midnight(date(2026, 10, 1)), midnight(date(2026, 11, 16))
_IN_PASSING = {"Tax", "ShippingTax", "GiftWrapTax"}


@cache
def world() -> World:
    return World(7)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_in_each_language_adds_up_to_the_books(language: str) -> None:
    seller = SELLERS["A4DORAEXAMPLE22" if language == "ja" else "A2ALICEEUROPE1"]
    store = seller.stores[0]
    order = ReportOrder(
        seller, ReportType.TRANSACTIONS.value, FIRST, LAST, AT, (store.marketplace.id,),
        {"language": language},
    )  # fmt: skip
    text = render(world(), order)
    assert text
    net: dict[date, Decimal] = defaultdict(Decimal)
    deferred = Decimal(0)
    codec = "cp932" if language == "ja" else "utf-8-sig"
    report = read_report([text.encode(codec, errors="replace")])
    for row in report.rows():
        assert isinstance(row, TransactionRow)
        if row.deferred:
            deferred += row.total
            continue
        net[store.marketplace.local_day(row.counts_at)] += sum(
            amount for _, kind, amount in row.amounts if is_profit_and_loss(kind)
        )
    unit = Decimal(10) ** -minor_unit_digits(store.marketplace.currency)
    books: dict[date, Decimal] = defaultdict(Decimal)
    waiting = Decimal(0)
    for event in world().events(seller, store, FIRST, LAST):
        if not (FIRST <= event.posted < LAST and event.visible <= AT):
            continue
        if event.settled > AT:
            waiting += event.total * unit
            continue
        charges = [*event.charges, *(charge for item in event.items for charge in item.charges)]
        books[store.marketplace.local_day(event.settled)] += unit * sum(
            charge.amount
            for charge in charges
            if charge.description not in _IN_PASSING and charge.amount_type != "ItemWithheldTax"
        )
    assert {day: sums for day, sums in net.items() if sums} == dict(books)
    assert deferred == waiting
    assert report.inspection.unclassified == 0
