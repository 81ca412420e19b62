"""Transaction reports: rows that add up, in each language, without where a buyer lives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.transactions import transactions

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.reports import (
    Inspection,
    ReportType,
    TransactionRow,
    inspect_report,
    read_report,
)
from theseller.amazon.reports.errors import BadCellError
from theseller.amazon.reports.transaction_report_charges import charge_type, english_type
from theseller.amazon.reports.transaction_report_columns import COLUMN_OF_NAME
from theseller.amazon.reports.transaction_report_dates import MONTH_NUMBERS, moment, moment_or_day


def _rows(text: str) -> list[TransactionRow]:
    found = list(read_report([text.encode()]).rows())
    assert all(isinstance(row, TransactionRow) for row in found)
    return [row for row in found if isinstance(row, TransactionRow)]


def _look(text: str) -> Inspection:
    return inspect_report([text.encode()])


@pytest.mark.parametrize(
    ("language", "currency", "sales", "fee", "store"),
    [
        ("EN", "USD", "50", "-7.5", "US"),
        ("DE", "EUR", "50", "-7.5", "DE"),
        ("JA", "JPY", "5000", "-750", "JP"),
    ],
)
def test_a_sale_is_read_in_each_language(
    language: str, currency: str, sales: str, fee: str, store: str
) -> None:
    [row] = _rows(transactions(language=language))
    assert row.type == "Order"
    assert (row.currency, row.marketplace and row.marketplace.code) == (currency, store)
    assert row.amounts == (
        ("product-sales", ChargeType.PRINCIPAL, Decimal(sales)),
        ("selling-fees", ChargeType.REFERRAL, Decimal(fee)),
    )
    assert row.posted_at == datetime(2026, 11, 4, 9, 5, 7, tzinfo=UTC)
    assert row.counts_at == datetime(2026, 11, 11, 10, tzinfo=UTC)
    assert not row.deferred
    assert row.description == ""


def test_where_the_buyer_lives_is_in_nothing_that_is_read() -> None:
    text = transactions({}, {"order-id": "112-1234567-7654322"})
    found = _look(text)
    assert {column.name for column in found.columns_dropped} == {
        "fulfillment", "order-city", "order-state", "order-postal", "column 25",
    }  # fmt: skip
    for said in (repr(found), repr(_rows(text))):
        assert not any(word in said.casefold() for word in ("quix", "qx", "12345'"))


def test_two_equal_rows_are_two_transactions() -> None:
    assert len(_rows(transactions({}, {}))) == 2


def test_a_row_that_does_not_add_up_refuses_the_file_with_its_line_and_the_difference() -> None:
    found = _look(transactions({}, {"total": "42.49"}))
    assert not found.importable
    assert found.why_not == "line 5: the amounts of this row differ from its total by 0.01"
    assert found.advice


def test_an_amount_in_an_unknown_column_is_missed_by_the_total() -> None:
    text = transactions({"fba-fees": "-3.00", "total": "39.50"}).replace('"fba fees"', '"new fees"')
    assert "differ from its total by 3.00" in _look(text).why_not


def test_amounts_with_two_readings_are_read_as_the_rows_add_up() -> None:
    cells = {"product-sales": "1,500", "selling-fees": "-500", "total": "1,000"}
    [row] = _rows(transactions(cells))
    assert row.total == Decimal(1000)
    found = _look(transactions({"product-sales": "1,500", "selling-fees": "0", "total": "1,500"}))
    assert "don't tell whether a comma or a point" in found.why_not


def test_a_deferred_transaction_needs_no_settlement_and_a_released_one_does() -> None:
    deferred = {
        "settlement-id": "",
        "transaction-status": "Deferred",
        "transaction-release-date": "",
    }
    [row] = _rows(transactions(deferred))
    assert row.deferred
    assert row.counts_at == row.posted_at
    found = _look(transactions({"settlement-id": ""}))
    assert not found.importable
    assert "settlement" in found.rows_refused[0].reason


def test_the_release_date_tells_a_status_in_an_unknown_word() -> None:
    rows = _rows(
        transactions(
            {"transaction-status": "Lykätty", "transaction-release-date": ""},
            {"transaction-status": "Vapautettu"},
        )
    )
    assert [row.deferred for row in rows] == [True, False]


def test_the_day_of_a_release_without_a_time_begins_at_the_stores_midnight() -> None:
    [row] = _rows(transactions({"transaction-release-date": "Nov 11, 2026"}))
    assert row.counts_at == datetime(2026, 11, 11, 8, tzinfo=UTC)


def test_rows_of_no_store_belong_to_the_only_store_of_their_settlement() -> None:
    fee = {
        "type": "Service Fee", "order-id": "", "sku": "", "quantity": "", "marketplace": "",
        "description": "Cost of Advertising", "product-sales": "0", "selling-fees": "0",
        "other": "-20.00", "total": "-20.00",
    }  # fmt: skip
    sale, cost = _rows(transactions({}, fee))
    assert cost.marketplace == sale.marketplace
    assert not cost.store_named
    assert cost.amounts == (("other", ChargeType.ADVERTISING, Decimal(-20)),)
    assert cost.description == "Cost of Advertising"


def test_a_bank_account_is_not_kept() -> None:
    [row] = _rows(
        transactions(
            {
                "type": "Transfer", "order-id": "", "sku": "", "quantity": "", "marketplace": "",
                "description": "To your account ending in: 4711", "product-sales": "0",
                "selling-fees": "0", "other": "-9.00", "total": "-9.00",
            }
        )
    )  # fmt: skip
    assert row.amounts == (("other", ChargeType.TRANSFER, Decimal(-9)),)
    assert "4711" not in repr(row)


def test_stores_of_several_currencies_are_refused_where_the_file_names_one() -> None:
    found = _look(transactions({}, {"marketplace": "amazon.ca"}))
    assert "line 5" in found.why_not
    assert "CAD" in found.why_not


def test_a_file_without_definitions_has_the_currency_of_its_store() -> None:
    [row] = _rows(transactions(preamble=False))
    assert row.currency == "USD"


def test_unknown_types_and_descriptions_are_unclassified_and_counted() -> None:
    found = _look(
        transactions(
            {
                "type": "Something New", "order-id": "", "description": "Never seen",
                "product-sales": "0", "selling-fees": "0", "other": "-1.00", "total": "-1.00",
            }
        )
    )  # fmt: skip
    assert found.importable
    assert found.unclassified == 1
    assert found.totals["USD"] == {"unclassified": Decimal(-1)}


@pytest.mark.parametrize("without", ["total", "settlement-id", "product-sales"])
def test_a_report_without_a_needed_column_is_refused_by_the_columns_name(without: str) -> None:
    found = _look(transactions(without=(without,)))
    assert without in found.why_not
    assert "English" in found.advice


def test_a_description_may_hold_quotes_and_line_ends() -> None:
    rows = _rows(transactions({"description": 'A "tee",\nwhite'}, {}))
    assert [row.line_number for row in rows] == [4, 6]


def test_wrong_quotes_are_refused_without_a_cell() -> None:
    found = _look(transactions({}, {}).replace('"Plain tee, white","1"', '"Plain "quix" tee","1"'))
    assert found.why_not == "line 4: the quotes of a row are wrong"


def test_the_type_is_that_of_the_report() -> None:
    assert _look(transactions()).report_type is ReportType.TRANSACTIONS


def test_a_name_is_of_one_column_and_a_beginning_of_one_month() -> None:
    assert COLUMN_OF_NAME["手数料"] == "selling-fees"
    assert "jui" not in MONTH_NUMBERS
    assert {MONTH_NUMBERS[name] for name in ("mai", "maj", "mei", "mag", "may")} == {5}


@pytest.mark.parametrize(
    "text",
    [
        "Nov 4, 2026 1:05:07 AM PST", "Nov 4, 2026 1:05:07 a.m. PST",
        "Nov 4, 2026 1:05:07\u202fAM PST", "04.11.2026 09:05:07 UTC", "4 nov. 2026 09:05:07 UTC",
        "4 November 2026 6:05:07 pm GMT+9", "4 de nov. de 2026 02:05:07 GMT-7",
        "2026/11/04 18:05:07JST", "4 lis 2026 09:05:07 UTC", "4 Kas 2026 09:05:07 UTC",
        "2026-11-04T01:05:07-08:00", "4 nov. 2026, 09:05:07 UTC",
    ],
)  # fmt: skip
def test_a_moment_is_read_in_each_notation(text: str) -> None:
    assert moment(text) == datetime(2026, 11, 4, 9, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "Nov 4, 2026", "Nov 4, 2026 1:05:07 AM", "Nov 4, 2026 1:05:07 AM XYZ", "31.02.2026 1:00:00 UTC",
        "04/11/2026 09:05:07 UTC", "Nov 4, 2026 13:05:07 PM PST", "Foo 4, 2026 1:05:07 AM PST",
        "04.11.1926 09:05:07 UTC", "2026/11/04 25:00:00JST", "4 nov 2026 09:05:07 GMT+99",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadCellError):
        moment(text)


def test_a_day_alone_is_a_day() -> None:
    assert moment_or_day("Nov 11, 2026") == date(2026, 11, 11)


@pytest.mark.parametrize(
    ("type_", "description", "column", "kind"),
    [
        ("Bestellung", "", "product-sales", "principal"),
        ("Remboursement", "", "product-sales", "refund_principal"),
        ("返金", "", "promotional-rebates", "refund_promotion"),
        ("Order", "", "product-sales-tax", "item_tax"),
        ("Order", "", "marketplace-withheld-tax", "withheld_tax"),
        ("Order", "", "tds", "withheld_tax"),
        ("Order", "Storage box", "other", "unclassified"),
        ("Servicegebühr", "Werbekosten", "other", "advertising"),
        ("Frais de service", "Prix de la publicité", "other", "advertising"),
        ("注文外料金", "月額登録料", "other", "subscription"),
        ("Service Fee", "Never seen", "other", "unclassified"),
        ("FBA Inventory Fee - Reversal", "FBA Removal Order: Disposal Fee", "other", "removal"),
        ("Versand durch Amazon Lagergebühr", "Gebühr", "other", "storage"),
        ("Adjustment", "FBA Inventory Reimbursement - Lost:Warehouse", "other", "reimbursement"),
        ("Adjustment", "Never seen", "other", "unclassified"),
        ("Chargeback Refund", "", "product-sales", "refund_principal"),
        ("A-to-z Guarantee Claim", "", "product-sales", "refund_principal"),
        ("Liquidations", "", "product-sales", "liquidation"),
        ("Order_Retrocharge", "", "product-sales-tax", "item_tax"),
        ("Deal Fee", "Deal 4711", "other", "deal"),
        ("Transfer", "To your account ending in: 123", "other", "transfer"),
        ("Solde négatif", "", "other", "debt"),
        ("Amazon Fees", "Vine Enrolment Fee", "selling-fees", "other_fee"),
        ("Never seen", "", "fba-fees", "fba_fulfilment"),
    ],
)
def test_an_amount_is_what_its_column_type_and_description_say(
    type_: str, description: str, column: str, kind: str
) -> None:
    assert charge_type(english_type(type_), description, column) is ChargeType(kind)
