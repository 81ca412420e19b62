"""XLSX of what a page shows: one sheet, the same rows, numbers as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import xlsxwriter
from django.http import HttpResponse

from theseller.analytics.pages.csv_response import Cell

_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MONEY, _WHOLE, _DAY, _INSTANT = "#,##0.00##", "#,##0", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
_NARROW, _WIDE = 12, 28


def workbook_response(
    name: str, sheet: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> HttpResponse:
    """Return a download `name`.xlsx with one sheet: a header and rows.

    Texts are stored as texts: none is a formula or a link. Amounts are numbers, as a spreadsheet
    computes with them; up to 15 digits they are exact. Instants are in UTC, without a zone.

    Args:
        name: the file's name, without its ending.
        sheet: the sheet's name, at most 31 characters.
        header: the names of the columns.
        rows: a cell for each column; None leaves a cell blank.
    """
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        page = workbook.add_worksheet(sheet)
        bold = workbook.add_format({"bold": True, "bottom": 1})
        formats = {
            kind: workbook.add_format({"num_format": kind})
            for kind in (_MONEY, _WHOLE, _DAY, _INSTANT)
        }
        page.freeze_panes(1, 1)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        page.set_column(0, 0, _WIDE)
        page.set_column(1, len(header) - 1, _NARROW)
        for column, text in enumerate(header):
            page.write_string(0, column, text, bold)
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                _write(page, number, column, value, formats)
    response = HttpResponse(buffer.getvalue(), content_type=_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    response["Cache-Control"] = "private, no-store"
    return response


def _write(
    page: xlsxwriter.worksheet.Worksheet,
    row: int,
    column: int,
    value: Cell,
    formats: dict[str, xlsxwriter.format.Format],
) -> None:
    if isinstance(value, str):
        page.write_string(row, column, value)
    elif isinstance(value, datetime):
        page.write_datetime(row, column, value.replace(tzinfo=None), formats[_INSTANT])
    elif isinstance(value, date):
        page.write_datetime(row, column, value, formats[_DAY])
    elif isinstance(value, Decimal):
        page.write_number(row, column, value, formats[_MONEY])
    elif value is not None:
        page.write_number(row, column, value, formats[_WHOLE])
