"""CSV of what a page shows: the same rows, the same period, exact numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.http import HttpResponse

Cell = str | int | Decimal | date | datetime | None

#: What makes a spreadsheet read a text as a formula, at its beginning or after blanks.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_text(text: str) -> str:
    """Return `text` so that no spreadsheet runs it: a leading apostrophe makes it a text again.

    Titles and SKUs are other people's words; ``=HYPERLINK(…)`` in one would run on the machine of whoever opens the file.
    """
    return "'" + text if text.lstrip(" \u00a0").startswith(_FORMULA_STARTS) else text


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        plain = f"{value:f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, date | datetime):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else str(value)


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> HttpResponse:
    """Return a file download `name`.csv: UTF-8 with a byte order mark (Excel needs it), commas, points, ISO days."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_cell(text) for text in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    response = HttpResponse("\ufeff" + buffer.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
