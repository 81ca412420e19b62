"""Business Reports into traffic: as the JSON of the same days, of the store and days that were stated."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest
from django.db import connections
from tests.cast import NOON, Cast, Person
from tests.integration.ingest.imports.files import (
    ALICE,
    ALICE_EU,
    AT,
    DORA,
    picture,
    report,
    world,
)
from tests.unit.amazon.report_fixtures.business_reports import by_child, by_date

from theseller.amazon.reports import Options, ReportType, Stated
from theseller.emulator.reports.business_report import LANGUAGES, business_report
from theseller.emulator.reports.sales_and_traffic import TrafficWriter
from theseller.emulator.world.sellers import SELLERS
from theseller.ingest.imports.operations import import_report, imported_documents
from theseller.ingest.imports.outcome_texts import outcome_texts
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import by_code
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

FIRST = date(2026, 10, 1)
LAST = date(2026, 10, 5)
TRAFFIC = ReportType.SALES_AND_TRAFFIC


@pytest.fixture
def cast(database: str) -> Cast:
    """Return the cast with fresh shops. No one signs in here, so no password is hashed."""
    shops = [
        create_tenant(name=f"{name}'s shop", actor="process:test", at=NOON)
        for name in ("Alice", "Charlie")
    ]
    alice, bob, charlie = (
        Person(new_id(), name, "", shop)
        for name, shop in (("Alice", shops[0]), ("Bob", shops[0]), ("Charlie", shops[1]))
    )
    return Cast(alice, bob, charlie, shops[0], shops[1])


def _file(seller: str, first: date, last: date, *, by: str, language: str = "en") -> bytes:
    who = SELLERS[seller]
    writer = TrafficWriter(world(), who, who.stores[0], AT)
    return business_report(writer, first, last, by=by, language=language).encode("utf-8-sig")


def _import(
    data: bytes | str, cast: Cast, code: str | None = None, day: date | None = None
) -> ImportOutcome:
    content = data.encode() if isinstance(data, str) else data
    options = Options(stated=Stated(by_code(code) if code else None, day, day))
    return import_report([content], options, tenant=cast.alices_shop, actor=cast.alice.actor, at=AT)


def _stored(tenant: UUID, asin: str = "asin = ''") -> list[tuple[object, ...]]:
    with tenant_scope(tenant), connections["default"].cursor() as cursor:
        cursor.execute(
            "select marketplace_id, local_day, asin, sessions, page_views, units_ordered,"
            f" ordered_sales, currency, buy_box_percent from ingest_traffic_day where {asin}"
            " order by marketplace_id, local_day, asin"  # our own text
        )
        return list(cursor.fetchall())


@pytest.mark.parametrize(
    ("seller", "code", "language"),
    [
        (ALICE, "US", "en"),
        (ALICE_EU, "UK", "en"),
        (ALICE_EU, "UK", "de"),
        (ALICE_EU, "UK", "es"),
        (DORA, "JP", "ja"),
    ],
)
def test_the_days_of_a_file_are_the_days_of_the_books(
    cast: Cast, seller: str, code: str, language: str
) -> None:
    outcome = _import(_file(seller, FIRST, LAST, by="date", language=language), cast, code)
    assert (outcome.status, outcome.written.rows) == (ImportStatus.IMPORTED, 5)
    who, store = SELLERS[seller], SELLERS[seller].stores[0]
    assert store.marketplace.code == code
    expected = []
    for offset in range(5):
        day = FIRST + timedelta(days=offset)
        lines = [
            line
            for order in world().orders_of_day(who, store, day)
            if not order.off_amazon
            and not order.replaces
            and order.created <= AT
            and order.status(AT) != "CANCELLED"
            for line in order.lines
        ]
        minor = 1 if store.marketplace.currency == "JPY" else 100
        sales = Decimal(sum(line.price for line in lines)) / minor
        expected.append((day, sum(line.quantity for line in lines), sales))
    stored = _stored(cast.alices_shop)
    assert [(row[1], row[5], row[6]) for row in stored] == expected
    assert {(row[0], row[7]) for row in stored} == {
        (store.marketplace.id, store.marketplace.currency)
    }
    assert all(int(str(row[3])) > 0 for row in stored)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_and_the_json_of_the_same_days_count_once_in_any_order(
    cast: Cast, language: str
) -> None:
    json = report(ALICE_EU, TRAFFIC, start=FIRST, days=1)
    files: tuple[tuple[bytes | str, str | None, date | None], ...] = (
        (json, None, None),
        (_file(ALICE_EU, FIRST, FIRST, by="date", language=language), "UK", FIRST),
        (_file(ALICE_EU, FIRST, FIRST, by="parent", language=language), "UK", FIRST),
    )
    seen = set()
    for order in permutations(files):
        shop = create_tenant(name="A shop", actor="process:test", at=NOON)
        fresh = Cast(cast.alice, cast.bob, cast.charlie, shop, shop)
        for data, code, day in order:
            assert _import(data, fresh, code, day).ok
        before = _stored(shop, "true")
        seen.add(tuple(before))
        for data, code, day in order:
            assert _import(data, fresh, code, day).status is ImportStatus.ALREADY
        assert _stored(shop, "true") == before
    assert len(seen) == 1


def test_products_of_one_day_are_those_of_the_json(cast: Cast) -> None:
    _import(report(ALICE_EU, TRAFFIC, start=FIRST, days=1), cast)
    by_parent = _stored(cast.alices_shop, "asin <> ''")
    assert by_parent
    for by in ("child", "sku"):
        outcome = _import(_file(ALICE_EU, FIRST, FIRST, by=by), cast, "UK", FIRST)
        assert outcome.status is ImportStatus.IMPORTED
        stored = _stored(cast.alices_shop, "asin <> ''")
        # The products of a day replace all that were stored of it.
        for place in (3, 4, 5, 6):
            assert sum(Decimal(str(row[place])) for row in stored) == sum(
                Decimal(str(row[place])) for row in by_parent
            )
    _import(_file(ALICE_EU, FIRST, FIRST, by="parent"), cast, "UK", FIRST)
    assert _stored(cast.alices_shop, "asin <> ''") == by_parent


def test_the_last_stored_source_of_a_day_replaces_it_whole(cast: Cast) -> None:
    rows = [(f"10/0{day}/26", "7", "9", "50.00%", "1", "£5.00") for day in (1, 2, 3)]
    json = report(ALICE_EU, TRAFFIC, start=FIRST, days=5)
    assert _import(json, cast).ok
    books = _stored(cast.alices_shop)
    outcome = _import(by_date(*rows), cast, "UK")
    assert (outcome.written.rows, outcome.status) == (3, ImportStatus.IMPORTED)
    stored = _stored(cast.alices_shop)
    assert [row[3] for row in stored[:3]] == [7, 7, 7]
    assert stored[3:] == books[3:]
    assert _import(json, cast).status is ImportStatus.IMPORTED
    assert _stored(cast.alices_shop) == books


def test_one_file_of_two_days_is_two_documents(cast: Cast) -> None:
    data = _file(ALICE_EU, FIRST, FIRST, by="child")
    for day in (FIRST, LAST):
        assert _import(data, cast, "UK", day).status is ImportStatus.IMPORTED
    assert imported_documents(tenant=cast.alices_shop)[1] == 2
    assert {row[1] for row in _stored(cast.alices_shop, "asin <> ''")} == {FIRST, LAST}


@pytest.mark.parametrize(
    ("code", "day", "words"),
    [
        (None, FIRST, "does not say of which store it is"),
        ("UK", None, "does not say of which days it is"),
        ("DE", FIRST, "sells in EUR"),
        ("UK", date(2026, 11, 21), "has not begun in Amazon.co.uk"),
    ],
)
def test_what_is_not_stated_or_does_not_fit_is_refused_without_a_trace(
    cast: Cast, code: str | None, day: date | None, words: str
) -> None:
    before = picture()
    outcome = _import(_file(ALICE_EU, FIRST, FIRST, by="child"), cast, code, day)
    assert outcome.status is ImportStatus.REFUSED
    assert words in outcome.why_not
    assert outcome_texts(outcome)[0].startswith("Nothing was stored: ")
    assert picture() == before


def test_only_a_store_that_the_shop_has_can_be_stated(cast: Cast) -> None:
    assert _import(report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE), cast).ok
    product = ("B0TESTTEE0", "B0TESTTEE1", "Tee", "1", "1", "50.00%", "1", "$5.00")
    data = by_child(product)
    before = picture()
    refused = _import(data, cast, "AU", FIRST)
    assert refused.status is ImportStatus.REFUSED
    assert refused.why_not == "this shop has no data of Amazon.com.au"
    assert "Amazon.com" in refused.advice
    assert "Amazon.co.jp" not in refused.advice
    assert picture() == before
    assert _import(data, cast, "US", FIRST).status is ImportStatus.IMPORTED


def test_days_older_than_facts_are_kept_are_left_out(cast: Cast) -> None:
    old = [(f"0{day}/01/2024", "7", "9", "50,00 %", "1", "5,00 €") for day in (1, 2, 3)]
    assert _import(by_date(*old, language="DE"), cast, "DE").status is ImportStatus.EMPTY
