"""Reports that are not read are called by their name in every language.

With the report to download instead.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest
from tests.unit.amazon.report_fixtures.builders import all_orders, order, settlement
from tests.unit.amazon.report_fixtures.lookalikes import (
    BUSINESS,
    CANARY,
    OTHERS,
    STATEMENTS,
    TRANSACTIONS,
    table,
)

from theseller.amazon.reports import inspect_report


def _in_bytes(text: str) -> Iterator[bytes]:
    """Yield `text` as Amazon and spreadsheets write it: each encoding that has its letters."""
    yield codecs.BOM_UTF8 + text.encode()
    yield text.encode("utf-16")
    for codec in ("utf-8", "cp932", "cp1252", "cp1250", "cp1254"):
        try:
            yield text.encode(codec)
        except UnicodeEncodeError:
            continue


def _answers(text: str, name: str, *advised: str) -> None:
    for data in _in_bytes(text):
        found = inspect_report([data])
        assert name in found.why_not, (found.why_not, data[:60])
        assert not found.importable
        assert any(report in found.advice for report in advised)
        assert CANARY not in repr(found)


@pytest.mark.parametrize("language", TRANSACTIONS)
@pytest.mark.parametrize("preamble", [0, 3, 7, 9])
def test_payments_transaction_report_is_refused_by_name_in_each_language(
    language: str, preamble: int
) -> None:
    for separator, end in ((",", "\r\n"), (";", "\n"), ("\t", "\r")):
        text = table(
            TRANSACTIONS[language],
            separator=separator,
            end=end,
            preamble=preamble,
            language=language,
        )
        _answers(text, "payments transaction report", "Flat File V2")


@pytest.mark.parametrize("language", STATEMENTS)
@pytest.mark.parametrize("preamble", [0, 4])
def test_transaction_view_csv_is_refused_by_name_in_each_language(
    language: str, preamble: int
) -> None:
    for separator in (",", ";", "\t"):
        _answers(
            table(STATEMENTS[language], separator=separator, preamble=preamble),
            "payments",
            "Flat File V2",
        )


def test_a_transaction_report_in_an_unlisted_language_is_known_by_its_definitions() -> None:
    columns = (
        "päivämäärä",
        "selvitysnumero",
        "tyyppi",
        "tilausnumero",
        "tuote",
        "kuvaus",
        "yhteensä",
    )
    for preamble in (1, 7):
        _answers(table(columns, preamble=preamble), "payments transaction report", "Flat File V2")


@pytest.mark.parametrize("language", BUSINESS)
@pytest.mark.parametrize("which", [0, 1], ids=["by ASIN", "by date"])
def test_a_business_report_without_all_its_columns_is_refused_in_each_language(
    language: str, which: int
) -> None:
    for dash in ("-", "\u2013"):
        columns = tuple(column.replace(" - ", f" {dash} ") for column in BUSINESS[language][which])
        found = inspect_report([table(columns).encode()])
        assert "this Business Report lacks the columns: " in found.why_not
        assert "Show all columns" in found.advice
        assert CANARY not in repr(found)
        unread = ("(Unbekannt) ASIN", *columns[1:])
        _answers(table(unread), "Business Report", "Set Seller Central to English", "Show all")


@pytest.mark.parametrize(("name", "columns"), OTHERS)
def test_other_seller_central_reports_are_refused_by_name_with_advice(
    name: str, columns: str
) -> None:
    names = tuple(column.replace("_", " ") for column in columns.split())
    for separator in (",", "\t"):
        _answers(table(names, separator=separator), name, "Flat File V2", "All Orders")


def test_supported_reports_are_not_identified_as_unsupported_reports() -> None:
    for text in (
        all_orders(order(product_name="date/time,settlement id,type,sku")),
        settlement(("ItemPrice", "Principal", "1.00"), total="1.00"),
    ):
        assert inspect_report([text.encode()]).importable
    for end in (",", ";"):
        assert (
            "separated by"
            in inspect_report([all_orders(order()).replace("\t", end).encode()]).why_not
        )
