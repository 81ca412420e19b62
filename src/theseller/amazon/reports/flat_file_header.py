"""The header line of a flat file.

Which report it is, the positions of kept columns, and which columns are dropped and why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.replayable_source import Limits
from theseller.amazon.reports.report_types_and_columns import (
    COLUMNS,
    UNKNOWN_COLUMN,
    ReportType,
    column_name,
)
from theseller.amazon.reports.unsupported_reports import refuse_unsupported
from theseller.lib.translation_marks import gettext_noop, marked

_BLANK = "\t \x1a\ufeff"
#: Lines that are searched for a header of ours that another program changed; separators, and what
#: they are called.
_LINES = 40
_SEPARATORS = {
    "\t": "",
    ";": "semicolons",
    ",": "commas",
    r"\|": "vertical bars",
    " {2,}": "spaces",
    " ": "spaces",
}
_UNOPENED = gettext_noop(
    "Download it again from Seller Central as Text and import that file without opening it in"
    " Excel, Numbers or an editor first."
)
_KNOWN_NAMES = frozenset(
    name for columns in COLUMNS.values() for name in (*columns.kept, *columns.dropped)
)
#: Words of Amazon's column names; a column that Amazon adds is as a rule made of them.
_KNOWN_WORDS = frozenset(word for name in _KNOWN_NAMES for word in name.split("-")) | frozenset(
    [
        "address",
        "country",
        "county",
        "delivery",
        "expected",
        "fee",
        "instructions",
        "invoice",
        "method",
        "model",
        "number",
        "payment",
        "prime",
        "program",
        "recipient",
        "ship",
        "tax",
        "time",
        "type",
        "vat",
    ]
)
_OURS = gettext_noop(
    "We read All Orders (by order date or last update),"
    " the settlement Flat File V2,"
    " FBA customer returns,"
    " transaction reports (Monthly, Date Range, Unified) as CSV,"
    " Business Reports as CSV,"
    " and Sales and Traffic as JSON."
)
_LANGUAGE = gettext_noop(
    "If its column names are not English, set Seller Central > Settings > Account Info > Language"
    " for feed processing report to English and download it again."
)


@dataclass(frozen=True, slots=True)
class DroppedColumn:
    """A column that is not read.

    `name` is the header's, or the column's number where the header does not look like a name.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recognized:
    """The type that column names show, and the evidence.

    Not `decided`: the rows may show another type.
    """

    type: ReportType
    evidence: str
    decided: bool = True


#: Returns what the names of a header show, given the type that was requested; None if another kind.
Recognize = Callable[[frozenset[str], ReportType | None], Recognized | None]


@dataclass(frozen=True, slots=True)
class Header:
    """What the header line says.

    `positions` counts cells from 0, `line` from 1; `type` may still be corrected by `settled_type`
    of the decoder if not `decided`.
    """

    type: ReportType
    type_evidence: str
    width: int
    positions: dict[str, int]
    kept: tuple[str, ...]
    dropped: tuple[DroppedColumn, ...]
    decided: bool
    line: int = 1

    def at(self, column: str) -> int:
        """Return the position of `column`.

        If the file lacks it, `width`: one past the end.
        """
        return self.positions.get(column, self.width)


def read_header(
    lines: Sequence[str],
    limits: Limits,
    recognizers: Iterable[Recognize],
    expected: ReportType | None = None,
) -> Header:
    """Recognize a report by its columns.

    They are in the first of `lines` that is not blank. A file's name proves nothing.

    Args:
        lines: the beginning of the file.
        limits: the most columns.
        recognizers: one of each format.
        expected: the type that was requested of Amazon.

    Raises:
        ReportRefusedError: no recognizer knows the columns. A report of Amazon's that is known but
            not supported is called by its name.
    """
    number, line = next(
        ((at, text) for at, text in enumerate(lines, 1) if text.strip(_BLANK)), (1, "")
    )
    cells = line.lstrip("\ufeff").split("\t")
    if len(cells) > limits.columns:
        raise ReportRefusedError(
            marked(
                gettext_noop("the first line has more than %(columns)s columns"),
                columns=limits.columns,
            ),
            _OURS,
            line=number,
        )
    names = [column_name(cell) for cell in cells]
    tried = (recognize(frozenset(names), expected) for recognize in recognizers)
    found = next(filter(None, tried), None)
    if found is None:
        refuse_unsupported(lines)
        _refuse_resaved(lines)
        _refuse_stranger(set(names), cells)
        raise AssertionError  # the line above always raises
    columns = COLUMNS[found.type]
    kept = [name for name in names if name in columns.kept]
    if len(kept) != len(set(kept)):
        raise ReportRefusedError(
            gettext_noop("a column is twice in the first line"),
            gettext_noop("Download the report again and don't change it."),
            line=number,
        )
    dropped = tuple(
        DroppedColumn(_shown(name, place), columns.dropped.get(name, UNKNOWN_COLUMN))
        for place, name in enumerate(names, 1)
        if name not in columns.kept and not (place == len(names) and not name)
    )
    positions = {name: place for place, name in enumerate(names) if name in columns.kept}
    return Header(
        found.type,
        found.evidence,
        len(names),
        positions,
        tuple(kept),
        dropped,
        found.decided,
        number,
    )


def _shown(name: str, place: int) -> str:
    """Return a column's name if it is safe to show, else its number.

    Every word must be one of Amazon's column names: a header may contain cells, for example of a
    file that has no header; a buyer's city looks like a name too.
    """
    words = name.split("-")
    known = name in _KNOWN_NAMES or (len(words) > 1 and all(word in _KNOWN_WORDS for word in words))
    return name if known else f"column {place}"


def _refuse_resaved(lines: Sequence[str]) -> None:
    """Refuse one of our reports that another program has changed.

    The refusal names the change: other separators, quotes, or lines above the column names.
    Decimals and dates of such a file can't be trusted either.
    """
    for number, line in enumerate(lines[:_LINES], 1):
        for separator, name in _SEPARATORS.items():
            cells = re.split(separator, line.strip())
            if not any(
                columns.required <= set(map(_unquoted, cells)) for columns in COLUMNS.values()
            ):
                continue
            if name:
                raise ReportRefusedError(
                    marked(
                        gettext_noop(
                            "the columns are separated by %(name)s: another program saved this"
                            " file again"
                        ),
                        name=name,
                    ),
                    _UNOPENED,
                    line=number,
                )
            if '"' in cells[0]:
                raise ReportRefusedError(
                    gettext_noop("the cells are in quotes: another program saved this file again"),
                    _UNOPENED,
                    line=number,
                )
            raise ReportRefusedError(
                gettext_noop(
                    "there are lines above the column names, which another program or person added"
                ),
                _UNOPENED,
                line=number,
            )


def _unquoted(cell: str) -> str:
    return column_name(cell.strip('" '))


def _refuse_stranger(names: set[str], cells: list[str]) -> None:
    for kind, columns in COLUMNS.items():
        missing = sorted(columns.required - names)
        if len(missing) <= len(columns.required) // 2:
            lacking = ", ".join(missing)
            raise ReportRefusedError(
                marked(
                    gettext_noop("this looks like %(kind)s but lacks the columns %(lacking)s"),
                    kind=kind,
                    lacking=lacking,
                ),
                gettext_noop("Download it again, complete."),
                line=1,
            )
    if len(cells) >= 10:
        raise ReportRefusedError(
            gettext_noop("no report that we support has these columns"),
            f"{_OURS} {_LANGUAGE}",
            line=1,
        )
    raise ReportRefusedError(gettext_noop("we don't support this report"), _OURS, line=1)
