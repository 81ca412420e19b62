"""Files of unit costs: what they say, and what is wrong with them, by line."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from theseller.analytics.profit.checked_changes import packed, unpacked
from theseller.analytics.profit.cost_file import (
    FILE_BYTES_MAX,
    CostFile,
    CostFileContext,
    error_texts,
    read_cost_file,
)
from theseller.analytics.profit.types import (
    ALL_STORES,
    BEGINNING,
    CostChange,
    CostKey,
    CostRefusedError,
    ShopStores,
)
from theseller.lib.formula_injection import neutralize_formulas

DE, UK, FR = "A1PA6795UKMFR9", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH"
CONTEXT = CostFileContext(
    frozenset({"MUG-1", "MUG-2", "=cmd", "0042"}),
    ShopStores({DE: "EUR", FR: "EUR", UK: "GBP"}),
    "EUR",
    ALL_STORES,
)


def _read(text: str, context: CostFileContext = CONTEXT, encoding: str = "utf-8") -> CostFile:
    return read_cost_file(text.encode(encoding), context)


def _errors(text: str, context: CostFileContext = CONTEXT) -> list[str]:
    found = _read(text, context)
    assert not found.errors or not found.changes, "with an error nothing may change"
    return [str(one) for one in error_texts(found.errors)]


def _stated(json: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.encode())).decode()


def _cost(
    sku: str, cost: str, store: str = "", currency: str = "EUR", day: date = BEGINNING
) -> CostChange:
    return CostChange(CostKey(sku, store, currency, day), Decimal(cost))


def test_a_currency_beside_an_amount_must_be_that_of_the_cost() -> None:
    assert _errors("SKU,Marketplace,Unit cost\nMUG-1,All,$12.00\nMUG-2,UK,3.00 EUR\n") == [
        "Line 2: “$12.00” is not in EUR. Costs are not converted: enter it in EUR.",
        "Line 3: “3.00 EUR” is not in GBP. Costs are not converted: enter it in GBP.",
    ]
    found = _read("SKU,Marketplace,Unit cost\nMUG-1,All,€12.00\nMUG-2,UK,£3.00\n")
    assert found.changes == (_cost("MUG-1", "12"), _cost("MUG-2", "3", UK, "GBP"))


def test_every_cell_of_a_file_is_read() -> None:
    found = _read(
        "SKU,Product,Marketplace,Currency,Valid from,Unit cost\r\n"
        'MUG-1,"A mug, blue",All,EUR,,3.50\r\n'
        "MUG-1,A mug,Amazon.co.uk,gbp,2026-11-01,2.9999\r\n"
        "MUG-2,,de,,,\r\n"
        "\r\n"
        "MUG-2,,FR,,2026-10-01,4\r\n"
    )
    assert found == CostFile(
        (
            _cost("MUG-1", "3.50"),
            _cost("MUG-1", "2.9999", UK, "GBP", date(2026, 11, 1)),
            _cost("MUG-2", "4", FR, "EUR", date(2026, 10, 1)),
        ),
        blank=1,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_european_spreadsheet_saves_is_read(separator: str, encoding: str) -> None:
    text = "Unit cost;sku;Größe\n3,50;MUG-1;12\n1.234;MUG-2;Ü\n".replace(";", separator)
    assert _read(text, encoding=encoding).changes == (
        _cost("MUG-1", "3.50"),
        _cost("MUG-2", "1234"),
    )


def test_a_sku_that_would_be_a_formula_comes_back_as_it_was() -> None:
    text = f"SKU,Unit cost\n{neutralize_formulas('=cmd')},1.00\n0042,2.00\n"
    assert {one.key.sku for one in _read(text).changes} == {"=cmd", "0042"}


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("SKU,Unit cost\nMUG-1,1.00\nMUG-9,1.00\n", ["Line 3: There is no product with the SKU “MUG-9” in this shop."]),
        (
            "SKU,Marketplace,Currency,Unit cost\nMUG-1,Amazon.co.uk,EUR,1.00\n",
            ["Line 2: Amazon.co.uk has GBP, and the cost is in EUR. Costs are not converted: enter it in GBP."],
        ),
        (
            "SKU,Currency,Unit cost\nMUG-1,USD,1.00\n",
            ["Line 2: No store of this shop has USD. Costs are not converted: enter them in EUR, GBP."],
        ),
        ("SKU,Marketplace,Unit cost\nMUG-1,Amazon.se,1.00\n", ["Line 2: This shop has no figures in Amazon.se."]),
        (
            "SKU,Marketplace,Unit cost\nMUG-1,Ebay,1.00\n",
            ["Line 2: “Ebay” is no Amazon store. Write “All” or, say, “Amazon.de”."],
        ),
        (
            "SKU,Unit cost\nMUG-1,1.00\nMUG-2,2.00\nMUG-1,3.00\n",
            ["Line 4: The same product, marketplace and day are in line 2 already."],
        ),
        ("SKU,Unit cost\nMUG-1,-1.00\n", ["Line 2: “-1.00” is no amount."]),
        (
            "SKU,Unit cost\nMUG-1,1.23456\n",
            ["Line 2: A unit cost is at least zero, below 1,000,000,000, and has at most four decimals."],
        ),
        (
            'SKU,Unit cost\nMUG-1,3.50\nMUG-2,"3,50"\n',
            [
                "Line 2: “3.50” contradicts other lines: the file has decimal points and decimal commas.",
                "Line 3: “3,50” contradicts other lines: the file has decimal points and decimal commas.",
            ],
        ),
        (
            "SKU,Unit cost\nMUG-1,1.234\n",
            ["Line 2: “1.234” may be a thousand or a decimal: no line of the file shows which. Write it with two decimals."],
        ),
        (
            "SKU,Unit cost,Valid from\nMUG-1,1.00,1999-12-31\n",
            ["Line 2: A cost begins on a day between 2000 and 2199."],
        ),
        (
            "SKU,Unit cost,Valid from\nMUG-1,1.00,5/6/2026\n",
            [
                ("Line 2: “5/6/2026” may begin with the day or with the month: no line of the file shows which."
                " Write days as 2026-12-31.")
            ],
        ),
        (
            "SKU,Unit cost\nMUG-1,3,50\n",
            [
                ("Line 2: The line has more cells than the first line. An amount with a decimal comma must be in"
                " quotation marks where commas separate the cells.")
            ],
        ),
        (
            'SKU,Unit cost\nMUG-1,1.00\n"MUG-2,1.00\nMUG-1,2.00\n',
            ["Line 3: From here on the file can't be read: quotation marks are not closed."],
        ),
        (
            "SKU,Unit cost,unit COST\nMUG-1,1,2\n",
            ["The first line names the column “Unit cost” twice."],
        ),
        (
            "Article,Price\nMUG-1,1\n",
            [
                ("The first line must name the columns. “SKU” and “Unit cost” are required; download the file of this"
                " page as a template.")
            ],
        ),
        (
            "\x00\x00PK",
            ["This is no CSV file. In a spreadsheet, save it as “CSV UTF-8 (comma delimited)”."],
        ),
        ("", ["This is no CSV file. In a spreadsheet, save it as “CSV UTF-8 (comma delimited)”."]),
        (
            "SKU,Unit cost\n" + "x" * FILE_BYTES_MAX,
            ["The file is too large. A file may have 200 KB and 5,000 lines: divide it into several."],
        ),
        (
            "SKU,Unit cost\n" + "MUG-1,\n" * 5_001,
            ["The file is too large. A file may have 200 KB and 5,000 lines: divide it into several."],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text: str, errors: list[str]) -> None:
    assert _errors(text) == errors


def test_lines_without_a_marketplace_are_of_the_store_that_was_chosen() -> None:
    context = replace(CONTEXT, marketplace_id=UK, currency="GBP")
    assert _read("SKU,Unit cost\nMUG-1,1.00\n", context).changes == (_cost("MUG-1", "1.00", UK, "GBP"),)  # fmt: skip


def test_a_line_is_counted_in_the_file_also_after_a_cell_of_two_lines() -> None:
    text = 'sep=,\nSKU,Product,Unit cost\nMUG-1,"blue\nmug",1.00\nMUG-9,,1.00\n'
    assert _errors(text) == ["Line 5: There is no product with the SKU “MUG-9” in this shop."]


def test_checked_changes_come_back_as_they_were_sent() -> None:
    changes = (
        _cost("MUG-1", "3.5000"),
        replace(_cost("=Ü\n", "0.0001", UK, "GBP", date(2026, 11, 1)), before=Decimal("7.10")),
    )
    assert unpacked(packed(changes)) == changes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        packed([_cost("MUG-1", "1")])[:-8],
        packed([_cost("MUG-1", "1"), _cost("MUG-1", "2")]),
        packed([_cost("MUG-1", "1", "NOWHERE")]),
        packed([_cost("MUG-1", "NaN")]),
        packed([_cost("MUG-1", "0E+1000000")]),
        packed([_cost("MUG-1", "0E-100000")]),
        packed([_cost("MUG-\x00", "1")]),
        packed([_cost("MUG-1", "1", currency="E\x00R")]),
        _stated('[["MUG-\\ud800", "", "EUR", "2000-01-01", "1", null]]'),
        _stated('[["MUG-1", "", "\\udfff", "2000-01-01", "1", null]]'),
        packed([_cost("x" * 2_000_000, "1")]),
    ],
)
def test_other_texts_than_checked_changes_are_refused(text: str) -> None:
    with pytest.raises(CostRefusedError):
        unpacked(text)


def test_an_amount_with_more_digits_than_the_database_stores_is_refused() -> None:
    zeros = "0." + "0" * 100_000
    assert "at least zero" in _errors(f"SKU,Unit cost\nMUG-1,{zeros}\n")[0]
