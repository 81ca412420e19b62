"""Reading settlement reports."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.builders import CANARY, settlement

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.reports import (
    ReportRefusedError,
    ReportType,
    SettlementLine,
    SettlementSummary,
    inspect_report,
    read_report,
)
from theseller.lib.marketplaces import by_code

_PRINCIPAL = ("ItemPrice", "Principal")
_COMMISSION = ("ItemFees", "Commission")


def test_a_settlement_is_decoded() -> None:
    report = read_report(
        [settlement((*_PRINCIPAL, "19.90"), (*_COMMISSION, "-2.99"), total="16.91").encode()]
    )
    first, second = report.rows()
    assert report.summary == SettlementSummary(
        settlement_id="1001",
        starts_at=datetime(2026, 3, 1, tzinfo=UTC),
        ends_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
        deposited_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        total_amount=Decimal("16.91"),
        currency="EUR",
    )
    assert first == SettlementLine(
        line_number=3,
        settlement_id="1001",
        transaction_type="Order",
        order_id="302-1234567-7654321",
        adjustment_id="",
        shipment_id="",
        marketplace_name="Amazon.de",
        marketplace=by_code("DE"),
        amount_type="ItemPrice",
        amount_description="Principal",
        kind=ChargeType.PRINCIPAL,
        amount=Decimal("19.90"),
        currency="EUR",
        fulfillment_id="",
        posted_at=datetime(2026, 3, 5, 12, 34, 56, tzinfo=UTC),
        posted_date_only=False,
        order_item_code="",
        sku="BRUSH-1",
        quantity_purchased=1,
        promotion_id="",
    )
    assert isinstance(second, SettlementLine)
    assert second.kind is ChargeType.REFERRAL


def test_settlement_rows_as_tuples_equal_rows_as_structs() -> None:
    data = [settlement((*_PRINCIPAL, "19.90"), total="19.90").encode()]
    (row,) = read_report(data, rows_as_tuples=True).rows()
    assert isinstance(row, tuple)
    assert [SettlementLine(*row)] == list(read_report(data).rows())


def test_settlement_inspection_shows_totals_and_no_dropped_column() -> None:
    found = inspect_report(
        [settlement((*_PRINCIPAL, "19.90"), (*_COMMISSION, "-2.99"), total="16.91").encode()]
    )
    assert found.importable
    assert found.report_type is ReportType.SETTLEMENT_V2
    assert found.totals == {
        "EUR": {
            "principal": Decimal("19.90"),
            "referral": Decimal("-2.99"),
            "settlement total": Decimal("16.91"),
        }
    }
    assert {column.name for column in found.columns_dropped} == {
        "merchant-order-id",
        "merchant-order-item-id",
        "merchant-adjustment-item-id",
    }
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    ("amounts", "total", "dates", "currency"),
    [
        (("1.234,56", "-0,56"), "1.234,00", "dotted", "EUR"),
        (("1234,56", "-0,56"), "1234", "dotted", "EUR"),
        (("1 234,56", "\u22120,56"), "1\u202f234,00", "iso", "SEK"),
        (("1,234.56", "-0.56"), "1,234.00", "iso", "USD"),
        (("1234.56", "-0.56"), "1,234.00", "dotted", "INR"),
        (("1,234", "0"), "1,234", "iso", "JPY"),
        (("1.234", "0"), "1.234", "iso", "JPY"),
        (("1,234", "0.00"), "1,234.00", "iso", "USD"),
        (("1.234", "0,00"), "1.234,00", "iso", "EUR"),
    ],
)
def test_number_and_date_format_is_detected_from_whole_file(
    amounts: tuple[str, str], total: str, dates: str, currency: str
) -> None:
    data = settlement(
        *((*_PRINCIPAL, amount) for amount in amounts), total=total, dates=dates, currency=currency
    )
    report = read_report([data.encode()])
    assert report.summary is not None
    assert report.summary.total_amount == Decimal(1234)
    assert {row.posted_at for row in report.rows()} == {  # type: ignore[union-attr]
        datetime(2026, 3, 5, 12, 34, 56, tzinfo=UTC)
    }


@pytest.mark.parametrize(
    ("amounts", "total", "words"),
    [
        (("1,234", "0"), "1,234", "don't tell whether a comma or a point"),
        (("1.234", "0"), "1.234", "don't tell whether a comma or a point"),
        (
            ("12,50", "-2.50", "1.234", "1,234"),
            "1245",
            "the total doesn't tell how 2 of them are meant",
        ),
    ],
)
def test_ambiguous_numbers_are_refused(amounts: tuple[str, ...], total: str, words: str) -> None:
    found = inspect_report(
        [settlement(*((*_PRINCIPAL, amount) for amount in amounts), total=total).encode()]
    )
    assert words in found.why_not
    assert found.advice


@pytest.mark.parametrize(
    ("posted", "when"),
    [
        (
            ("13/03/2026 10:00:00 UTC", "04/03/2026 10:00:00 UTC"),
            datetime(2026, 3, 4, 10, tzinfo=UTC),
        ),
        (
            ("03/13/2026 10:00:00 UTC", "04/03/2026 10:00:00 UTC"),
            datetime(2026, 4, 3, 10, tzinfo=UTC),
        ),
        (
            ("03/03/2026 10:00:00 UTC", "03/03/2026 10:00:00 UTC"),
            datetime(2026, 3, 3, 10, tzinfo=UTC),
        ),
        (
            ("2026/03/13 10:00:00 JST", "2026/03/04 10:00:00 JST"),
            datetime(2026, 3, 4, 1, tzinfo=UTC),
        ),
        (
            ("2026-03-13T10:00:00+00:00", "2026-03-04T10:00:00-08:00"),
            datetime(2026, 3, 4, 18, tzinfo=UTC),
        ),
        (
            ("04/03/2026 10:00:00 UTC", "05/03/2026 10:00:00 UTC"),
            "don't tell whether the day or the month",
        ),
        (("13/03/2026 10:00:00 UTC", "03/13/2026 10:00:00 UTC"), "others with the month"),
    ],
)
def test_the_order_of_day_and_month_is_decided_by_the_whole_file(
    posted: tuple[str, str], when: datetime | str
) -> None:
    one, other = (
        settlement((*_PRINCIPAL, "5.00"), total="10.00", posted_date_time=moment)
        for moment in posted
    )
    data = (one + other.split("\n")[2] + "\n").encode()
    if isinstance(when, str):
        assert when in inspect_report([data]).why_not
    else:
        rows = list(read_report([data]).rows())
        assert rows[1].posted_at == when  # type: ignore[union-attr]


def test_a_day_without_time_is_noon_and_flagged() -> None:
    report = read_report(
        [settlement((*_PRINCIPAL, "5.00"), total="5.00", posted_date_time="").encode()]
    )
    (line,) = report.rows()
    assert isinstance(line, SettlementLine)
    assert line.posted_date_only
    assert line.posted_at == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert {by_code(code).local_day(line.posted_at).day for code in ("US", "DE", "JP")} == {5}
    assert report.inspection.warnings == (
        "1 lines give only the day they were posted, not the time",
    )


def test_the_lines_must_add_up_to_the_payout() -> None:
    data = [settlement((*_PRINCIPAL, "19.90"), (*_COMMISSION, "-2.99"), total="16.92").encode()]
    found = inspect_report(data)
    assert (
        found.why_not
        == "the lines add up to 16.91 EUR, the payout says 16.92: 0.01 EUR are missing from the"
        " file"
    )
    assert "open a case with Amazon" in found.advice
    assert found.totals["EUR"]["principal"] == Decimal("19.90")
    for tolerant in (False, True):
        with pytest.raises(ReportRefusedError, match=r"16\.91 EUR"):
            read_report(data, allow_refused_rows=tolerant)


def test_settlement_with_a_bad_line_cannot_be_checked_against_the_payout() -> None:
    good = settlement((*_PRINCIPAL, "19.90"), total="19.90")
    for change in (
        ("\t19.90\t", f"\t{CANARY}\t"),
        ("\t1\t\n", "\tCNRY\t\n"),
        ("12:34:56 UTC", "12:34:56"),
        ("\t19.90\t\t", "\t\t\t"),
    ):
        found = inspect_report(
            [good.replace("12:00:00 UTC\t19.90", "12:00:00 UTC\t19.9").replace(*change).encode()]
        )
        assert [row.line for row in found.rows_refused] == [3]
        assert "can't be checked against the payout" in found.why_not
        assert "CNRY" not in repr(found)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            settlement((*_PRINCIPAL, "1.00"), total="1.00").replace("1001", "1002", 1),
            "another settlement",
        ),
        (settlement((*_PRINCIPAL, "1.00"), total=""), "not the settlement's summary"),
        (
            settlement((*_PRINCIPAL, "1.00"), total="x1.0"),
            "the summary can't be read: total-amount",
        ),
        (settlement((*_PRINCIPAL, "1.00"), total="1.00", currency=""), "lacks its currency"),
        (
            settlement((*_PRINCIPAL, "1.00"), total="1.00", currency="USD")
            .replace("\tOrder", "\tOrder")
            .replace("\t\t\t\t\t\tOrder", "\t\t\t\t\tEUR\tOrder"),
            "no total spans",
        ),
        (
            settlement(total="1.00") + settlement(total="1.00").split("\n")[1] + "\n",
            "more than one settlement",
        ),
        (settlement(total="1.00").split("\n")[0] + "\n", "holds no settlement"),
    ],
)
def test_file_without_exactly_one_settlement_is_refused(data: str, words: str) -> None:
    found = inspect_report([data.encode()])
    assert words in found.why_not
    assert found.advice


def test_unknown_charge_type_is_kept_unclassified_with_a_warning() -> None:
    report = read_report([settlement(("NewThing", "NeverSeen", "1.00"), total="1.00").encode()])
    (line,) = report.rows()
    assert isinstance(line, SettlementLine)
    assert line.kind is ChargeType.UNCLASSIFIED
    assert "kind this version doesn't know" in report.inspection.warnings[0]
