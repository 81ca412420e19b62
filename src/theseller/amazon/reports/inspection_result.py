"""What an inspection found: type, period and refusals, but no cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import msgspec

from theseller.amazon.reports.encoding_detection import Encoding
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.flat_file_header import DroppedColumn
from theseller.amazon.reports.replayable_source import DEFAULT_LIMITS, Limits, Source
from theseller.amazon.reports.report_types_and_columns import ReportType
from theseller.amazon.reports.stated_scope import Question
from theseller.lib.marketplaces import Marketplace
from theseller.lib.translation_marks import gettext_noop, marked, marked_number

_REFUSALS_LISTED = 100
_CURRENCIES_MOST = 60


class RefusedRow(msgspec.Struct, frozen=True):
    """One row that can't be read: where and why, without its content."""

    line: int
    column: str
    reason: str


class Period(msgspec.Struct, frozen=True):
    """The time that the rows cover.

    `days` are the first and the last marketplace-local day, by Amazon's country code (``DE``).
    """

    first: datetime | None
    last: datetime | None
    days: dict[str, tuple[date, date]]


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is, and whether it can be imported.

    `totals` is currency → measure → sum; rows without currency are under ``""``. `asks` is what the
    file does not say, so that a person has to; `stores_possible` are the codes of the stores that
    such a file may be of.
    """

    report_type: ReportType | None = None
    type_evidence: str = ""
    encoding: str = ""
    encoding_evidence: str = ""
    compressed: bool = False
    size: int = 0
    sha256: str = ""
    rows: int = 0
    period: Period = Period(None, None, {})
    marketplaces: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    totals: dict[str, dict[str, Decimal]] = {}
    columns_kept: tuple[str, ...] = ()
    columns_dropped: tuple[DroppedColumn, ...] = ()
    rows_refused: tuple[RefusedRow, ...] = ()
    rows_refused_count: int = 0
    unclassified: int = 0
    warnings: tuple[str, ...] = ()
    importable: bool = False
    why_not: str = ""
    advice: str = ""
    asks: tuple[Question, ...] = ()
    stores_possible: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return one JSON object.

        Amounts are strings, so that no reader turns them into floats.
        """
        return msgspec.json.encode(self, enc_hook=_in_english)

    def as_dict(self) -> dict[str, Any]:
        """Return the inspection as plain dictionaries and lists."""
        built: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_in_english)
        return built


def _in_english(value: object) -> str:
    """Return the English of a text that is marked for translation.

    msgspec takes no subclass of str by itself.
    """
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(type(value).__name__)


class Findings:
    """Collects the facts of an inspection while batches of rows are read."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._most_refused = limits.refused
        self.rows = 0
        self.refused: list[RefusedRow] = []
        self.refused_count = 0
        self.unclassified = 0
        self.warnings: dict[str, int] = {}
        self.totals: dict[str, dict[str, Decimal]] = {}
        self._spans: dict[Marketplace | None, tuple[datetime, datetime]] = {}
        self._days: dict[Marketplace, tuple[date, date]] = {}

    def refuse(self, line: int, column: str, reason: str) -> None:
        """Record a row that can't be read.

        Raises:
            ReportRefusedError: there are so many that the file is not a report.
        """
        self.refused_count += 1
        if self.refused_count > self._most_refused:
            message = marked(
                gettext_noop("more than %(most_refused)s rows can't be read"),
                most_refused=marked_number(self._most_refused),
            )
            raise ReportRefusedError(
                message, gettext_noop("Download the report again and don't change it."), line=line
            )
        if len(self.refused) < _REFUSALS_LISTED:
            self.refused.append(RefusedRow(line, column, reason))

    def was_refused(self, line: int) -> bool:
        """Return whether the row at `line` is the last one refused."""
        return bool(self.refused) and self.refused[-1].line == line

    def take_back(self) -> None:
        """Withdraw the last refusal: its row was the first half of a readable one."""
        self.refused.pop()
        self.refused_count -= 1

    def warn(self, text: str, count: int = 1) -> None:
        """Count a warning; a `%(n)s` in the text becomes the count."""
        if count:
            self.warnings[text] = self.warnings.get(text, 0) + count

    def add(self, currency: str, measure: str, amount: Decimal | int) -> None:
        """Add an amount to the total of a measure in a currency.

        Raises:
            ReportRefusedError: the file names more than 60 currencies.
        """
        if currency not in self.totals and len(self.totals) >= _CURRENCIES_MOST:
            raise ReportRefusedError(
                gettext_noop("the file names more currencies than Amazon pays in"),
                gettext_noop("Download the report again."),
            )
        measures = self.totals.setdefault(currency, {})
        measures[measure] = measures.get(measure, Decimal(0)) + amount

    def saw(self, rows: Sequence[tuple[Any, ...]], marketplace_at: int, instant_at: int) -> None:
        """Widen the period by each row's time.

        `marketplace_at` and `instant_at` are positions in the rows.
        """
        marketplace_of, instant_of = itemgetter(marketplace_at), itemgetter(instant_at)
        present: dict[int, Marketplace | None] = {
            id(m): m for m in map(marketplace_of, rows)
        }  # Hashing a store is slow.
        for marketplace in present.values():
            own = (
                rows
                if len(present) == 1
                else [row for row in rows if marketplace_of(row) is marketplace]
            )
            self.saw_span(marketplace, min(map(instant_of, own)), max(map(instant_of, own)))

    def saw_span(self, marketplace: Marketplace | None, first: datetime, last: datetime) -> None:
        """Widen the period of a marketplace by a span of time."""
        if known := self._spans.get(marketplace):
            first, last = min(known[0], first), max(known[1], last)
        self._spans[marketplace] = (first, last)

    def attribute(self, marketplace: Marketplace) -> None:
        """Say of which marketplace the rows are that name none."""
        if span := self._spans.pop(None, None):
            self.saw_span(marketplace, *span)

    def saw_day(self, marketplace: Marketplace, first: date, last: date) -> None:
        """Widen the days of a marketplace."""
        if known := self._days.get(marketplace):
            first, last = min(known[0], first), max(known[1], last)
        self._days[marketplace] = (first, last)

    def period(self) -> Period:
        """Return the time that all rows cover."""
        spans = self._spans.values()
        days = {
            m.code: (m.local_day(first), m.local_day(last))
            for m, (first, last) in self._spans.items()
            if m
        }
        days |= {m.code: span for m, span in self._days.items()}
        return Period(
            min((s[0] for s in spans), default=None),
            max((s[1] for s in spans), default=None),
            dict(sorted(days.items())),
        )

    def marketplaces(self) -> tuple[str, ...]:
        """Return the country codes of the marketplaces, in order."""
        return tuple(sorted({m.code for m in (*self._spans, *self._days) if m}))

    def texts(self) -> tuple[str, ...]:
        """Return the warnings with their counts."""
        return tuple(marked(text, n=count) for text, count in self.warnings.items())


def conclude(
    findings: Findings,
    source: Source,
    encoding: Encoding,
    *,
    report_type: ReportType,
    evidence: str,
    verdict: tuple[str, str],
    kept: Iterable[str],
    dropped: Iterable[DroppedColumn],
) -> Inspection:
    """Return the inspection of a report whose every row was read.

    It is importable if no row was refused and the report as a whole passes: `verdict` is (why not,
    advice), blank if it does.
    """
    refused = findings.refused_count
    why, advice = verdict
    if refused and not why:
        why = marked(
            gettext_noop("%(refused)s of %(rows)s rows can't be read"),
            refused=refused,
            rows=refused + findings.rows,
        )
        advice = gettext_noop(
            "Download the report again and don't change it; or choose to import the readable rows"
            " only."
        )
    return Inspection(
        report_type=report_type,
        type_evidence=evidence,
        encoding=encoding.codec,
        encoding_evidence=encoding.evidence,
        compressed=source.compressed,
        size=source.size,
        sha256=source.sha256,
        rows=findings.rows,
        period=findings.period(),
        marketplaces=findings.marketplaces(),
        currencies=tuple(sorted(code for code in findings.totals if code)),
        totals=findings.totals,
        columns_kept=tuple(kept),
        columns_dropped=tuple(dropped),
        rows_refused=tuple(findings.refused),
        rows_refused_count=refused,
        unclassified=findings.unclassified,
        warnings=(
            findings.texts()
            if findings.rows or refused
            else (*findings.texts(), gettext_noop("the report holds no rows"))
        ),
        importable=not why,
        why_not=why,
        advice=advice,
    )


def refusal(
    error: ReportRefusedError,
    source: Source | None = None,
    encoding: Encoding | None = None,
    kind: ReportType | None = None,
) -> Inspection:
    """Return the inspection of a report that was refused before its end."""
    return Inspection(
        report_type=kind,
        encoding=encoding.codec if encoding else "",
        encoding_evidence=encoding.evidence if encoding else "",
        compressed=source.compressed if source else False,
        size=source.size if source else 0,
        sha256=source.sha256 if source else "",
        importable=False,
        why_not=(
            marked(
                gettext_noop("line %(line)s: %(reason)s"),
                line=error.line,
                reason=marked(error.reason),
            )
            if error.line
            else error.reason
        ),
        advice=error.advice,
    )
