"""Types for formats of reports: how one is recognized and decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from theseller.amazon.reports.flat_file_header import DroppedColumn, Header, Recognize
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.replayable_source import Limits
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import ReportType, SettlementSummary
from theseller.amazon.reports.stated_scope import Question, Stated


class Decoder(Protocol):
    """What the decoder of any report says at the end."""

    findings: Findings

    def verdict(self) -> tuple[str, str]:
        """Return why the report can't be imported, and what to do.

        Both are blank if it can.
        """

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type after all rows were seen, and the evidence for it."""


class FlatDecoder(Decoder, Protocol):
    """Decodes a tab-separated report."""

    summary: SettlementSummary | None

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows, batch by batch.

        They are tuples in the order of the format's line.
        """


class JsonDecoder(Decoder, Protocol):
    """Decodes a JSON report."""

    kept: list[str]

    @property
    def dropped(self) -> Iterable[DroppedColumn]:
        """The fields that were not read, with the reason."""

    def batches(self) -> Iterable[Iterable[Any]]:
        """Yield the readable rows, batch by batch."""


class CsvDecoder(Decoder, Protocol):
    """Decodes a report with commas that leaves open what a person then states."""

    @property
    def kept(self) -> Iterable[str]:
        """The columns that are read."""

    @property
    def dropped(self) -> Iterable[DroppedColumn]:
        """The columns that are not read, with the reason."""

    @property
    def asks(self) -> tuple[Question, ...]:
        """What the file does not say, so that a person has to."""

    @property
    def stores_possible(self) -> tuple[str, ...]:
        """The codes of the stores that it may be of."""

    def batches(self) -> Iterable[Iterable[Any]]:
        """Yield the readable rows, batch by batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFormat:
    """A kind of tab-separated report.

    Attributes:
        titles: report type → what Seller Central calls it. The types share columns and decoder.
        names: short name, for the command line → report type.
        recognize: returns which of them the column names show, or None.
        decoder: makes the decoder of one opened report.
        line: the struct of a row.
        must_add_up: no row may be left out, since the rows add up to a total.
        names_no_store: it can only be imported if its store was stated.
    """

    titles: Mapping[ReportType, str]
    names: Mapping[str, ReportType]
    recognize: Recognize
    decoder: Callable[[Header, OpenReport], FlatDecoder]
    line: Callable[..., Any]
    must_add_up: bool = False
    names_no_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """A kind of JSON report, which names its type itself.

    The attributes are those of FlatFormat.
    """

    titles: Mapping[ReportType, str]
    names: Mapping[str, ReportType]
    decoder: Callable[[Iterable[bytes], Limits], JsonDecoder]
    must_add_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """A report with commas, of a type that another format has too.

    Attributes:
        recognize: returns what the header says, given the beginning of the file; None if it is
            another file. Raises ReportRefusedError.
        decoder: makes the decoder of one opened report, given what was stated of it.
    """

    recognize: Callable[[Sequence[str], Limits], Any]
    decoder: Callable[[Any, OpenReport, Stated], CsvDecoder]
