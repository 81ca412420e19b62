"""The bytes of a report: a download in chunks or a seller's file.

They are never written to disk. A report is read more than once (encoding first, rows later), so the
source must be replayable. A list or a callable that reopens the source is replayed as it is; a
one-shot iterator is kept in memory as it arrived, compressed if it came compressed, up to a cap.
Amazon: "Unencrypted report content must never be stored on disk, even temporarily" (SP-API guide,
"Retrieve a report").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from theseller.amazon.gunzip import Damage, GunzipError, GunzipLimits, gunzip, sliced
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.lib.translation_marks import gettext_noop, marked, marked_number

Chunks = Iterable[bytes] | Callable[[], Iterable[bytes]]

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 18  # cells are freed piece by piece; larger pieces were not faster
_AGAIN = gettext_noop(
    "Download the report again from Seller Central as Text (tab-delimited) and give it to us"
    " unchanged."
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a file may cost.

    Sizes are in bytes; `expansion` is decompressed ÷ compressed, checked after the first 16 MiB.
    `lines` and `refused` count rows of a flat file and rows that can't be read; `json_rows` counts
    the rows of a JSON report, each of at most `line` bytes with at most `columns` fields.
    """

    content: int = 512 << 20
    expansion: int = 200
    members: int = 1_000
    line: int = 64 << 10
    lines: int = 1_000_000
    columns: int = 200
    refused: int = 10_000
    json: int = 64 << 20  # a JSON report is decoded in one piece
    json_rows: int = 200_000


DEFAULT_LIMITS = Limits()


class Source:
    """Replayable bytes, decompressed if they are gzip.

    After a first complete `content()`, `compressed`, `size` (bytes of content) and `sha256` are
    known.
    """

    def __init__(
        self, chunks: Chunks, *, filename: str | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        if isinstance(chunks, (bytes, bytearray, memoryview)):
            chunks = [bytes(chunks)]
        self.limits = limits
        self.compressed = False
        self.size = 0
        self.sha256 = ""
        self._suffix = PurePath(filename).suffix.lower() if filename else ""
        self._chunks = chunks
        self._kept: list[bytes] | None = None

    def content(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in pieces, checked against the limits.

        Raises:
            ReportRefusedError: a limit is exceeded, or the bytes are not text.
        """
        digest = hashlib.sha256()
        size = 0
        for piece in self._expanded():
            if not size:
                refuse_by_magic(piece, self._suffix)
            size += len(piece)
            if size > self.limits.content:
                message = marked(
                    gettext_noop("the report is larger than %(content)s MiB"),
                    content=self.limits.content >> 20,
                )
                raise ReportRefusedError(
                    message,
                    gettext_noop(
                        "Ask Seller Central for a shorter period and import the parts one after"
                        " another."
                    ),
                )
            digest.update(piece)
            yield piece
        if not size:
            raise ReportRefusedError(gettext_noop("the file is empty"), _AGAIN)
        if self.sha256 and digest.hexdigest() != self.sha256:
            raise ReportRefusedError(
                gettext_noop("the file changed while it was being read"),
                gettext_noop("Import it again when nothing else writes to it."),
            )
        self.size, self.sha256 = size, digest.hexdigest()

    def _received(self) -> Iterator[bytes]:
        """Yield the bytes as they arrived.

        A one-shot iterator is kept on its first pass.
        """
        if self._kept is not None:
            yield from self._kept
        elif callable(self._chunks):
            yield from self._chunks()
        elif iter(self._chunks) is not self._chunks:
            yield from self._chunks
        else:
            kept: list[bytes] = []
            size = 0
            for chunk in self._chunks:
                size += len(chunk)
                # content() refuses an uncompressed file of this size before the next replay
                if size <= self.limits.content:
                    kept.append(bytes(chunk))
                yield chunk
            self._kept = kept

    def _expanded(self) -> Iterator[bytes]:
        received = (chunk for chunk in self._received() if chunk)
        first = next(received, b"")
        while len(first) < len(_GZIP) and (more := next(received, b"")):
            first += more
        self.compressed = first.startswith(_GZIP)
        chunks = _chain(first, received)
        yield from _pieces(_gunzip(chunks, self.limits) if self.compressed else chunks)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of even size.

    A file given as one block is not decoded as one block, and single bytes are not decoded one by
    one.
    """
    received = bytearray()
    for chunk in sliced(chunks, _PIECE):
        received += chunk
        while len(received) > _PIECE:
            yield bytes(received[:_PIECE])
            del received[:_PIECE]
    if received:
        yield bytes(received)


def _gunzip(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """Decompress gzip, also of several members, in bounded memory."""
    bounds = GunzipLimits(
        expansion=limits.expansion, judged_after=16 << 20, members=limits.members, step=_PIECE
    )
    try:
        yield from gunzip(chunks, bounds)
    except GunzipError as error:
        damage = error.damage
    else:
        return
    raise _refused_gzip(damage, limits)


def _refused_gzip(damage: Damage, limits: Limits) -> ReportRefusedError:
    if damage is Damage.TRUNCATED:
        return ReportRefusedError(
            gettext_noop("the gzip file ends too early: the download was cut off"),
            gettext_noop("Download the report again."),
        )
    if damage is Damage.TOO_COMPRESSED:
        message = marked(
            gettext_noop(
                "the file grows to more than %(expansion)s times its size when decompressed, which"
                " no report does"
            ),
            expansion=limits.expansion,
        )
        return ReportRefusedError(message, _AGAIN)
    if damage is Damage.TOO_MANY_MEMBERS:
        return ReportRefusedError(
            marked(
                gettext_noop(
                    "the gzip file consists of more than %(members)s parts, which no report does"
                ),
                members=marked_number(limits.members),
            ),
            _AGAIN,
        )
    return ReportRefusedError(gettext_noop("the gzip compression of the file is damaged"), _AGAIN)


def refuse_by_magic(head: bytes, suffix: str = "") -> None:
    """Refuse a first piece of content that is not text.

    `suffix` (``.xlsx``) only improves the message.

    Raises:
        ReportRefusedError: it is a file of another kind.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        if b"[Content_Types].xml" in head or b"xl/" in head or suffix in {".xlsx", ".xlsm"}:
            raise ReportRefusedError(gettext_noop("this is an Excel workbook"), _AGAIN)
        raise ReportRefusedError(
            gettext_noop("this is a ZIP archive"),
            gettext_noop("Unpack it and import the text file inside."),
        )
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise ReportRefusedError(gettext_noop("this is an old Excel workbook"), _AGAIN)
    if head.startswith(b"%PDF"):
        raise ReportRefusedError(gettext_noop("this is a PDF document"), _AGAIN)
    if head.startswith(_GZIP):
        raise ReportRefusedError(
            gettext_noop("the file is compressed twice"),
            gettext_noop("Decompress it once (gunzip) and import the result."),
        )
    if head.startswith((b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")):
        raise ReportRefusedError(
            gettext_noop("this is an archive of a kind we don't open"),
            gettext_noop("Unpack it and import the text file inside."),
        )
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(
        (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<div", b"<script", b"<meta")
    ):
        advice = gettext_noop(
            "Sign in to Seller Central again, download the report once more, and check that the"
            " file opens as a table."
        )
        raise ReportRefusedError(
            gettext_noop(
                "this is a web page (often a sign-in or error page saved in place of the report)"
            ),
            advice,
        )
    if start.startswith((b"<?xml", b"<")):
        raise ReportRefusedError(
            gettext_noop("this is an XML document"),
            gettext_noop("Download the tab-delimited (flat file) variant of the report."),
        )
