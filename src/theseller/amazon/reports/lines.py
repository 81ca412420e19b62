"""Text in, numbered lines out, in batches: a batch is what one piece of the file holds, so memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from theseller.amazon.reports.bytes_in import DEFAULT_LIMITS, Chunks, Limits, Source
from theseller.amazon.reports.encoding import Encoding, decide_encoding, decoded
from theseller.amazon.reports.errors import ReportRefusedError


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines without their ends. `first` counts from 1; `cut`: the last line had no end, so the file may have been cut there."""

    first: int
    lines: list[str]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report whose encoding is known. `batches()` may be called again: each call reads the source anew."""

    source: Source
    encoding: Encoding

    def batches(self) -> Iterator[Batch]:
        return split_lines(decoded(self.source.content(), self.encoding), self.source.limits)

    def lines(self) -> Iterator[str]:
        for batch in self.batches():
            yield from batch.lines


def open_report(chunks: Chunks, *, filename: str | None = None, encoding: str | None = None, limits: Limits = DEFAULT_LIMITS) -> OpenReport:
    """Undo gzip, check the limits, decide the encoding. Streams; keeps nothing on disk. Raises ReportRefusedError."""
    source = Source(chunks, filename=filename, limits=limits)
    return OpenReport(source, decide_encoding(source, encoding))


def split_lines(texts: Iterable[str], limits: Limits) -> Iterator[Batch]:
    """Split at LF or CRLF only: titles may hold other characters that `str.splitlines` would cut at."""
    number = 1
    held = ""
    for text in texts:
        if "\x00" in text:  # Only UTF-16 gets here with one.
            raise ReportRefusedError("the file holds null characters", "Check that it is the report itself.", line=number)
        block, end, rest = text.rpartition("\n")
        if not end:
            held += rest
        else:
            lines = (held + block).split("\n")
            held = rest
            if "\r" in block or lines[0].endswith("\r"):
                lines = [line.removesuffix("\r") for line in lines]
            _check(lines, number, limits)
            yield Batch(number, lines)
            number += len(lines)
        if len(held) > limits.line:
            _refuse_long(number, limits)
    if held:
        _check([held], number, limits)
        yield Batch(number, [held], cut=True)


def _check(lines: list[str], number: int, limits: Limits) -> None:
    if number + len(lines) > limits.lines + 1:
        message = f"the file has more than {limits.lines:,} lines"
        raise ReportRefusedError(message, "Ask Seller Central for a shorter period and import the parts one after another.")
    if max(map(len, lines)) > limits.line:
        place = next(place for place, line in enumerate(lines) if len(line) > limits.line)
        _refuse_long(number + place, limits)


def _refuse_long(number: int, limits: Limits) -> None:
    message = f"the line is longer than {limits.line >> 10} KiB, which no report's is"
    raise ReportRefusedError(message, "Check that the file is the report itself, with one row on each line.", line=number)
