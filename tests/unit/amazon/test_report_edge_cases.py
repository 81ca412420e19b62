"""Sellers' files after downloads, spreadsheets and old systems.

They are read if they mean one thing, else refused with the true reason.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.builders import (
    BY_ORDER_DATE_COLUMNS,
    CANARY,
    ORDER_COLUMNS,
    all_orders,
    order,
    settlement,
)

from theseller.amazon.reports import (
    AllOrdersLine,
    Inspection,
    SettlementLine,
    inspect_report,
    read_report,
)
from theseller.amazon.reports.errors import BadCellError
from theseller.amazon.reports.settlement_amount_parsing import read_amount

_PRINCIPAL = ("ItemPrice", "Principal")
_ORDERS = all_orders(order(), order(sku="BRUSH-2"), columns=BY_ORDER_DATE_COLUMNS)
_MONEY = settlement((*_PRINCIPAL, "19.90"), ("ItemFees", "Commission", "-2.99"), total="16.91")


def _orders(data: bytes) -> list[AllOrdersLine]:
    report = read_report([data])
    assert CANARY not in repr(report.inspection)
    return [row for row in report.rows() if isinstance(row, AllOrdersLine)]


def _amounts(text: str) -> list[Decimal]:
    return [
        row.amount for row in read_report([text.encode()]).rows() if isinstance(row, SettlementLine)
    ]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\r\r\n", "\n"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("size", [1, 3, 1 << 18])
def test_report_is_read_with_any_line_ending(end: str, codec: str, size: int) -> None:
    for text, rows in ((_ORDERS, 2), (_MONEY, 2)):
        data = text.replace("\n", end).encode(codec)
        found = inspect_report([data[at : at + size] for at in range(0, len(data), size)])
        assert (found.importable, found.rows, found.why_not) == (True, rows, "")
        assert CANARY not in repr(found)


def test_a_file_of_cr_lines_shows_columns_and_no_cell() -> None:
    people = order(
        ship_city="Musterstadt", ship_state="Nordland", purchase_order_number="PO Erika Muster"
    )
    found = inspect_report([all_orders(people, people, end="\r").encode()])
    assert found.importable
    assert {column.name for column in found.columns_dropped} <= set(ORDER_COLUMNS)
    for cell in ("Musterstadt", "Nordland", "Erika"):
        assert cell.casefold() not in repr(found).casefold()


@pytest.mark.parametrize(
    "city",
    [
        "Saint-Denis",
        "Musterstadt",
        "Order City",
        "ship",
        "buyer-erika",
        "PO-4711",
        "Erika Muster",
        "a@b.example",
    ],
)
def test_a_name_in_the_header_that_amazon_does_not_use_is_only_counted(city: str) -> None:
    found = inspect_report([all_orders(order(), columns=[*ORDER_COLUMNS, city]).encode()])
    shown = {column.name for column in found.columns_dropped}
    assert (
        f"column {len(ORDER_COLUMNS) + 1}" in shown or city == "Order City"
    )  # Both words are Amazon's.
    assert city.casefold().replace(" ", "-") not in shown - {"order-city"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\x1a",
        lambda text: text + "\r\n\x1a\r\n",
        lambda text: text + "\n\n\n",
        lambda text: text + "\t" * 30 + "\n",
        lambda text: "\n\n" + text,
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\t\n"),
        lambda text: text.replace("\n", "\t\t\n").replace("\t\t\n", "\n", 1),
        lambda text: text.removesuffix("\n"),
    ],
    ids=[
        "ctrl-z",
        "ctrl-z line",
        "blank lines",
        "tabs line",
        "blank first",
        "two marks",
        "extra tab",
        "extra tabs below",
        "no end",
    ],
)
def test_change_of_format_that_keeps_the_cells_gives_the_same_totals(change: object) -> None:
    assert callable(change)
    for text in (_ORDERS, _MONEY):
        found = inspect_report([change(text).encode("utf-8-sig")])
        assert (found.importable, found.rows) == (True, 2), found.why_not
        assert found.totals == inspect_report([text.encode()]).totals


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("sales_channel", "Woot.com", "Woot.com"),
        ("sales_channel", "Non-Amazon US", "Non-Amazon US"),
        ("sales_channel", "AMAZON.CO.UK", "AMAZON.CO.UK"),
        ("sales_channel", "www.zappos.com", "www.zappos.com"),
        ("sales_channel", "Amazon Haul", "Amazon Haul"),
        ("quantity", "1.0", 1),
        ("asin", "b0brush001", "B0BRUSH001"),
        ("currency", "eur", "EUR"),
        ("quantity", "12.00", 12),
        ("is_business_order", "Yes", True),
        ("is_business_order", "Y", True),
        ("is_business_order", "TRUE", True),
        ("is_business_order", "N", False),
        ("item_price", "1,00,000.00", Decimal(100000)),
        ("item_price", "12,34,567", Decimal(1234567)),
        ("item_price", "1,234.50", Decimal("1234.50")),
        ("item_price", "\u20b91,234.50", Decimal("1234.50")),
    ],
)
def test_unambiguous_cell_is_parsed(column: str, cell: str, value: object) -> None:
    (row,) = _orders(all_orders(order(**{column: cell})).encode())
    assert getattr(row, column) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,980", 1980),
        ("1980", 1980),
        ("1980.00", 1980),
        ("1,234,980", 1234980),
        ("\u00a51,980", 1980),
        ("\uffe51,980", 1980),
        ("\\1,980", 1980),
        ("1,980\u5186", 1980),
        ("1 980", 1980),
        ("1\u00a0980", 1980),
        ("1.980", 1980),
        ("\uff11\uff0c\uff19\uff18\uff10", 1980),
        ("\u22121,980", -1980),
        ("(1,980)", -1980),
    ],
)
def test_an_amount_in_yen_groups_thousands_in_each_notation(cell: str, value: int) -> None:
    (row,) = _orders(
        all_orders(order(item_price=cell, currency="JPY", sales_channel="Amazon.co.jp")).encode()
    )
    assert row.item_price == value


@pytest.mark.parametrize("currency", ["EUR", "USD", ""])
@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1 980", 1980),
        ("1'980.50", Decimal("1980.5")),
        ("\uff11\uff19\uff0e\uff15", Decimal("19.5")),
    ],
)
def test_digit_grouping_without_point_or_comma_is_read_in_any_currency(
    cell: str, value: Decimal, currency: str
) -> None:
    (row,) = _orders(all_orders(order(item_price=cell, currency=currency)).encode())
    assert row.item_price == value


@pytest.mark.parametrize("currency", ["EUR", "USD", "INR", ""])
@pytest.mark.parametrize("cell", ["1,980", "1.980", "12 50", "1 9 80", "1'98"])
def test_ambiguous_amount_is_refused(cell: str, currency: str) -> None:
    found = inspect_report([all_orders(order(item_price=cell, currency=currency)).encode()])
    assert [(row.line, row.column) for row in found.rows_refused] == [(2, "item-price")]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("quantity", "1.5"),
        ("quantity", "1,000"),
        ("item_price", "1,234"),
        ("item_price", "12,50"),
        ("item_price", "1.2.3"),
        ("is_business_order", "perhaps"),
        ("sales_channel", "Musterstadt"),
    ],
)
def test_one_bad_row_names_its_line_and_stops_no_other(column: str, cell: str) -> None:
    data = [all_orders(order(), order(**{column: cell}), order(sku="BRUSH-3")).encode()]
    found = inspect_report(data)
    assert [(row.line, row.column) for row in found.rows_refused] == [(3, column.replace("_", "-"))]
    assert found.rows == 2
    assert len(list(read_report(data, allow_refused_rows=True).rows())) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("12,5", "12.5"),
        ("0,123", "0.123"),
        ("1234,567", "1234.567"),
        ("1.234.567", "1234567"),
        ("1,00,00,000.5", "10000000.5"),
        ("12\u00a0345,67", "12345.67"),
        ("12'345.67", "12345.67"),
        ("\u22125,00 \u20ac", "-5.00"),
        ("5.00-", "-5.00"),
        (",5", "0.5"),
    ],
)
def test_unambiguous_amount_is_parsed_in_any_notation(text: str, value: str) -> None:
    reading = read_amount(text)
    assert (reading.decimals, reading.unsure) == (Decimal(value), "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "1,23,4",
        "1.23.456,7",
        "1,2,3",
        "--5",
        "-5-",
        "5 EUR",
        "1e5",
        "NaN",
        "12,345,67",
        "1.234,567.8",
        "\u0661",
    ],
)
def test_text_that_is_not_an_amount_raises_bad_cell_error(text: str) -> None:
    with pytest.raises(BadCellError):
        read_amount(text)


@pytest.mark.parametrize(
    ("amounts", "total", "values"),
    [
        (("12,50", "-2.50"), "10", ["12.50", "-2.50"]),
        (("1234,56", "1.234", "-0.56"), "2468,00", ["1234.56", "1234", "-0.56"]),
        (("1234,56", "1.234", "-0.56"), "1235,234", ["1234.56", "1.234", "-0.56"]),
        (("1,00,000.00", "2,500"), "1,02,500.00", ["100000.00", "2500"]),
        (("1.234", "0,50"), "1,734", ["1.234", "0.50"]),
    ],
)
def test_settlement_total_resolves_ambiguous_amounts(
    amounts: tuple[str, ...], total: str, values: list[str]
) -> None:
    assert _amounts(
        settlement(*((*_PRINCIPAL, amount) for amount in amounts), total=total)
    ) == list(map(Decimal, values))


@pytest.mark.parametrize(
    "column",
    [
        "marketplace_name",
        "amount_description",
        "promotion_id",
        "sku",
        "transaction_type",
        "order_id",
        "merchant_order_id",
    ],
)
@pytest.mark.parametrize("size", [1, 50, 1 << 18])
def test_a_row_that_a_line_break_cut_in_two_is_put_together(column: str, size: int) -> None:
    whole = settlement(
        (*_PRINCIPAL, "19.90"),
        ("ItemFees", "Commission", "-2.99"),
        (*_PRINCIPAL, "1.00"),
        total="17.91",
        **{column: "some text"},
    )
    broken = whole.replace("some text", "some\ntext", 2).replace("some\ntext", "some text", 1)
    data = broken.encode()
    report = read_report([data[at : at + size] for at in range(0, len(data), size)])
    rows = [row for row in report.rows() if isinstance(row, SettlementLine)]
    assert [row.amount for row in rows] == [Decimal("19.90"), Decimal("-2.99"), Decimal("1.00")]
    assert getattr(rows[1], column, "some text") == "some text"
    assert any("payout proves" in warning for warning in report.inspection.warnings)


_BREAKS = {"for the tab": "\n", "after the tab": "\t\n", "before the tab": "\n\t"}


@pytest.mark.parametrize("how", _BREAKS)
@pytest.mark.parametrize("promotion", ["PROMO-1", "Core Free Shipping", ""])
def test_a_line_break_between_any_two_cells_of_a_settlement_is_undone(
    how: str, promotion: str
) -> None:
    text = settlement(
        (*_PRINCIPAL, "19.90"),
        ("ItemFees", "Commission", "-2.99"),
        total="16.91",
        promotion_id=promotion,
    )
    lines, rows = text.split("\n"), list(read_report([text.encode()]).rows())
    for at in range(1, len(lines[3].split("\t"))):
        for number in (2, 3):
            cells = lines[number].split("\t")
            cut = "\t".join(cells[:at]) + _BREAKS[how] + "\t".join(cells[at:])
            report = read_report(["\n".join([*lines[:number], cut, *lines[number + 1 :]]).encode()])
            assert [repr(row).partition(",")[2] for row in report.rows()] == [
                repr(row).partition(",")[2] for row in rows
            ], (at, number)


@pytest.mark.parametrize("how", _BREAKS)
def test_a_line_break_between_any_two_cells_of_an_order_is_undone(how: str) -> None:
    text = all_orders(order(sku="A"), order(sku="B"), order(sku="C"))
    lines, rows = text.split("\n"), _orders(text.encode())
    for at in range(1, len(ORDER_COLUMNS)):
        cells = lines[2].split("\t")
        cut = "\t".join(cells[:at]) + _BREAKS[how] + "\t".join(cells[at:])
        data = "\n".join([*lines[:2], cut, *lines[3:]]).encode()
        if how == "after the tab" and at == len(cells) - 1:  # The row before is whole without it.
            assert "perhaps a line break" in inspect_report([data]).rows_refused[0].reason
            continue
        assert [(row.sku, row.title, row.item_price) for row in _orders(data)] == [
            (row.sku, row.title, row.item_price) for row in rows
        ], at


def test_an_order_row_cut_in_three_is_put_together() -> None:
    assert [
        row.title
        for row in _orders(
            all_orders(order(product_name="a\nb\nc"), order(product_name="d")).encode()
        )
    ] == ["a b c", "d"]


@pytest.mark.parametrize(
    "last",
    ["Total", "Total\t\t\t\t16.91", "\t\t\t\tTotal\t16.91", "Report created 2026-03-05, 2 rows"],
)
def test_a_line_of_totals_is_called_no_settlement(last: str) -> None:
    text = settlement((*_PRINCIPAL, "19.90"), ("ItemFees", "Commission", "-2.99"), total="16.91")
    found = inspect_report([f"{text}{last}\n".encode()])
    assert not found.importable
    assert "settlement than" not in found.why_not
    assert [row.line for row in found.rows_refused] == [5]


@pytest.mark.parametrize("rest", ["01", "2026"])
def test_the_rest_of_a_row_may_begin_with_digits(rest: str) -> None:
    whole = settlement(
        (*_PRINCIPAL, "19.90"),
        ("ItemFees", "Commission", "-2.99"),
        total="16.91",
        sku=f"TEE {rest}",
    )
    rows = [
        row
        for row in read_report([whole.replace(f"TEE {rest}", f"TEE\n{rest}", 1).encode()]).rows()
        if isinstance(row, SettlementLine)
    ]
    assert [(row.sku, row.amount) for row in rows] == [
        (f"TEE {rest}", Decimal("19.90")),
        (f"TEE {rest}", Decimal("-2.99")),
    ]


def test_a_broken_row_that_the_payout_does_not_prove_is_named() -> None:
    whole = settlement(
        (*_PRINCIPAL, "19.90"),
        ("ItemFees", "Commission", "-2.99"),
        total="20.00",
        promotion_id="some text",
    )
    found = inspect_report([whole.replace("some text", "some\ntext", 1).encode()])
    assert not found.importable
    assert "the rows at line 3" in found.why_not


def test_two_settlements_in_one_file_are_still_refused() -> None:
    other = "".join(f"{line}\n" for line in _MONEY.replace("1001", "1002").split("\n")[1:] if line)
    assert "more than one settlement" in inspect_report([(_MONEY + other).encode()]).why_not
    lines = other.split("\n")[1] + "\n"
    assert "another settlement" in inspect_report([(_MONEY + lines).encode()]).why_not


@pytest.mark.parametrize(
    ("amounts", "total", "currency", "difference"),
    [
        (
            ("80.50",),
            "0.00",
            "EUR",
            "the lines add up to 80.50 EUR, the payout says 0.00: -80.50 EUR are missing",
        ),
        (
            ("80,50", "-10,00"),
            "100,50",
            "EUR",
            "the lines add up to 70.50 EUR, the payout says 100.50: 30.00 EUR are missing",
        ),
        (
            ("1,450",),
            "2,000",
            "JPY",
            "the lines add up to 1450 JPY, the payout says 2000: 550 JPY are missing",
        ),
        (
            ("1,00,000.00",),
            "99,999.50",
            "INR",
            "the lines add up to 100000.00 INR, the payout says 99999.50: -0.50 INR are missing",
        ),
        (
            ("5.00",) * 3,
            "-5.00",
            "USD",
            "the lines add up to 15.00 USD, the payout says -5.00: -20.00 USD are missing",
        ),
        (
            ("0.01",),
            "0.02",
            "GBP",
            "the lines add up to 0.01 GBP, the payout says 0.02: 0.01 GBP are missing",
        ),
    ],
)
def test_incomplete_settlement_is_refused_with_the_difference(
    amounts: tuple[str, ...], total: str, currency: str, difference: str
) -> None:
    found = inspect_report(
        [
            settlement(
                *((*_PRINCIPAL, amount) for amount in amounts), total=total, currency=currency
            ).encode()
        ]
    )
    assert found.why_not == f"{difference} from the file"
    assert "open a case with Amazon" in found.advice


def test_a_bad_summary_is_named_as_what_it_is() -> None:
    lines = _MONEY.split("\n")
    lines[1] += "\tmore" * 30
    found = inspect_report(["\n".join(lines).encode()])
    assert not found.importable
    assert "summary" in found.why_not


@pytest.mark.parametrize("column", ["product_name", "promotion_ids", "item_status", "ship_city"])
def test_an_order_row_cut_in_two_is_put_together(column: str) -> None:
    data = all_orders(order(sku="A"), order(**{column: "left\nright"}), order(sku="C")).encode()
    rows = _orders(data)
    assert [row.sku for row in rows] == ["A", "BRUSH-1", "C"]
    assert [row.item_price for row in rows] == [Decimal("19.90")] * 3
    if column == "product_name":
        assert rows[1].title == "left right"


def test_truncated_row_is_refused_with_its_line_number() -> None:
    good = all_orders(order(), order(sku="B"))
    half = "\t".join(good.split("\n")[1].split("\t")[:10])
    found: Inspection = inspect_report([(good + half + "\n" + good.split("\n")[2] + "\n").encode()])
    assert [row.line for row in found.rows_refused] == [4]
    assert found.rows == 3


def test_a_row_whose_cells_are_shifted_is_refused_though_its_amount_is_right() -> None:
    text = settlement((*_PRINCIPAL, "19.90"), total="19.90", merchant_order_item_id=CANARY)
    found = inspect_report([text.replace("\t19.90\t\t", "\t19.90\t").encode()])
    assert [(row.line, row.column) for row in found.rows_refused] == [(3, "fulfillment-id")]


def test_file_of_carriage_returns_is_refused() -> None:
    for data in (b"\r" * (4 << 20), b"a\tb\tc" + b"\r" * (4 << 20), (b"\r" * 1000 + b"x") * 4000):
        assert not inspect_report([data]).importable


@pytest.mark.parametrize(
    "words",
    [
        "WAHR FALSCH",
        "Vrai Faux",
        "VERDADERO FALSO",
        "Waar Onwaar",
        "SANT FALSKT",
        "PRAWDA FAŁSZ",
        "DOĞRU YANLIŞ",
        "ja nein",
    ],
)
def test_booleans_of_spreadsheets_are_read(words: str) -> None:
    rows = _orders(all_orders(*(order(is_business_order=word) for word in words.split())).encode())
    assert [row.is_business_order for row in rows] == [True, False]


@pytest.mark.parametrize("around", [" {} ", "\u00a0{}", "\u202a{}\u202c", "'{}", '="{}"'])
def test_characters_added_around_cells_are_removed(around: str) -> None:
    def wrapped(text: str) -> bytes:
        head, *rows = text.splitlines()
        changed = (
            "\t".join(around.format(cell) if cell else "" for cell in row.split("\t"))
            for row in rows
        )
        return "\n".join([head, *changed, ""]).encode()

    assert _orders(wrapped(_ORDERS)) == _orders(_ORDERS.encode())
    assert list(read_report([wrapped(_MONEY)]).rows()) == list(
        read_report([_MONEY.encode()]).rows()
    )


def test_joined_reports_are_read_and_the_repeated_header_is_reported() -> None:
    report = read_report([(_ORDERS + _ORDERS).encode()])
    assert (report.inspection.rows, report.inspection.warnings) == (
        4,
        ("1 lines repeat the column names: several reports were joined into one file",),
    )


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("amazon_order_id", "3.02E+16", "rounded"),
        ("order_item_id", "1,11122E+13", "rounded"),
        ("quantity", "", "blank"),
    ],
)
def test_refused_cell_has_the_expected_reason(column: str, cell: str, reason: str) -> None:
    (row,) = inspect_report([all_orders(order(**{column: cell})).encode()]).rows_refused
    assert reason in row.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace("\t", "    "), "separated by spaces"),
        (lambda text: text.replace("\t", " "), "separated by spaces"),
        (lambda text: text.replace("\t", "|"), "separated by vertical bars"),
        (lambda text: "sep=;\n" + text.replace("\t", ";"), "separated by semicolons"),
        (lambda text: "sep=\t\n" + text, "lines above the column names"),
        (lambda text: "My report\n\n" + text, "lines above the column names"),
        (lambda text: "<table><tr><td>" + text, "web page"),
    ],
)
def test_report_changed_by_another_program_is_refused_with_the_reason(
    change: object, reason: str
) -> None:
    assert callable(change)
    for text in (_ORDERS, _MONEY):
        found = inspect_report([change(text).encode()])
        assert reason in found.why_not
        assert found.advice


def test_an_instant_with_the_name_of_its_zone_is_read() -> None:
    (row,) = _orders(all_orders(order(purchase_date="2026-03-28 23:30:00 UTC")).encode())
    assert row.purchased_at.isoformat() == "2026-03-28T23:30:00+00:00"
