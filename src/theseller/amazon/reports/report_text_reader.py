"""Decode a report's text and split it into numbered lines, in batches.

`open_report` decides the encoding first. A batch has the lines of one piece of the file, so memory
stays bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from theseller.amazon.reports.encoding_detection import Encoding, decide_encoding, decoded
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.replayable_source import DEFAULT_LIMITS, Chunks, Limits, Source
from theseller.lib.translation_marks import gettext_noop, marked, marked_number


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines without their ends.

    `first` counts from 1; `cut`: the last line had no end, so the file may have been cut there.
    """

    first: int
    lines: list[str]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report whose encoding is known.

    `batches()` may be called again: each call reads the source again.
    """

    source: Source
    encoding: Encoding

    def batches(self) -> Iterator[Batch]:
        """Yield the lines in batches."""
        return split_lines(decoded(self.source.content(), self.encoding), self.source.limits)

    def lines(self) -> Iterator[str]:
        """Yield the lines one by one."""
        for batch in self.batches():
            yield from batch.lines


def open_report(
    chunks: Chunks,
    *,
    filename: str | None = None,
    encoding: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> OpenReport:
    """Decompress a report, check the limits, decide the encoding.

    It streams, and keeps nothing on disk.

    Raises:
        ReportRefusedError: a limit is exceeded, or nothing decides the encoding.
    """
    source = Source(chunks, filename=filename, limits=limits)
    return OpenReport(source, decide_encoding(source, encoding))


_END = re.compile(r"[\r\n]")
_RETURNS = re.compile(r"\r*")
#: Programs of old systems end a text file with this character.
_END_OF_FILE = "\x1a"


def _ending(text: str) -> str:
    """Return how the first line of `text` ends.

    LF (also after CR), CR alone, or blank while that can't be told.
    """
    found = _END.search(text)
    returns = _RETURNS.match(text, found.start()) if found else None
    if returns is None or returns.end() == len(text):
        return ""
    return "\n" if text[returns.end()] == "\n" else "\r"


def split_lines(texts: Iterable[str], limits: Limits) -> Iterator[Batch]:
    """Split text at line ends.

    At LF, CRLF, or CR where the file's first line ends so (Excel for Mac). Titles may contain other
    characters that `str.splitlines` would cut at.

    Raises:
        ReportRefusedError: a limit is exceeded, or there are null characters.
    """
    number = 1
    pending = ""
    ending = ""
    for piece in texts:
        text = piece
        if "\x00" in text:  # Only UTF-16 gets here with one.
            raise ReportRefusedError(
                gettext_noop("the file holds null characters"),
                gettext_noop("Check that it is the report itself."),
                line=number,
            )
        if not ending:
            text, pending = pending + text, ""
            ending = _ending(text)
        if ending == "\r" and "\n" in text:
            text = text.replace("\n", "\r")
        block, end, rest = text.rpartition(ending) if ending else ("", "", text)
        if not end:
            pending += rest
        else:
            lines = (pending + block).split(ending)
            pending = rest
            if ending == "\n" and ("\r" in block or lines[0].endswith("\r")):
                lines = [line.rstrip("\r") for line in lines]
            _check(lines, number, limits)
            yield Batch(number, lines)
            number += len(lines)
        if len(pending) > limits.line:
            _refuse_long(number, limits)
    pending = pending.rstrip(_END_OF_FILE + "\r")
    if pending:
        _check([pending], number, limits)
        yield Batch(number, [pending], cut=True)


def _check(lines: list[str], number: int, limits: Limits) -> None:
    if number + len(lines) > limits.lines + 1:
        message = marked(
            gettext_noop("the file has more than %(lines)s lines"),
            lines=marked_number(limits.lines),
        )
        raise ReportRefusedError(
            message,
            gettext_noop(
                "Ask Seller Central for a shorter period and import the parts one after another."
            ),
        )
    if max(map(len, lines)) > limits.line:
        place = next(place for place, line in enumerate(lines) if len(line) > limits.line)
        _refuse_long(number + place, limits)


def _refuse_long(number: int, limits: Limits) -> None:
    message = marked(
        gettext_noop("the line is longer than %(line)s KiB, which no report's is"),
        line=limits.line >> 10,
    )
    raise ReportRefusedError(
        message,
        gettext_noop("Check that the file is the report itself, with one row on each line."),
        line=number,
    )
