"""Readings of a text: as it is, and with its encodings undone.

Base64, base64url, hexadecimal, URL quoting, escapes and UTF-16. Encodings may be nested (a
Kubernetes secret of a Docker configuration is base64 twice), `DEPTH` deep. Time and memory are
bounded: whatever is decoded is shorter than it was and is scanned further only where it reads as
text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

DEPTH = 3
_NAME_BEFORE = 60
"""Characters that stay before an encoded run when it is decoded.

`password: cGFzc…` is known by its name.
"""

_TEXT = re.compile(r"[\x20-\x7e]{16,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_WRAPPED = re.compile(r"(?:[A-Za-z0-9+/_-]{56,128}\r?\n[ \t]{0,16}){1,4000}[A-Za-z0-9+/_-]{1,128}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_HEX_BYTES = re.compile(
    r"(?:(?:0x)?(?:[0-9a-fA-F]{2}){1,4}(?:, ?|[ :-])){7,}(?:0x)?[0-9a-fA-F]{2,8}"
)
_QUOTED = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})")
_ENTITY = re.compile(r"&(?:#[0-9]{2,5}|#x[0-9A-Fa-f]{2,4}|[a-z]{2,8});")


@dataclass(frozen=True)
class Piece:
    """A reading of a part of a file.

    Attributes:
        text: what was read.
        line: the number, from 1, of its first line.
        encoding: what was undone.
        many: whether its line ends are the file's own.
    """

    text: str
    line: int
    encoding: str
    many: bool


def pieces(data: bytes) -> Iterator[Piece]:
    """Yield every reading of a file's bytes, the plain one first."""
    yield from _readings(Piece(data.decode("utf-8", "replace"), 1, "plain", many=True), DEPTH)
    if b"\0" in data:
        yield from _readings(Piece(_without_zeros(data), 1, "UTF-16", many=True), DEPTH)


def _readings(piece: Piece, depth: int) -> Iterator[Piece]:
    yield piece
    if depth:
        for decoded in (*_by_line(piece), *_runs(piece)):
            yield from _readings(decoded, depth - 1)


def _by_line(piece: Piece) -> Iterator[Piece]:
    """Yield the lines that say something else with their quoting undone."""
    for encoding, sign, shape, undo in (
        ("URL-quoted", "%", _QUOTED, unquote),
        ("escaped", "\\", _ESCAPED, _unescaped),
        ("HTML", "&", _ENTITY, unescape),
    ):
        if sign in piece.text:
            for number, line in enumerate(piece.text.split("\n")):
                if sign in line and shape.search(line):
                    yield Piece(undo(line), piece.line + number * piece.many, encoding, many=False)


def _runs(piece: Piece) -> Iterator[Piece]:
    """Yield what each encoded run decodes to, if that reads as text."""
    counter = _Lines(piece)
    for encoding, shape, decode in (
        ("base64", _BASE64, _from_base64),
        ("base64", _WRAPPED, _from_base64),
        ("hexadecimal", _HEX, _from_hex),
        ("hexadecimal", _HEX_BYTES, _from_hex),
    ):
        counter.rewind()
        for match in shape.finditer(piece.text):
            line = counter.at(match.start())
            for data in decode(match[0]):
                text = _without_zeros(data)
                if _TEXT.search(text):
                    before = piece.text[
                        max(0, match.start() - _NAME_BEFORE) : match.start()
                    ].rpartition("\n")[2]
                    yield Piece(before + text, line, encoding, many=False)


class _Lines:
    """Counter of line ends in a piece, which counts each of them once."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self.rewind()

    def rewind(self) -> None:
        self._offset, self._line = 0, self._piece.line

    def at(self, offset: int) -> int:
        if self._piece.many:
            self._line += self._piece.text.count("\n", self._offset, offset)
            self._offset = offset
        return self._line


def _from_base64(run: str) -> Iterator[bytes]:
    """Decode from each of the four positions where a group may begin.

    What precedes the run may be of the same letters.
    """
    letters = re.sub(r"\s", "", run).replace("-", "+").replace("_", "/")
    for start in range(4):
        whole = letters[start:][: (len(letters) - start) // 4 * 4]
        rest = letters[start + len(whole) :]
        yield base64.b64decode(whole + (rest.ljust(4, "=") if len(rest) > 1 else ""))


def _from_hex(run: str) -> Iterator[bytes]:
    digits = re.sub(r"0x|[^0-9a-fA-F]", "", run)
    for start in range(2):
        yield bytes.fromhex(digits[start : start + (len(digits) - start) // 2 * 2])


def _unescaped(line: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), line)


def _without_zeros(data: bytes) -> str:
    """Return ASCII text from its UTF-8, UTF-16 or UTF-32 bytes.

    In any byte order.
    """
    return data.replace(b"\0", b"").decode("latin-1")
