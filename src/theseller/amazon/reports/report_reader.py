"""Inspect, read or stream a report.

- `inspect_report` says what a file is and stores nothing; it never raises for what is in the file.
- `read_report` decodes the whole file once to check it, and only then hands out its rows, decoding
  again. For imports.
- `stream_report` decodes once, hands out rows at once, and raises at the end if the file can't be
  imported: its caller must be in a transaction that the error undoes. For bulk.

A file with one unreadable row is refused as a whole: a seller who sees "imported" expects totals
that agree with Seller Central. `allow_refused_rows` overrides that, except for settlements, whose
lines must add up to the payout.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import msgspec

from theseller.amazon.reports.all_orders import AllOrdersLine
from theseller.amazon.reports.customer_returns import CustomerReturnsLine
from theseller.amazon.reports.encoding_detection import (
    Encoding,
    decide_encoding,
    decoded,
    in_any_encoding,
)
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.flat_file_header import DroppedColumn, Header, read_header
from theseller.amazon.reports.format_registry import (
    CSV_FORMATS,
    FLAT_FORMATS,
    JSON_FORMAT,
    JSON_TYPE,
    flat_format,
    must_add_up,
)
from theseller.amazon.reports.format_types import CsvDecoder, Decoder
from theseller.amazon.reports.inspection_result import Inspection, conclude, refusal
from theseller.amazon.reports.replayable_source import DEFAULT_LIMITS, Chunks, Limits, Source
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import (
    ALL_ORDERS,
    ReportType,
    SettlementSummary,
)
from theseller.amazon.reports.sales_and_traffic_structs import TrafficDay, TrafficProduct
from theseller.amazon.reports.settlement import SettlementLine
from theseller.amazon.reports.stated_scope import NO_STORE, NOTHING_STATED, Question, Stated
from theseller.amazon.reports.transaction_report import TransactionRow
from theseller.amazon.reports.transaction_report_columns import find_header
from theseller.amazon.reports.unsupported_reports import refuse_unsupported
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.lib.translation_marks import gettext_noop, marked

Row = (
    AllOrdersLine
    | SettlementLine
    | CustomerReturnsLine
    | TransactionRow
    | TrafficDay
    | TrafficProduct
    | tuple[Any, ...]
)


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read.

    `encoding` overrules the evidence; `expected` is the type that was requested of Amazon;
    `declared` is the charset that Amazon served the document with; `stated` is what a person says
    of a file that does not say it itself.
    """

    filename: str | None = None
    encoding: str | None = None
    expected: ReportType | None = None
    allow_refused_rows: bool = False
    as_tuples: bool = False
    limits: Limits = DEFAULT_LIMITS
    declared: str | None = None
    stated: Stated = NOTHING_STATED


DEFAULT_OPTIONS = Options()


class ReportStream:
    """A report that is being read.

    `report_type` is known from the beginning; `summary` and `inspection` are complete when
    `batches()` is exhausted.
    """

    def __init__(self, source: Source, options: Options) -> None:
        self.source = source
        self.inspection: Inspection | None = None
        self.summary: SettlementSummary | None = None
        self._options = options
        self.encoding: Encoding | None = None
        self.report_type: ReportType | None = None
        self._csv: CsvDecoder | None = None
        refused: ReportRefusedError | None = None
        try:
            self._open()
        except ReportRefusedError as error:
            refused = error.alone()
        if refused is not None:  # Outside of the handler: what led to it may quote the file.
            raise refused

    def _open(self) -> None:
        """Decide the encoding and read the header.

        Raises:
            ReportRefusedError: the file is not a report that we read.
        """
        try:
            self.encoding = decide_encoding(
                self.source, self._options.encoding, self._options.declared
            )
        except ReportRefusedError:
            # It could be read, but not what its bytes mean: a lookalike's column names may tell
            # enough.
            if self.source.size:
                for text in in_any_encoding(self.source):
                    refuse_unsupported(text.splitlines())
            raise
        self._report = OpenReport(self.source, self.encoding)
        self._header = self._read_header(self.encoding)
        if self._csv is not None:
            self.report_type, _ = self._csv.settled_type()
        else:
            self.report_type = self._header.type if self._header else JSON_TYPE
        _check_expected(self.report_type, self._options.expected)

    def _read_header(self, encoding: Encoding) -> Header | None:
        """Read the first lines of a flat file.

        None means JSON, or CSV if its decoder was made.
        """
        head = next(decoded(self.source.content(), encoding)).lstrip("\ufeff \t\r\n\x1a")
        if head.startswith(("{", "[")):
            return None
        if not head:
            raise ReportRefusedError(
                gettext_noop("the file holds nothing but blanks"),
                gettext_noop("Download the report again."),
            )
        lines = next(self._report.batches()).lines
        if (transactions := find_header(lines, self.source.limits)) is not None:
            return transactions
        for form in CSV_FORMATS:
            layout = form.recognize(lines, self.source.limits)
            if layout is not None:
                self._csv = form.decoder(layout, self._report, self._options.stated)
                return None
        recognizers = (form.recognize for form in FLAT_FORMATS)
        return read_header(lines, self.source.limits, recognizers, self._options.expected)

    @property
    def stated_store(self) -> Marketplace | None:
        """The store that a person stated for the file, if any."""
        return self._options.stated.marketplace

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows batch by batch, in the file's order.

        Raises:
            ReportRefusedError: the report can't be imported; at the latest at the end.
        """
        refused: ReportRefusedError | None = None
        try:
            yield from self._batches()
        except ReportRefusedError as error:
            refused = error.alone()
        if refused is not None:  # As above.
            raise refused

    def _batches(self) -> Iterator[list[Row]]:
        if self._csv is not None:
            inspection = yield from self._with_commas(self._csv)
        elif self._header is not None:
            inspection = yield from self._flat(self._header)
        else:
            inspection = yield from self._json()
        self.inspection = inspection
        tolerated = self._options.allow_refused_rows and not must_add_up(inspection.report_type)
        if not inspection.importable and not (tolerated and inspection.rows_refused_count):
            raise ReportRefusedError(inspection.why_not, inspection.advice)

    def require_inspection(self) -> Inspection:
        """Return the inspection of a stream that was read to its end.

        Raises:
            RuntimeError: it was not read to its end, which is a mistake in the program.
        """
        if self.inspection is None:
            raise RuntimeError("the report was not read to its end")
        return self.inspection

    def _flat(self, header: Header) -> Generator[list[Row], None, Inspection]:
        form = flat_format(header.type)
        decoder = form.decoder(header, self._report)
        store = self._options.stated.marketplace
        for rows in decoder.all(self._report):
            self.summary = decoder.summary
            if rows:
                yield list(rows) if self._options.as_tuples else [form.line(*row) for row in rows]
        if not form.names_no_store:
            return self._conclude(decoder, header.kept, header.dropped)
        if store:
            decoder.findings.attribute(store)
        verdict = decoder.verdict() if store else NO_STORE
        found = self._conclude(decoder, header.kept, header.dropped, verdict)
        return msgspec.structs.replace(
            found,
            asks=(Question.STORE,),
            stores_possible=tuple(sorted(store.code for store in MARKETPLACES.values())),
        )

    def _json(self) -> Generator[list[Row], None, Inspection]:
        text = decoded(self.source.content(), self._report.encoding)
        # A second byte order mark, which some programs add, is not a character of the text.
        head = next(text).lstrip("\ufeff")
        decoder = JSON_FORMAT.decoder(
            (piece.encode() for piece in chain([head], text)), self.source.limits
        )
        for rows in decoder.batches():
            if rows:
                yield list(rows)
        return self._conclude(decoder, decoder.kept, decoder.dropped)

    def _with_commas(self, decoder: CsvDecoder) -> Generator[list[Row], None, Inspection]:
        for rows in decoder.batches():
            if rows:
                yield list(rows)
        found = self._conclude(decoder, decoder.kept, decoder.dropped)
        return msgspec.structs.replace(
            found, asks=decoder.asks, stores_possible=decoder.stores_possible
        )

    def _conclude(
        self,
        decoder: Decoder,
        kept: Iterable[str],
        dropped: Iterable[DroppedColumn],
        verdict: tuple[str, str] | None = None,
    ) -> Inspection:
        report_type, evidence = decoder.settled_type()
        return conclude(
            decoder.findings,
            self.source,
            self._report.encoding,
            report_type=report_type,
            evidence=evidence,
            verdict=verdict or decoder.verdict(),
            kept=kept,
            dropped=dropped,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was checked as a whole.

    `batches()` and `rows()` decode it again on each call; only its bytes are kept in memory
    meanwhile.
    """

    inspection: Inspection
    summary: SettlementSummary | None
    _source: Source
    _options: Options

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows batch by batch, in the file's order."""
        return ReportStream(self._source, self._options).batches()

    def rows(self) -> Iterator[Row]:
        """Yield the rows one by one, in the file's order."""
        for batch in self.batches():
            yield from batch


def stream_report(chunks: Chunks, options: Options = DEFAULT_OPTIONS) -> ReportStream:
    """Begin to read a report; its rows come before its end is known.

    Raises:
        ReportRefusedError: the file is not a report that we read.
    """
    return ReportStream(Source(chunks, filename=options.filename, limits=options.limits), options)


def read_report(
    chunks: Chunks,
    *,
    filename: str | None = None,
    encoding: str | None = None,
    expected: ReportType | None = None,
    allow_refused_rows: bool = False,
    rows_as_tuples: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    declared: str | None = None,
) -> Report:
    """Check a whole report, then return it with its rows.

    Args:
        chunks: the bytes.
        filename: its suffix improves error messages.
        encoding: overrules the evidence.
        expected: the type that was requested of Amazon.
        allow_refused_rows: whether unreadable rows may be left out.
        rows_as_tuples: whether rows are tuples instead of structs.
        limits: the most that the file may cost.
        declared: the charset that Amazon served the document with.

    Raises:
        ReportRefusedError: it can't be imported; none of its rows was returned.
    """
    options = Options(
        filename, encoding, expected, allow_refused_rows, rows_as_tuples, limits, declared
    )
    source = Source(chunks, filename=filename, limits=limits)
    stream = ReportStream(source, replace(options, as_tuples=True))
    for _ in stream.batches():
        pass
    return Report(stream.require_inspection(), stream.summary, source, options)


def inspect_report(
    chunks: Chunks,
    *,
    filename: str | None = None,
    encoding: str | None = None,
    expected: ReportType | None = None,
    limits: Limits = DEFAULT_LIMITS,
    stated: Stated = NOTHING_STATED,
) -> Inspection:
    """Return what a report is and whether it can be imported.

    It stores nothing, and answers a file that can't be read with `why_not` instead of an error.
    """
    options = Options(filename, encoding, expected, as_tuples=True, limits=limits, stated=stated)
    source = Source(chunks, filename=filename, limits=limits)
    stream: ReportStream | None = None
    try:
        stream = ReportStream(source, options)
        for _ in stream.batches():
            pass
    except ReportRefusedError as error:
        found = stream.inspection if stream else None
        return found or refusal(
            error,
            source,
            stream.encoding if stream else None,
            stream.report_type if stream else None,
        )
    return stream.require_inspection()


def _check_expected(found: ReportType, expected: ReportType | None) -> None:
    if expected is None or found is expected or {found, expected} <= ALL_ORDERS:
        return
    raise ReportRefusedError(
        marked(
            gettext_noop("this is %(found)s, but %(expected)s was asked for"),
            found=found,
            expected=expected,
        ),
        gettext_noop("Import it as what it is, or choose the other file."),
        line=1,
    )
