"""FBA customer returns are stored once, however files overlap and whatever order they come in."""

from __future__ import annotations

from datetime import date
from itertools import permutations
from uuid import UUID

import pytest
from django.db import connections
from tests.cast import NOON
from tests.integration.ingest.imports.files import ALICE_EU, AT, report, text_of_everything, world
from tests.unit.amazon.report_fixtures.builders import all_orders, order

from theseller.amazon.reports import Options, ReportType, Stated
from theseller.emulator.canary_texts import PREFIX
from theseller.emulator.reports.document_rendering import midnight
from theseller.emulator.world.customer_returns import returned_units
from theseller.emulator.world.sellers import SELLERS
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.outcome_texts import outcome_texts
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib.marketplaces import by_code
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

RETURNS = ReportType.CUSTOMER_RETURNS
COLUMNS = [
    "return-date",
    "order-id",
    "sku",
    "asin",
    "fnsku",
    "product-name",
    "quantity",
    "fulfillment-center-id",
    "detailed-disposition",
    "reason",
    "status",
    "license-plate-number",
    "customer-comments",
]
ORDER = "302-1234567-7654321"


@pytest.fixture
def shop(database: str) -> UUID:
    return create_tenant(name="A shop", actor="process:test", at=NOON)


def _import(shop: UUID, text: str, store: str = "DE") -> ImportOutcome:
    return import_report(
        [text.encode()],
        Options(stated=Stated(by_code(store))),
        tenant=shop,
        actor="process:test",
        at=AT,
    )


def _file(*rows: str) -> str:
    """Return a file of rows ``day order SKU condition label``."""
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        day, number, sku, condition, label = row.split()
        cells = (f"{day}T23:30:00+00:00", number, sku, "B0BRUSH001", "X001BRUSH1", "Mug", "1")
        lines.append("\t".join((*cells, "LEJ1", condition, "DEFECTIVE", "Done", label, "words")))
    return "".join(f"{line}\r\n" for line in lines)


def _ask(shop: UUID, query: str) -> list[tuple[object, ...]]:
    with tenant_scope(shop), connections["default"].cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _stored(shop: UUID) -> list[tuple[object, ...]]:
    return _ask(
        shop,
        "select sku, disposition, occurrence, local_day::text from ingest_return"
        " order by returned_at, sku, occurrence",
    )


def test_returns_of_the_emulated_seller_are_stored_as_its_books_have_them(shop: UUID) -> None:
    text = report(ALICE_EU, RETURNS, days=30)
    outcome = _import(shop, text)
    assert outcome.status is ImportStatus.IMPORTED, outcome
    first, until = midnight(date(2026, 10, 1)), midnight(date(2026, 10, 31))
    books = sorted(
        (unit.at, unit.order.id, unit.product.sku, unit.disposition, unit.reason)
        for unit in returned_units(world(), SELLERS[ALICE_EU], first, until, AT)
    )
    found = _ask(shop, "select returned_at, order_id, sku, disposition, reason from ingest_return")
    assert len(books) > 8
    assert sorted(found) == books
    assert PREFIX in text
    assert PREFIX not in text_of_everything()
    again = _import(shop, text)
    assert again.status is ImportStatus.ALREADY


def test_equal_rows_of_a_file_are_units_and_overlapping_files_add_none(shop: UUID) -> None:
    twice = (f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN1", f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN2")
    later = f"2026-10-06 {ORDER} MUG-1 SELLABLE LPN3"
    assert _import(shop, _file(*twice)).written.rows == 2
    outcome = _import(shop, _file(*twice, later))
    assert (outcome.written.rows, outcome.written.unchanged) == (1, 1)
    assert [row[2] for row in _stored(shop)] == [1, 2, 1]
    fewer = _import(shop, _file(twice[1], later))
    assert (fewer.written.rows, fewer.written.outdated, fewer.written.unchanged) == (0, 1, 1)
    assert "1 return skipped: a file with more of the same units is stored." in [
        str(text) for text in outcome_texts(fewer)
    ]
    assert len(_stored(shop)) == 3


@pytest.mark.parametrize("order_of_files", list(permutations(range(3))))
def test_the_order_of_files_does_not_matter(shop: UUID, order_of_files: tuple[int, ...]) -> None:
    rows = [
        f"2026-10-{day:02} {ORDER} {sku} SELLABLE LPN{number}"
        for day, sku, number in (
            (4, "CUP-1", 1),
            (5, "MUG-1", 2),
            (5, "MUG-1", 3),
            (5, "CUP-1", 4),
            (6, "MUG-1", 5),
        )
    ]
    files = [_file(*rows[:4]), _file(*rows[1:]), _file(*reversed(rows))]
    for number in order_of_files:
        _import(shop, files[number])
    assert [row[:3] for row in _stored(shop)] == [
        ("CUP-1", "SELLABLE", 1),
        ("CUP-1", "SELLABLE", 1),
        ("MUG-1", "SELLABLE", 1),
        ("MUG-1", "SELLABLE", 2),
        ("MUG-1", "SELLABLE", 1),
    ]


def test_another_condition_of_the_same_units_replaces_the_former(shop: UUID) -> None:
    _import(shop, _file(f"2026-10-05 {ORDER} MUG-1 CUSTOMER_DAMAGED LPN1"))
    outcome = _import(shop, _file(f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN1"))
    assert (outcome.written.rows, outcome.written.replaced) == (1, 1)
    assert [row[1] for row in _stored(shop)] == ["SELLABLE"]


def test_the_store_of_the_order_goes_before_the_stated_one(shop: UUID) -> None:
    british = order(amazon_order_id=ORDER, sales_channel="Amazon.co.uk", currency="GBP")
    german = order(amazon_order_id="302-1111111-1111111", sales_channel="Amazon.de")
    assert _import(shop, all_orders(british, german)).status is ImportStatus.IMPORTED
    text = _file(
        f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN1",
        "2026-10-05 302-7654321-1234567 CUP-1 SELLABLE LPN2",
    )
    assert _import(shop, text).status is ImportStatus.IMPORTED
    found = _ask(shop, "select sku, marketplace_id, local_day::text from ingest_return")
    assert sorted(found) == [
        ("CUP-1", by_code("DE").id, "2026-10-06"),
        ("MUG-1", by_code("UK").id, "2026-10-06"),
    ]
    refused = _import(shop, text, store="FR")  # The shop has no data of France.
    assert refused.status is ImportStatus.REFUSED


def test_a_day_is_that_of_the_store(shop: UUID) -> None:
    _import(shop, _file(f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN1"))
    assert [row[3] for row in _stored(shop)] == ["2026-10-06"]  # 01:30 in Germany


def test_returns_older_than_facts_are_kept_are_left_out(shop: UUID) -> None:
    old = f"2024-10-05 {ORDER} MUG-1 SELLABLE LPN1"
    outcome = _import(shop, _file(old, f"2026-10-05 {ORDER} MUG-1 SELLABLE LPN2"))
    assert (outcome.written.rows, outcome.written.too_old) == (1, 1)
    assert len(_stored(shop)) == 1
