"""Transaction reports into figures: alone, and with settlements and Finances in any order.

What the figures must be is added up from the emulated Amazon's own books, by rules written down
here a second time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import permutations
from random import Random
from uuid import UUID

import pytest
from django.db import connections as databases
from tests.conftest import as_role
from tests.integration.ingest.imports.files import text_of_everything
from tests.unit.amazon.report_fixtures.builders import settlement
from tests.unit.amazon.report_fixtures.transactions import transactions

from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.reports import Options, ReportType
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.analytics.rollups.rollup_recount_check import differences
from theseller.connections.operations import connection_for_files
from theseller.emulator.canary_texts import PREFIX
from theseller.emulator.reports.document_rendering import midnight, render, render_settlement
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.spapi.transaction_json import TransactionWriter
from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.settlement_periods import Period
from theseller.emulator.world.world_queries import World
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_row_types import LEDGER_COLUMNS
from theseller.ingest.facts.history_windows import HISTORY_WINDOWS, Window, format_instant, window
from theseller.ingest.facts.ledger_writer import write_transactions
from theseller.ingest.facts.transaction_report_writer import set_aside_covered
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib.marketplaces import Region
from theseller.lib.money import minor_unit_digits
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALICE, ALICE_EU, DORA = "A2ALICEEXAMPLE1", "A2ALICEEUROPE1", "A4DORAEXAMPLE22"
OCTOBER, MIDDLE = (date(2026, 10, 1), date(2026, 11, 1)), (date(2026, 10, 15), date(2026, 11, 16))
_IN_PASSING = {"Tax", "ShippingTax", "GiftWrapTax"}
#: day → (net proceeds, deferred)
Days = dict[date, tuple[Decimal, Decimal]]
Write = Callable[[UUID], object]


@cache
def world() -> World:
    return World(7)


@cache
def _file(seller: str, days: tuple[date, date], language: str, at: datetime = AT) -> bytes:
    who = SELLERS[seller]
    order = ReportOrder(
        who, ReportType.TRANSACTIONS.value, midnight(days[0]), midnight(days[1]), at,
        (who.stores[0].marketplace.id,), {"language": language},
    )  # fmt: skip
    text = render(world(), order)
    assert text
    return text.encode("cp932" if language == "ja" else "utf-8-sig", errors="replace")


def _import(tenant: UUID, content: bytes) -> ImportOutcome:
    done = import_report([content], Options(), tenant=tenant, actor="process:test", at=AT)
    assert done.status in {ImportStatus.IMPORTED, ImportStatus.ALREADY}, (done.why_not, done)
    return done


def _shop() -> UUID:
    return create_tenant(name="A shop", actor="process:test", at=AT)


def _events(seller: str, days: tuple[date, date]) -> list[Event]:
    who, start, end = SELLERS[seller], midnight(days[0]), midnight(days[1])
    return [
        event
        for event in world().events(who, who.stores[0], start, end)
        if start <= event.posted < end and event.visible <= AT
    ]


def _periods(seller: str) -> list[Period]:
    who = SELLERS[seller]
    found = world().closed_between(who, who.stores[0], midnight(date(2026, 9, 20)), AT)
    return [period for period in found if period.start >= midnight(date(2026, 9, 10))]


def _books(events: Iterable[Event]) -> Days:
    """Return what Amazon released on each day of the store, and what it still defers."""
    days: dict[date, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for event in {event.id: event for event in events}.values():
        store = event.store.marketplace
        unit = Decimal(10) ** -minor_unit_digits(store.currency)
        charges = [*event.charges, *(charge for item in event.items for charge in item.charges)]
        if event.settled > AT:
            days[store.local_day(event.posted)][1] += event.total * unit
            continue
        days[store.local_day(event.settled)][0] += unit * sum(
            charge.amount
            for charge in charges
            if charge.description not in _IN_PASSING and charge.amount_type != "ItemWithheldTax"
        )
    return {day: (net, deferred) for day, (net, deferred) in days.items() if net or deferred}


def _figures(tenant: UUID) -> Days:
    """Return the product's figures; they equal those that the nightly check counts by itself."""
    while recompute_dirty(tenant=tenant, at=AT).more:
        pass
    assert differences(tenant=tenant, days=1_000, seed=1)[0] == ()
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute("select local_day, net_proceeds, deferred from analytics_day")
        return {day: (net, deferred) for day, net, deferred in cursor.fetchall() if net or deferred}


def _ask(tenant: UUID, query: str) -> list[tuple[object, ...]]:
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("seller", "language"), [(ALICE, "en"), (ALICE_EU, "de"), (ALICE_EU, "fr"), (DORA, "ja")]
)
def test_a_file_alone_gives_the_figures_of_the_books(seller: str, language: str) -> None:
    tenant = _shop()
    done = _import(tenant, _file(seller, OCTOBER, language))
    assert _figures(tenant) == _books(_events(seller, OCTOBER))
    assert done.inspection.unclassified == 0
    assert PREFIX not in text_of_everything()
    again = _import(tenant, _file(seller, OCTOBER, language))
    assert again.status is ImportStatus.ALREADY


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("one_in", [pytest.param(1, marks=pytest.mark.exhaustive), 5])
def test_overlapping_files_in_any_order_and_language_count_each_transaction_once(
    one_in: int,
) -> None:
    files = [
        _file(ALICE_EU, OCTOBER, "de"),
        _file(ALICE_EU, MIDDLE, "en"),
        _file(ALICE_EU, MIDDLE, "fr", AT - timedelta(days=3)),
    ]
    expected = _books(_events(ALICE_EU, (OCTOBER[0], MIDDLE[1])))
    for order in list(permutations(files))[::one_in]:
        tenant = _shop()
        for content in order:
            _import(tenant, content)
        assert _figures(tenant) == expected


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("orders", [pytest.param(6, marks=pytest.mark.exhaustive), 1])
def test_files_and_settlements_in_any_order_count_each_transaction_once(orders: int) -> None:
    seller = ALICE_EU
    periods = _periods(seller)
    assert len(periods) >= 3
    documents = [
        _file(seller, OCTOBER, "en"),
        _file(seller, MIDDLE, "en"),
        *(render_settlement(world(), period).encode() for period in periods[:3]),
    ]
    settled = [event for period in periods[:3] for event in world().settlement(period)[0]]
    expected = _books([*_events(seller, (OCTOBER[0], MIDDLE[1])), *settled])
    chance = Random(3)  # repeatable, not secret  # noqa: S311
    for _ in range(orders):
        chance.shuffle(documents)
        tenant = _shop()
        for content in documents:
            _import(tenant, content)
        assert _figures(tenant) == expected
        for content in documents:
            assert _import(tenant, content).status is ImportStatus.ALREADY
        [(aside,)] = _ask(
            tenant, "select count(*) from ingest_ledger_line where state = 'elsewhere'"
        )
        assert int(str(aside)) > 0


def _finances(seller: str, spans: Sequence[Window]) -> list[bytes]:
    """Return the pages that Finances lists for some windows."""
    who = SELLERS[seller]
    writer = TransactionWriter(world(), seller, AT)
    listed = [
        entry.write()
        for span in spans
        for event in world().events(who, who.stores[0], span.start, span.end)
        for entry in writer.entries(event)
        if span.start <= entry.posted < span.end and entry.visible <= AT
    ]
    return [
        json.dumps({"payload": {"transactions": listed[first : first + 50]}}).encode()
        for first in range(0, len(listed), 50)
    ]


def _read(seller: str, read: Sequence[int], region: Region) -> Write:
    """Return a write of the windows `read` of Finances, as the stream commits it."""

    def write(tenant: UUID) -> None:
        pending = [index for index in range(HISTORY_WINDOWS) if index not in read]
        cursor = {"anchor": format_instant(AT), "pending": pending, "until": None, "token": None}
        with tenant_scope(tenant):
            connection = connection_for_files(region, tenant=tenant, at=AT)
        with as_role("worker"), tenant_scope(tenant):
            bulk = Bulk(tenant)
            bulk.run(
                "insert into ingest_stream (tenant_id, connection_id, name, marketplace_id, cursor,"
                " due_at, last_outcome) values (%(tenant)s, %(connection)s, 'transactions', '',"
                " %(cursor)s, %(at)s, 'ok') on conflict (tenant_id, connection_id, name,"
                " marketplace_id) do update set cursor = excluded.cursor",
                connection=connection,
                cursor=json.dumps(cursor),
                at=AT,
            )
            for page in _finances(seller, [window(AT, index) for index in read]):
                write_transactions(
                    decode_transactions(page).transactions,
                    tenant=tenant,
                    connection=connection,
                    marketplace_ids=[SELLERS[seller].stores[0].marketplace.id],
                    at=AT,
                )
            set_aside_covered(bulk, connection, AT)

    return write


def _of_file(content: bytes) -> Write:
    return lambda tenant: _import(tenant, content)


@pytest.mark.parametrize("one_in", [pytest.param(1, marks=pytest.mark.exhaustive), 11])
@pytest.mark.usefixtures("database")
def test_files_settlements_and_finances_in_any_order_count_each_transaction_once(
    one_in: int,
) -> None:
    """Once all windows are read, Finances and settlements say everything, and files nothing more."""
    recent = [0, 1, 2]
    periods = _periods(ALICE_EU)
    documents = [
        _of_file(_file(ALICE_EU, OCTOBER, "de")),
        _of_file(_file(ALICE_EU, MIDDLE, "en")),
        _of_file(render_settlement(world(), periods[1]).encode()),
        _read(ALICE_EU, recent, Region.EU),
    ]
    alone = _shop()
    for write in documents[2:]:
        write(alone)
    expected = _figures(alone)
    for order in list(permutations(documents))[::one_in]:
        tenant = _shop()
        for write in order:
            write(tenant)
        assert _figures(tenant) == expected


@pytest.mark.usefixtures("database")
def test_what_finances_has_not_read_yet_counts_from_the_file() -> None:
    newest = window(AT, 0)
    expected = _books(
        event
        for event in _events(ALICE_EU, OCTOBER)
        if event.settled < newest.start - timedelta(days=1)
    )
    for order in permutations(
        [_of_file(_file(ALICE_EU, OCTOBER, "en")), _read(ALICE_EU, [0], Region.EU)]
    ):
        tenant = _shop()
        for write in order:
            write(tenant)
        before = {
            day: sums
            for day, sums in _figures(tenant).items()
            if day < (newest.start - timedelta(days=2)).date()
        }
        assert before == {
            day: sums
            for day, sums in expected.items()
            if day < (newest.start - timedelta(days=2)).date()
        }


_SHIPMENT = {
    "order-id": "112-7654321-1234567",
    "settlement-id": "",
    "transaction-status": "Deferred",
    "transaction-release-date": "",
}
_RELEASED = {
    "settlement-id": "24011223344",
    "transaction-status": "Released",
    "transaction-release-date": "Nov 11, 2026 2:00:00 AM PST",
}


def _paid(number: str) -> bytes:
    """Return a settlement that holds the shipment."""
    text = settlement(
        ("ItemPrice", "Principal", "50.00"), ("ItemFees", "Commission", "-7.50"), total="42.50",
        currency="USD", store="Amazon.com", order_id=_SHIPMENT["order-id"], sku="TEE-01",
        posted_date="2026-11-11", posted_date_time="2026-11-11 10:00:00 UTC",
    )  # fmt: skip
    return text.replace("1001", number).replace("2026-03-01", "2026-11-12").encode()


@pytest.mark.usefixtures("database")
def test_a_deferred_row_is_money_once_it_comes_again_as_released() -> None:
    deferred = transactions(_SHIPMENT, _SHIPMENT).encode()
    half = transactions(_SHIPMENT | _RELEASED, _SHIPMENT).encode()
    released = transactions(_SHIPMENT | _RELEASED, _SHIPMENT | _RELEASED).encode()
    day, later = date(2026, 11, 4), date(2026, 11, 11)
    sale = Decimal("42.50")
    tenant = _shop()
    _import(tenant, deferred)
    assert _figures(tenant) == {day: (Decimal(0), 2 * sale)}
    _import(tenant, half)
    assert _figures(tenant) == {day: (Decimal(0), sale), later: (sale, Decimal(0))}
    _import(tenant, released)
    assert _figures(tenant) == {later: (2 * sale, Decimal(0))}
    _import(tenant, deferred)  # An older file changes nothing.
    assert _figures(tenant) == {later: (2 * sale, Decimal(0))}


@pytest.mark.usefixtures("database")
def test_a_deferred_row_ends_with_the_settlement_that_has_its_charge() -> None:
    other = transactions(_SHIPMENT | _RELEASED | {"settlement-id": "24011223399"}).encode()
    tenant = _shop()
    _import(tenant, transactions(_SHIPMENT).encode())
    _import(tenant, _paid("24011223344"))
    assert [deferred for _, deferred in _figures(tenant).values()] == [Decimal(0)]
    # The row was another shipment than the settlement's: what is released counts after all.
    _import(tenant, other)
    assert sum(net for net, _ in _figures(tenant).values()) == Decimal("85.00")


@pytest.mark.usefixtures("database")
def test_rows_that_are_counted_elsewhere_are_shown_so_with_the_order() -> None:
    tenant = _shop()
    _import(tenant, transactions(_SHIPMENT | _RELEASED).encode())
    before = _figures(tenant)
    assert sum(net for net, _ in before.values()) == Decimal("42.50")
    _import(tenant, _paid("24011223344"))
    assert sum(net for net, _ in _figures(tenant).values()) == Decimal("42.50")
    assert _ask(
        tenant,
        "select distinct source, state from ingest_ledger_line order by 1",
    ) == [("settlement", "settled"), ("transaction_report", "elsewhere")]


@pytest.mark.usefixtures("database")
def test_the_nightly_check_names_a_row_that_counts_although_its_settlement_is_stored() -> None:
    tenant = _shop()
    _import(tenant, transactions(_SHIPMENT | _RELEASED).encode())
    _import(tenant, _paid("24011223344"))
    with as_role("worker"), tenant_scope(tenant):
        names = ", ".join(name for name, _ in LEDGER_COLUMNS if name != "state")
        Bulk(tenant).run(
            "with taken as (delete from ingest_ledger_line where tenant_id = %(tenant)s and source ="
            " 'transaction_report' returning *) insert into ingest_ledger_line (tenant_id,"
            f" connection_id, source, state, {names}) select tenant_id, connection_id, source,"
            f" 'released', {names} from taken"
        )
    while recompute_dirty(tenant=tenant, at=AT).more:
        pass
    found, _ = differences(tenant=tenant, days=1_000, seed=1)
    assert "source" in {difference.column for difference in found}
