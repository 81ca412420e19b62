"""Report files into facts: each type whole, the same again unchanged, anything wrong without a trace."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connections
from tests.cast import NOON, Cast, Person
from tests.conftest import as_role
from tests.integration.ingest.imports.files import (
    ALICE,
    ALICE_EU,
    AT,
    CHARLIE,
    DORA,
    picture,
    report,
    settlement_text,
    text_of_everything,
    zipped,
)
from tests.unit.amazon.report_fixtures.builders import settlement

from theseller.amazon.reports import Options, ReportType, Stated, inspect_report
from theseller.amazon.reports.settlement_amount_parsing import read_amount
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.queries import all_connections
from theseller.connections.types import DisconnectReason, Origin
from theseller.emulator.canary_texts import PREFIX
from theseller.emulator.reports import document_rendering
from theseller.erasure.connection_erasure import erase_connection
from theseller.ingest.imports.operations import import_report, imported_documents
from theseller.ingest.imports.outcome_texts import outcome_texts
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region, by_code
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

BY_DATE, BY_UPDATE = ReportType.ALL_ORDERS_BY_ORDER_DATE, ReportType.ALL_ORDERS_BY_LAST_UPDATE
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


def _import(
    data: bytes | str, cast: Cast, *, shop: UUID | None = None, options: Options | None = None
) -> ImportOutcome:
    content = data.encode() if isinstance(data, str) else data
    tenant = shop or cast.alices_shop
    return import_report(
        [content], options or Options(), tenant=tenant, actor=cast.alice.actor, at=AT
    )


def _ask(tenant: UUID, query: str) -> list[tuple[object, ...]]:
    with tenant_scope(tenant), connections["default"].cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.parametrize(
    ("seller", "kind", "codec", "region"),
    [
        (ALICE, BY_UPDATE, "utf-8", Region.NA),
        (ALICE, BY_DATE, "utf-8-sig", Region.NA),
        (CHARLIE, BY_DATE, "cp1252", Region.EU),
        (DORA, BY_UPDATE, "cp932", Region.FE),
        (DORA, BY_UPDATE, "utf-16", Region.FE),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_imported_orders_are_stored_in_the_region_of_their_store(
    cast: Cast, seller: str, kind: ReportType, codec: str, region: Region, *, compressed: bool
) -> None:
    data = report(seller, kind).encode(codec)
    outcome = _import(gzip.compress(data, mtime=0) if compressed else data, cast)
    assert (outcome.status, outcome.region) == (ImportStatus.IMPORTED, region)
    found = inspect_report([data])
    lines = _ask(
        cast.alices_shop,
        "select currency, sum(item_price), count(*) from ingest_order_line group by currency order"
        " by currency",
    )
    assert (
        sum(int(str(row[2])) for row in lines)
        == outcome.written.rows
        == found.rows - outcome.written.skipped
    )
    in_file = {code: total["item-price"] for code, total in found.totals.items() if code}
    assert {row[0]: row[1] for row in lines if row[0]} == in_file
    titles = _ask(cast.alices_shop, "select title from ingest_product")
    assert titles
    assert all("\ufffd" not in str(title) for (title,) in titles)
    with tenant_scope(cast.alices_shop):
        (connection,) = all_connections()
    assert (connection.origin, connection.region) == (Origin.FILES, region)


@pytest.mark.parametrize(("seller", "comma"), [(ALICE, False), (ALICE_EU, True), (CHARLIE, True)])
def test_imported_settlement_lines_sum_to_the_settlement_total(
    cast: Cast, seller: str, *, comma: bool
) -> None:
    outcome = _import(settlement_text(seller, decimal_comma=comma), cast)
    assert outcome.status is ImportStatus.IMPORTED
    ((total, count),) = _ask(
        cast.alices_shop,
        "select sum(amount), count(*) from ingest_ledger_line where source = 'settlement'",
    )
    (totals,) = outcome.inspection.totals.values()
    assert total == totals["settlement total"] != Decimal(0)
    assert count == outcome.inspection.rows


def test_imported_traffic_report_is_stored_by_day(cast: Cast) -> None:
    outcome = _import(zipped(report(ALICE, TRAFFIC)), cast)
    assert outcome.status is ImportStatus.IMPORTED
    ((days, sales),) = _ask(
        cast.alices_shop,
        "select count(*), sum(ordered_sales) from ingest_traffic_day where asin = ''",
    )
    assert days == 5
    (totals,) = outcome.inspection.totals.values()
    assert sales == next(
        value for measure, value in totals.items() if measure.startswith("ordered product sales")
    )


#: Types whose rows are read and not stored. `bin/new` enters a new one; it leaves the list when its
#: handler stores the rows.
COUNTED_ONLY: tuple[str, ...] = ()


@pytest.mark.parametrize("kind", document_rendering.REQUESTABLE)
def test_a_generated_file_of_every_report_type_can_be_imported(cast: Cast, kind: str) -> None:
    # Of a file that names its store, what is stated is not used.
    options = Options(stated=Stated(by_code("DE")))
    outcome = _import(report(ALICE_EU, ReportType(kind)), cast, options=options)
    expected = ImportStatus.EMPTY if kind in COUNTED_ONLY else ImportStatus.IMPORTED
    assert outcome.status is expected, outcome
    assert outcome.inspection.rows


def test_import_is_recorded_listed_and_audited(cast: Cast) -> None:
    outcome = _import(report(ALICE, BY_DATE), cast)
    (document,), count = imported_documents(tenant=cast.alices_shop)
    assert (count, document.report_type, document.rows_kept) == (
        1,
        BY_DATE.value,
        outcome.inspection.rows,
    )
    assert outcome.inspection.sha256.startswith(document.fingerprint)
    assert document.covers_from == outcome.inspection.period.first
    (dropped,) = _ask(cast.alices_shop, "select columns_dropped from ingest_document")
    assert "ship-city" in str(dropped)
    marked = _ask(cast.alices_shop, "select count(*) from ingest_dirty_day")
    assert marked == [(outcome.written.days,)]
    assert f"document:{outcome.document}" in text_of_everything()
    assert imported_documents(tenant=cast.charlies_shop) == ((), 0)


@pytest.mark.parametrize(
    "content",
    [
        lambda: report(ALICE, BY_DATE),
        lambda: settlement_text(ALICE),
        lambda: report(ALICE, TRAFFIC),
    ],
    ids=["orders", "settlement", "traffic"],
)
def test_the_same_file_again_changes_nothing_and_says_so(
    cast: Cast, content: Callable[[], str]
) -> None:
    text = content()
    assert _import(text, cast).status is ImportStatus.IMPORTED
    before = picture()
    again = _import(zipped(text), cast)
    assert again.status is ImportStatus.ALREADY
    assert outcome_texts(again) == [
        "This report was already imported on 20 Nov 2026, 12:00 UTC. No data changed."
    ]
    assert picture() == before
    # Another shop has not imported it.
    assert _import(text, cast, shop=cast.charlies_shop).status is ImportStatus.IMPORTED


def test_a_settlement_in_another_format_is_the_same_settlement(cast: Cast) -> None:
    _import(settlement_text(CHARLIE, decimal_comma=True), cast)
    lines = "select count(*), sum(amount) from ingest_ledger_line"
    before = _ask(cast.alices_shop, lines)
    again = _import(settlement_text(CHARLIE, decimal_comma=False), cast)
    assert again.written.rows == 0
    assert _ask(cast.alices_shop, lines) == before
    assert imported_documents(tenant=cast.alices_shop)[1] == 1


def test_overlapping_reports_count_each_order_once(cast: Cast) -> None:
    _import(report(ALICE, BY_DATE, days=5), cast)
    second = _import(report(ALICE, BY_DATE, days=4), cast)
    assert second.status is ImportStatus.IMPORTED
    assert second.written.rows == 0
    assert second.written.unchanged > 0
    assert "All lines are already stored" in outcome_texts(second)[0]
    rows = inspect_report([report(ALICE, BY_DATE, days=5).encode()]).rows
    assert _ask(cast.alices_shop, "select count(*) from ingest_order_line") == [(rows,)]


def _with_bad_row(text: str) -> str:
    lines = text.split("\r\n" if "\r\n" in text else "\n")
    header = lines[0].split("\t")
    cells = lines[3].split("\t")
    cells[header.index("quantity" if "quantity" in header else "amount")] = (
        f"{PREFIX}SECRETINTHEWRONGCELL"
    )
    lines[3] = "\t".join(cells)
    return "\n".join(lines)


def _bomb() -> bytes:
    return gzip.compress(report(ALICE, BY_DATE).encode() + b"\n" * (64 << 20), mtime=0)


BAD = {
    "garbage": b"\x00\x01\x02garbage" * 1000,
    "words": b"not a report\nat all\n",
    "empty": b"",
    "cut gzip": zipped(report(ALICE, BY_DATE))[:-200],
    "damaged gzip": (
        zipped(report(ALICE, BY_DATE))[:300] + b"\xff" * 40 + zipped(report(ALICE, BY_DATE))[340:]
    ),
    "zip bomb": _bomb(),
    "cut orders": report(ALICE, BY_DATE).encode()[:-30],
    "cut settlement": "\n".join(settlement_text(ALICE).splitlines()[:-3]).encode(),
    "cut json": report(ALICE, TRAFFIC).encode()[:-100],
    "other json": b'{"errors": [{"code": "Unauthorized"}]}',
    "excel": b"PK\x03\x04" + b"[Content_Types].xml" + b"x" * 100,
    "web page": b"<!doctype html><title>Sign in</title>",
    "bad row": _with_bad_row(report(ALICE, BY_DATE)).encode(),
    "bad line": _with_bad_row(settlement_text(ALICE)).encode(),
    "two regions": (
        (report(ALICE, BY_UPDATE) + report(ALICE_EU, BY_UPDATE).split("\n", 1)[1]).encode()
    ),
    "absurd number": (
        report(ALICE, TRAFFIC).replace('"sessions":', '"sessions":99999999999999999999', 1).encode()
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_words_and_leaves_the_database_as_it_was(
    cast: Cast, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = picture()
    outcome = _import(BAD[name], cast)
    assert outcome.status is ImportStatus.REFUSED
    said = " ".join(outcome_texts(outcome))
    assert said.startswith("Nothing was stored: ")
    assert outcome.why_not
    assert outcome.advice
    assert PREFIX not in said + caplog.text + outcome.inspection.to_json().decode()
    assert picture() == before


def test_a_negative_quantity_is_refused(cast: Cast) -> None:
    text = report(ALICE, BY_DATE)
    header, row, rest = text.split("\n", 2)
    cells = row.split("\t")
    cells[header.split("\t").index("quantity")] = "-5"
    before = picture()
    outcome = _import("\n".join([header, "\t".join(cells), rest]), cast)
    assert outcome.status is ImportStatus.REFUSED
    assert picture() == before


def test_readable_rows_are_stored_only_on_request(cast: Cast) -> None:
    bad = _with_bad_row(report(ALICE, BY_DATE))
    assert _import(bad, cast).status is ImportStatus.REFUSED
    outcome = _import(bad, cast, options=Options(allow_refused_rows=True))
    assert outcome.status is ImportStatus.IMPORTED
    assert "1 row skipped: unreadable." in outcome_texts(outcome)
    (document,), _ = imported_documents(tenant=cast.alices_shop)
    assert document.rows_skipped == 1 + outcome.written.skipped
    # A settlement's lines must add up, whatever is asked for.
    refused = _import(
        _with_bad_row(settlement_text(ALICE)), cast, options=Options(allow_refused_rows=True)
    )
    assert refused.status is ImportStatus.REFUSED


def test_lines_outside_amazon_and_beyond_18_months_are_left_out_and_counted(cast: Cast) -> None:
    header, first, second, third, *_ = report(ALICE, BY_DATE).split("\n")
    names = header.split("\t")
    elsewhere, old = second.split("\t"), third.split("\t")
    elsewhere[names.index("sales-channel")] = "Non-Amazon US"
    old[names.index("purchase-date")] = "2024-01-05T10:00:00+00:00"
    outcome = _import("\n".join([header, first, "\t".join(elsewhere), "\t".join(old)]) + "\n", cast)
    assert outcome.status is ImportStatus.IMPORTED
    assert (outcome.written.rows, outcome.written.too_old, outcome.written.elsewhere) == (1, 1, 1)
    said = " ".join(outcome_texts(outcome))
    assert "older than the 18 months" in said
    assert "sales outside Amazon's stores" in said


@pytest.mark.parametrize("rows", ["", "old", "elsewhere"])
def test_report_without_importable_rows_changes_no_data(cast: Cast, rows: str) -> None:
    header, first, *_ = report(ALICE, BY_DATE).split("\n")
    names, cells = header.split("\t"), first.split("\t")
    if rows == "old":
        cells[names.index("purchase-date")] = "2024-01-05T10:00:00+00:00"
    cells[names.index("sales-channel")] = (
        "Non-Amazon US" if rows == "elsewhere" else cells[names.index("sales-channel")]
    )
    before = picture()
    outcome = _import(header + "\n" + ("\t".join(cells) + "\n" if rows else ""), cast)
    assert outcome.status is ImportStatus.EMPTY
    assert outcome_texts(outcome)[0] == "This file has nothing to import. No data changed."
    assert picture() == before


def test_no_column_that_is_dropped_reaches_a_table_an_outcome_or_a_log(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    files = [
        report(seller, kind)
        for seller, kind in (
            (ALICE, BY_DATE),
            (CHARLIE, BY_DATE),
            (DORA, BY_UPDATE),
            (ALICE, TRAFFIC),
        )
    ]
    assert sum(text.count(PREFIX) for text in files) > 100
    said = ""
    for text in files:
        outcome = _import(text, cast)
        said += repr(outcome) + " ".join(outcome_texts(outcome))
    assert PREFIX not in said + caplog.text
    everything = text_of_everything()
    assert len(everything) > 100_000
    assert PREFIX not in everything


def test_files_join_the_open_connection_of_their_region_and_not_an_ended_one(cast: Cast) -> None:
    tenant = cast.alices_shop
    with tenant_scope(tenant):
        first = connection_for_files(Region.NA, tenant=tenant, at=AT)
    assert _import(report(ALICE, BY_DATE), cast).status is ImportStatus.IMPORTED
    assert _ask(tenant, "select distinct connection_id from ingest_order_line") == [(first,)]
    disconnect(
        connection=first,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant,
        actor=cast.alice.actor,
        at=AT,
    )
    # What belongs to the ended connection will be erased, so it does not count as there.
    before = picture()
    waiting = _import(report(ALICE, BY_DATE), cast)
    assert (waiting.status, "still being erased" in waiting.why_not) == (ImportStatus.REFUSED, True)
    assert picture() == before
    with as_role("retention"):
        erase_connection(connection=first, tenant=tenant, at=AT)
    assert _import(report(ALICE, BY_DATE), cast).status is ImportStatus.IMPORTED
    assert (first,) not in _ask(tenant, "select distinct connection_id from ingest_order_line")


def test_two_imports_of_one_file_at_once_store_it_once(cast: Cast) -> None:
    outcomes: list[ImportOutcome] = []

    def run() -> None:
        try:
            outcomes.append(_import(report(ALICE, BY_DATE), cast))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.status for outcome in outcomes) == [
        ImportStatus.ALREADY,
        ImportStatus.ALREADY,
        ImportStatus.IMPORTED,
    ]
    with tenant_scope(cast.alices_shop):
        assert len(all_connections()) == 1


def test_a_file_that_changes_between_the_readings_is_refused(cast: Cast) -> None:
    texts = iter([report(ALICE, BY_DATE)] * 3 + [report(ALICE, BY_DATE, days=4)] * 9)
    seen: list[str] = []

    def reopened() -> list[bytes]:
        seen.append(next(texts))
        return [seen[-1].encode()]

    before = picture()
    outcome = import_report(
        reopened, replace(Options()), tenant=cast.alices_shop, actor=cast.alice.actor, at=AT
    )
    assert outcome.status is ImportStatus.REFUSED
    assert "changed" in outcome.why_not
    assert picture() == before


def test_lines_of_no_known_charge_type_are_stored_and_their_number_is_logged(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    text = settlement_text(ALICE).replace("\tCommission\t", "\tA label of 2031\t")
    outcome = _import(text, cast)
    assert outcome.status is ImportStatus.IMPORTED
    assert outcome.inspection.unclassified == text.count("\tA label of 2031\t") > 0
    messages = [
        record.getMessage()
        for record in caplog.records
        if record.name == "theseller.ingest.facts.unknown_label_alert"
    ]
    assert len(messages) == 1
    assert "charge_type_unclassified" in messages[0]
    assert "2031" not in messages[0]
    assert _import(text, cast).status is ImportStatus.ALREADY
    assert (
        len(
            [
                record
                for record in caplog.records
                if record.name == "theseller.ingest.facts.unknown_label_alert"
            ]
        )
        == 1
    )


@pytest.mark.parametrize(
    ("store", "currency", "lines", "net", "fees"),
    [
        (
            "Amazon.de",
            "EUR",
            [
                ("Order", "ItemPrice", "Principal", "100,00"),
                ("Order", "ItemFees", "Commission", "-15,00"),
                ("Order", "ItemFees", "FBAPerUnitFulfillmentFee - Correction", "-4,50"),
                (
                    "other-transaction",
                    "other-transaction",
                    "Transfer of funds unsuccessful: your bank declined it.",
                    "2500,00",
                ),
                ("other-transaction", "other-transaction", "Subscription Fee", "-39,00"),
            ],
            "41.50",
            "-58.50",
        ),
        (
            "Amazon.in",
            "INR",
            [
                ("Order", "ItemPrice", "Principal", "1,00,000.00"),
                ("Order", "ItemPrice", "Product Tax", "18,000.00"),
                ("Order", "ItemFees", "Commission", "-10,000.00"),
                ("Order", "ItemFees", "Commission CGST", "-900.00"),
                ("Order", "ItemFees", "Commission SGST", "-900.00"),
                ("Order", "ItemTCS", "TCS-IGST", "-500.00"),
            ],
            "88200.00",
            "-11800.00",
        ),
    ],
)
def test_imported_charge_labels_give_the_expected_daily_net_and_fees(
    cast: Cast,
    store: str,
    currency: str,
    lines: list[tuple[str, str, str, str]],
    net: str,
    fees: str,
) -> None:
    comma = currency == "EUR"
    total = sum(read_amount(amount).decimals for *_, amount in lines)
    printed = str(total).replace(".", ",") if comma else str(total)
    texts = [
        settlement(
            (kind, label, amount),
            total=printed,
            currency=currency,
            store=store,
            transaction_type=type_,
        )
        for type_, kind, label, amount in lines
    ]
    text = texts[0] + "".join(one.split("\n")[2] + "\n" for one in texts[1:])
    assert _import(text, cast).status is ImportStatus.IMPORTED
    while recompute_dirty(tenant=cast.alices_shop, at=AT).days:
        pass
    with tenant_scope(cast.alices_shop), connections["default"].cursor() as cursor:
        cursor.execute(
            "select sum(net_proceeds), sum(fees), sum(unclassified) from analytics_day where"
            " tenant_id = %s",
            [cast.alices_shop],
        )
        assert cursor.fetchone() == (Decimal(net), Decimal(fees), Decimal(0))
