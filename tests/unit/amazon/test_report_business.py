"""Reading Business Reports (CSV), of which a person states the store and the days."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from itertools import permutations

import pytest
from tests.unit.amazon.report_fixtures.business_reports import (
    NAMES,
    business_csv,
    by_child,
    by_date,
)

from theseller.amazon.reports import (
    Inspection,
    Limits,
    Options,
    Question,
    ReportRefusedError,
    ReportType,
    Stated,
    TrafficDay,
    TrafficProduct,
    inspect_report,
    stream_report,
)
from theseller.lib.marketplaces import by_code

NOV_28 = date(2026, 11, 28)
#: Three days, in the notation of the United States.
DAYS = (
    ("11/28/26", "1,200", "1,800", "97.50%", "40", "$1,234.56"),
    ("11/29/26", "900", "1,001", "100.00%", "12", "$99.00"),
    ("11/30/26", "0", "0", "0.00%", "0", "$0.00"),
)
SHIRT = ("B0TESTTEE0", "B0TESTTEE1", 'Tee, "white"', "1,200", "1,800", "97.50%", "40", "$1,234.56")
HAT = ("B0TESTHAT0", "B0TESTHAT1", "Hat", "7", "9", "50.00%", "1", "$19.99")


def _said(code: str | None = None, first: date | None = None, last: date | None = None) -> Stated:
    return Stated(by_code(code) if code else None, first, last or first)


def _look(data: bytes, stated: Stated | None = None) -> Inspection:
    return inspect_report([data], stated=stated or Stated())


def _rows(data: bytes, stated: Stated) -> list[TrafficDay | TrafficProduct]:
    stream = stream_report([data], Options(stated=stated))
    rows = [row for batch in stream.batches() for row in batch]
    found = [row for row in rows if isinstance(row, TrafficDay | TrafficProduct)]
    assert len(found) == len(rows)
    return found


def _days(data: bytes) -> set[tuple[date, int | None]]:
    rows = _rows(data, _said("US"))
    return {(row.day, row.sessions) for row in rows if isinstance(row, TrafficDay)}


def test_days_are_read_with_their_totals_and_no_part_of_a_measure() -> None:
    rows = _rows(by_date(*DAYS), _said("US"))
    assert rows == [
        TrafficDay(
            marketplace=by_code("US"),
            day=day,
            currency="USD",
            ordered_product_sales=Decimal(sales),
            units_ordered=units,
            order_items=None,
            units_refunded=None,
            units_shipped=None,
            orders_shipped=None,
            sessions=sessions,
            page_views=views,
            buy_box_percentage=Decimal(share),
            unit_session_percentage=None,
        )
        for day, sessions, views, share, units, sales in (
            (date(2026, 11, 28), 1200, 1800, "97.50", 40, "1234.56"),
            (date(2026, 11, 29), 900, 1001, "100.00", 12, "99.00"),
            (date(2026, 11, 30), 0, 0, "0.00", 0, "0.00"),
        )
    ]
    found = _look(by_date(*DAYS), _said("US"))
    assert found.importable
    assert found.report_type is ReportType.SALES_AND_TRAFFIC
    assert found.period.days == {"US": (date(2026, 11, 28), date(2026, 11, 30))}
    assert found.totals["USD"]["ordered product sales by day"] == Decimal("1333.56")
    assert found.totals["USD"]["sessions by day"] == 2100
    assert "911" not in repr(found)


def test_products_of_one_day_are_read_by_child_and_by_sku() -> None:
    stated = _said("US", NOV_28)
    shirt, hat = _rows(by_child(SHIRT, HAT), stated)
    assert isinstance(shirt, TrafficProduct)
    assert (shirt.parent_asin, shirt.child_asin, shirt.sku) == ("B0TESTTEE0", "B0TESTTEE1", None)
    assert (shirt.first_day, shirt.last_day, shirt.daily) == (NOV_28, NOV_28, True)
    assert (shirt.sessions, shirt.units_ordered) == (1200, 40)
    assert hat.ordered_product_sales == Decimal("19.99")
    twice = [(*SHIRT[:2], sku, *SHIRT[3:]) for sku in ("TEE-M", "TEE-L")]  # one ASIN, two SKUs
    skus = _rows(by_child(*twice, sku=True), stated)
    assert [row.sku for row in skus if isinstance(row, TrafficProduct)] == ["TEE-M", "TEE-L"]
    parents = business_csv(
        [NAMES["EN"][1], *NAMES["EN"][4:]], ("B0TESTTEE0", "3", "4", "", "1", "$5.00")
    )
    (parent,) = _rows(parents, stated)
    assert isinstance(parent, TrafficProduct)
    assert (parent.parent_asin, parent.child_asin, parent.buy_box_percentage) == (
        "B0TESTTEE0",
        None,
        None,
    )


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_each_language_is_read_with_any_dash_and_separator(language: str, separator: str) -> None:
    euros = [
        (f"{day}.11.2026", "1,200", "1,800", "97,50 %", "40", "1.234,56 €") for day in (1, 2, 3)
    ]
    for dash in "-\u2010\u2013\u2014\u2212":
        data = by_date(*euros, language=language, separator=separator)
        data = data.decode().replace(" - ", f" {dash} ").encode()
        rows = _rows(data, _said("DE"))
        assert [row.sessions for row in rows] == [1200] * 3
        assert [row.buy_box_percentage for row in rows] == [Decimal("97.50")] * 3
        assert [row.ordered_product_sales for row in rows] == [Decimal("1234.56")] * 3
    product = (*SHIRT[:7], "1.234,56 €")
    (row,) = _rows(by_child(product, language=language), _said("DE", NOV_28))
    assert (row.sessions, row.page_views, row.units_ordered) == (1200, 1800, 40)
    assert isinstance(row, TrafficProduct)
    assert row.child_asin == "B0TESTTEE1"


def test_nothing_is_read_on_a_guess() -> None:
    found = _look(by_date(*DAYS))
    assert not found.importable
    assert found.why_not == "the file does not say of which store it is"
    assert found.asks == (Question.STORE,)
    assert found.stores_possible == ("AU", "CA", "MX", "SG", "US")
    assert found.totals[""]["sessions by day"] == 2100
    with pytest.raises(ReportRefusedError):
        _rows(by_date(*DAYS), Stated())
    products = _look(by_child(SHIRT))
    assert products.asks == (Question.STORE, Question.DAYS)
    assert products.why_not == "the file does not say of which store and of which days it is"
    half = Stated(by_code("US"), NOV_28, None)
    for stated, words in (
        (_said("US"), "the file does not say of which days it is"),
        (half, "the file does not say of which days it is"),
        (_said(None, NOV_28), "the file does not say of which store it is"),
    ):
        one = _look(by_child(SHIRT), stated)
        assert (one.why_not, one.importable) == (words, False)
        with pytest.raises(ReportRefusedError):
            _rows(by_child(SHIRT), stated)


def test_products_over_several_days_are_refused_with_what_to_do() -> None:
    found = _look(by_child(SHIRT), _said("US", date(2026, 11, 1), NOV_28))
    assert found.why_not == "the report is by product over several days"
    assert "once for each day" in found.advice
    assert found.period.days == {}
    backwards = _look(by_child(SHIRT), _said("US", NOV_28, date(2026, 11, 1)))
    assert backwards.why_not == "the last day that you chose is before the first"


@pytest.mark.parametrize(
    ("cell", "store", "words"),
    [
        ("$5.00", "UK", "sells in GBP"),
        ("£5.00", "DE", "sells in EUR"),
        ("5,00 €", "US", "sells in USD"),
        ("￥500", "US", "sells in USD"),
        ("CA$5.00", "US", "sells in USD"),
        ("R$ 5,00", "US", "sells in USD"),
    ],
)
def test_the_currency_sign_must_fit_the_store(cell: str, store: str, words: str) -> None:
    rows = [(*day[:5], cell) for day in DAYS]
    found = _look(by_date(*rows), _said(store))
    assert not found.importable
    assert words in found.why_not
    mixed = _look(by_date(*rows[:2], (*rows[2][:5], "kr 5,00")), _said(store))
    assert mixed.why_not == "its amounts are in several currencies"


@pytest.mark.parametrize(
    ("cell", "store", "amount"),
    [
        ("$1,234.56", "US", "1234.56"),
        ("-$1,234.56", "MX", "-1234.56"),
        ("US$1,234.56", "US", "1234.56"),
        ("1.234,56 €", "DE", "1234.56"),
        ("1\u202f234,56\u00a0€", "FR", "1234.56"),
        ("€1,234.56", "IE", "1234.56"),
        ("£0.99", "UK", "0.99"),
        ("￥1,980", "JP", "1980"),
        ("¥1,980", "JP", "1980"),
        ("￥１，９８０", "JP", "1980"),
        ("₹1,00,000.00", "IN", "100000.00"),
        ("1 234,56 kr", "SE", "1234.56"),
        ("SEK 1.234,56", "SE", "1234.56"),
        ("1 234,56 zł", "PL", "1234.56"),
        ("₺1.234,56", "TR", "1234.56"),
        ("1.234,56 TL", "TR", "1234.56"),
        ("R$ 1.698,00", "BR", "1698.00"),
        ("R 1,234.56", "ZA", "1234.56"),
        ("AED 1,234.56", "AE", "1234.56"),
        ("\u200fد.إ.\u200f 1,234.56", "AE", "1234.56"),
        ("1234.56", "UK", "1234.56"),
    ],
)
def test_money_is_read_in_the_notation_of_each_store(cell: str, store: str, amount: str) -> None:
    (row,) = _rows(by_child((*SHIRT[:7], cell)), _said(store, NOV_28))
    assert row.ordered_product_sales == Decimal(amount)
    assert row.currency == by_code(store).currency


def test_an_amount_with_two_readings_is_read_only_if_others_decide() -> None:
    odd = (*HAT[:7], "$1,234")
    rows = _rows(by_child(SHIRT, odd), _said("US", NOV_28))
    assert rows[1].ordered_product_sales == 1234
    found = _look(by_child(odd), _said("US", NOV_28))
    assert [(row.line, row.column) for row in found.rows_refused] == [(2, "ordered product sales")]
    without = _look(by_child((*SHIRT[:7], "1234.56")), _said("US", NOV_28))
    assert "no amount has a currency sign" in without.warnings[0]


_NOTATIONS = {
    "month first": "%m/%d/%y",
    "day first": "%d/%m/%Y",
    "German": "%d.%m.%y",
    "Dutch": "%d-%m-%y",
    "Japanese": "%Y/%m/%d",
    "Swedish": "%Y-%m-%d",
    "ideographs": "%Y年%m月%d日",
    "short year first": "%y/%m/%d",
}


@pytest.mark.parametrize("notation", _NOTATIONS)
def test_dates_are_read_in_any_order_because_days_follow_each_other(notation: str) -> None:
    for first in (date(2026, 1, 1), date(2026, 2, 27), date(2026, 11, 3), date(2026, 12, 30)):
        days = [date.fromordinal(first.toordinal() + place) for place in range(3)]
        for order in permutations(days):
            rows = [(day.strftime(_NOTATIONS[notation]), *DAYS[0][1:]) for day in order]
            read = _rows(by_date(*rows), _said("US"))
            assert [row.day for row in read if isinstance(row, TrafficDay)] == list(order)


def test_a_file_of_one_or_two_days_asks_for_them_and_they_must_agree() -> None:
    data = by_date(("03/04/26", *DAYS[0][1:]))
    found = _look(data, _said("US"))
    assert found.asks == (Question.STORE, Question.DAYS)
    assert found.why_not == "the file does not say of which days it is"
    for day in (date(2026, 3, 4), date(2026, 4, 3)):
        (row,) = _rows(data, _said("US", day))
        assert isinstance(row, TrafficDay)
        assert row.day == day
    for first, last in ((date(2026, 3, 4), date(2026, 3, 10)), (NOV_28, NOV_28)):
        wrong = _look(data, _said("US", first, last))
        assert "is not of the days that you chose" in wrong.why_not
        assert not wrong.importable


@pytest.mark.parametrize(
    "days",
    [
        ("11/01/26", "11/08/26", "11/15/26"),
        ("11/01/26", "12/01/26", "01/01/27"),
        ("11/01/26", "11/02/26", "11/04/26"),
        ("2026-10-01", "2026-11-01", "2026-12-01"),
    ],
)
def test_weeks_and_months_are_never_read_as_days(days: tuple[str, ...]) -> None:
    found = _look(by_date(*((day, *DAYS[0][1:]) for day in days)), _said("US"))
    assert "by week or month" in found.why_not
    assert "by day" in found.advice
    assert found.period.days == {}


@pytest.mark.parametrize(
    "text", ["11/01/26 - 11/07/26", "Nov 2026", "2026-11", "Total", "", "13/13/26", "1/2/99999"]
)
def test_a_cell_that_is_no_day_refuses_the_file_by_its_line(text: str) -> None:
    found = _look(by_date(*DAYS[:2], (text, *DAYS[2][1:])), _said("US"))
    assert found.why_not.startswith("line 4: the date is not one day")
    assert not text or text not in repr(found)


@pytest.mark.parametrize(
    ("place", "cell", "column"),
    [
        (3, "ZZQ", "sessions"),
        (3, "", "sessions"),
        (3, "12.5", "sessions"),
        (3, "1,20", "sessions"),
        (4, "$12", "page views"),
        (5, "97.50", "featured offer percentage"),
        (5, "101%", "featured offer percentage"),
        (5, "x%", "featured offer percentage"),
        (6, "12 units", "units ordered"),
        (7, "", "ordered product sales"),
        (7, "ZZQ 5.00", "ordered product sales"),
        (1, "12 Elm St", "child ASIN"),
        (0, "ZZQ", "parent ASIN"),
    ],
)
def test_a_bad_cell_refuses_its_row_by_line_and_column_without_the_cell(
    place: int, cell: str, column: str
) -> None:
    bad = [*HAT]
    bad[place] = cell
    found = _look(by_child(SHIRT, tuple(bad)), _said("US", NOV_28))  # type: ignore[arg-type]
    assert [(row.line, row.column) for row in found.rows_refused] == [(3, column)]
    assert "1 of 2 rows can't be read" in found.why_not
    assert "ZZQ" not in repr(found)
    assert "Elm" not in repr(found)


def test_a_missing_column_is_never_zero() -> None:
    full = NAMES["DE"]
    for lacking, name in (
        (4, "sessions"),
        (5, "page views"),
        (7, "units ordered"),
        (8, "ordered product sales"),
    ):
        header = [name for place, name in enumerate(full) if place not in {0, 3, lacking}]
        found = _look(business_csv(header, ["x"] * len(header)))
        assert found.why_not == f"line 1: this Business Report lacks the columns: {name}"
        assert "Show all columns" in found.advice
    header = [name for place, name in enumerate(full) if place not in {0, 3, 6}]
    data = business_csv(header, ("B0TESTTEE0", "B0TESTTEE1", "3", "4", "1", "5,00 €"))
    (row,) = _rows(data, _said("DE", NOV_28))
    assert row.buy_box_percentage is None


def test_only_parts_of_a_measure_are_not_the_measure() -> None:
    for part in (" - B2B", " - Browser", " – Mobile App", " - Something", " Percentage - Total"):
        header = ["Date", f"Sessions{part}", *NAMES["EN"][5:]]
        found = _look(business_csv(header, ["x"] * len(header)))
        assert "lacks the columns: sessions" in found.why_not, part


def test_dashes_without_blanks_and_missing_shares_are_read() -> None:
    names = [name.replace(" - ", "\uff0d") for name in NAMES["JP"]]
    head = ["SKU", names[2], *names[4:], f"{names[4]}\uff0dB2B"]
    rows = [
        (f"S{place}", f"B0TESTTEE{place}", "3", "4", share, "1", "￥1,980", "9")
        for place, share in enumerate(("-", "\u2013", "N/A", "", "0%"))
    ]
    read = _rows(business_csv(head, *rows), _said("JP", NOV_28))
    assert [row.buy_box_percentage for row in read] == [None, None, None, None, Decimal(0)]
    assert [row.sessions for row in read] == [3] * 5


def test_duplicates_are_refused() -> None:
    found = _look(by_date(*DAYS, DAYS[1]), _said("US"))
    assert [(row.line, row.column, row.reason) for row in found.rows_refused] == [
        (5, "date", "a day twice")
    ]
    products = _look(by_child(SHIRT, HAT, SHIRT), _said("US", NOV_28))
    assert [(row.line, row.reason) for row in products.rows_refused] == [(4, "a product twice")]
    header = ["Date", *NAMES["EN"][4:], "Sessions"]
    twice = _look(business_csv(header, ["x"] * len(header)))
    assert "a column is twice" in twice.why_not


def test_the_result_does_not_depend_on_the_order_of_columns_and_rows() -> None:
    expected = _days(by_date(*DAYS))
    chance = random.Random(7)  # the same orders each time  # noqa: S311
    names = ["Date", *NAMES["EN"][4:]]
    for _ in range(20):
        places = [0, *chance.sample(range(1, 6), 5)]
        rows = [[day[place] for place in places] for day in chance.sample(DAYS, 3)]
        data = business_csv([names[place] for place in places], *rows)
        found = _days(data)
        assert found == expected


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ('"open', "quotes around a cell are damaged"),
        ('"a"b', "quotes around a cell are damaged"),
        ("one,two\r\n", "1 of 4 rows can't be read"),
        (",".join("x" * 30) + "\r\n", "1 of 4 rows can't be read"),
    ],
)
def test_damaged_rows_are_refused_by_line(tail: str, words: str) -> None:
    product = by_child(SHIRT, HAT, (*HAT[:1], "B0TESTHAT2", *HAT[2:]))
    found = _look(product + tail.encode(), _said("US", NOV_28))
    assert words in found.why_not
    assert not found.importable
    data = by_child((*SHIRT[:2], "two\nlines", *SHIRT[3:]), HAT)
    assert len(_rows(data, _said("US", NOV_28))) == 2


def test_limits() -> None:
    many = [(f"2026-01-{day:02}", *DAYS[0][1:]) for day in range(1, 32)]
    found = inspect_report([by_date(*many)], limits=Limits(lines=20), stated=_said("US"))
    assert "more than 20 lines" in found.why_not
    days = [date.fromordinal(date(2016, 1, 1).toordinal() + place) for place in range(3001)]
    long = by_date(*((day.isoformat(), *DAYS[0][1:]) for day in days))
    assert "more days than Seller Central keeps" in _look(long, _said("US")).why_not
    wide = business_csv([*NAMES["EN"], *(f"x{place}" for place in range(200))])
    assert not _look(wide).importable


def test_a_title_is_not_kept_and_unknown_columns_are_called_by_number() -> None:
    data = by_child(SHIRT).decode().replace("Title", "Quixville").encode()
    found = _look(data, _said("US", NOV_28))
    assert found.importable
    assert "Quix" not in repr(found)
    assert [(one.name, one.reason) for one in found.columns_dropped] == [
        ("column 3", "unknown to this version")
    ]
    assert "white" not in repr(_rows(data, _said("US", NOV_28)))


def test_what_is_stated_of_a_file_that_says_it_itself_changes_nothing() -> None:
    from tests.unit.amazon.report_fixtures.builders import as_json, traffic

    data = as_json(traffic("2026-03-01"))
    assert _look(data) == _look(data, _said("US", NOV_28))
