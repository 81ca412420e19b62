"""Which characters the bytes of a report mean. Decided by evidence and recorded with it; never guessed.

Amazon says that every SP-API report is UTF-8 (amzn/selling-partner-api-docs#21). Sellers' files show otherwise: Windows-1252 in Europe and
North America (selling-partner-api-models#4955, #2748), Shift_JIS in Japan (selling-partner-api-docs#2086, jrl84/amazon-sp-api#142).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from theseller.amazon.reports.bytes_in import Source
from theseller.amazon.reports.errors import ReportRefusedError

UTF8, UTF16, CP1252, CP932 = "utf-8", "utf-16", "cp1252", "cp932"

#: What a person may write after ``--encoding``, as Python's codec registry normalises it.
_ACCEPTED = {"utf-8": UTF8, "utf-8-sig": UTF8, "utf-16": UTF16, "cp1252": CP1252, "cp932": CP932, "shift_jis": CP932}
#: What the charset of Amazon's document storage may say, and what it means: its names are Java's, and Latin-1 is Windows-1252 on the web.
_DECLARED = {"utf-8": UTF8, "cp1252": CP1252, "iso8859-1": CP1252, "cp932": CP932, "shift_jis": CP932}
_CHOICES = "utf-8, windows-1252, shift_jis or utf-16"
_ADVICE = f"If you know how it was saved, give --encoding ({_CHOICES}); otherwise download it again and don't open it in between."
_SAMPLE = 1 << 20

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_UTF8_LETTER = re.compile(rb"[\xc3-\xf4][\x80-\xbf]{1,3}")
_STORE = re.compile(rb"Amazon\.(?:co\.jp|com?\.[a-z]{2}|com|[a-z]{2})(?![a-z.])", re.IGNORECASE)
_KANA = re.compile("[\u3041-\u30fe\uff66-\uff9d]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A decision: Python codec name, and the reason in words for the inspection."""

    codec: str
    evidence: str


@dataclass(slots=True)
class _Witness:
    """What one pass over the bytes saw."""

    bom: str | None = None
    bad_line: int | None = None  # first line that is no UTF-8
    ascii_only: bool = True
    japanese_store: bool = False
    other_store: bool = False
    sample: bytearray = field(default_factory=bytearray)  # lines that hold bytes above 0x7f


def decide_encoding(source: Source, wanted: str | None = None, declared: str | None = None) -> Encoding:
    """Read `source` once and decide. `wanted` overrules everything but a contradiction. Raises ReportRefusedError.

    `declared` is the charset that the document was served with (``Cp1252``, ``utf8``). It decides where the bytes are no UTF-8 and
    their shape does not contradict it: the label is not always right.
    """
    codec = _accepted(wanted)
    seen = _look(source, check_utf8=codec in {None, UTF8})
    if seen.bom and codec not in {None, seen.bom}:
        raise ReportRefusedError(f"the file's own mark says {seen.bom}, not the encoding asked for", "Leave --encoding away.")
    if seen.bom == UTF16:
        return Encoding(UTF16, "byte order mark")
    if codec == UTF16:
        raise ReportRefusedError("the file has no UTF-16 byte order mark", "Leave --encoding away.")
    if codec is not None and codec != UTF8:
        return Encoding(codec, "asked for")
    if seen.bad_line is None:
        reason = "byte order mark" if seen.bom else "only ASCII characters" if seen.ascii_only else "every byte is valid UTF-8"
        return Encoding(UTF8, reason if codec is None or seen.bom else "asked for")
    if seen.bom or codec == UTF8:
        raise ReportRefusedError(
            "this is not valid UTF-8, though the file says it is" if seen.bom else "this is not valid UTF-8", _ADVICE, line=seen.bad_line
        )
    for piece in source.content():
        _look_for_stores(piece, seen)
        _sample(piece, seen)
    return _by_evidence(seen, declared_codec(declared))


def declared_codec(charset: str | None) -> str | None:
    """Return the codec that a served charset names; None for none and for one that no report has."""
    try:
        return _DECLARED.get(codecs.lookup(charset).name) if charset else None
    except (LookupError, ValueError):  # ValueError: a null character in the name
        return None


def _accepted(wanted: str | None) -> str | None:
    if wanted is None:
        return None
    try:
        return _ACCEPTED[codecs.lookup(wanted).name]
    except (LookupError, ValueError):  # ValueError: a null character in the name
        raise ReportRefusedError("no report comes in the encoding asked for", f"Choose {_CHOICES}.") from None


def _look(source: Source, *, check_utf8: bool) -> _Witness:
    seen = _Witness()
    decoder = codecs.getincrementaldecoder(UTF8)()
    line = 1
    first = True
    for piece in source.content():
        if first:
            first = False
            seen.bom = _bom(piece)
        if seen.bom != UTF16 and b"\x00" in piece:
            number = line + _line_ends(piece[: piece.index(b"\x00")])
            raise ReportRefusedError("the file holds binary data, not text", "Check that it is the report itself.", line=number)
        seen.ascii_only = seen.ascii_only and piece.isascii()
        if check_utf8 and seen.bad_line is None and seen.bom != UTF16:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                seen.bad_line = line + _line_ends(error.object[: error.start])
        line += _line_ends(piece)
    if check_utf8 and seen.bad_line is None and decoder.getstate()[0] and seen.bom != UTF16:
        seen.bad_line = line
    return seen


def _line_ends(piece: bytes) -> int:
    """Count the line ends of `piece`, which are CR alone where no LF is."""
    return piece.count(b"\n") or piece.count(b"\r")


def _bom(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ReportRefusedError("the file is encoded in UTF-32", _ADVICE)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF16
    return UTF8 if head.startswith(codecs.BOM_UTF8) else None


def _look_for_stores(piece: bytes, seen: _Witness) -> None:
    """Note which stores the text names. Once both kinds are seen there is nothing more to learn."""
    if seen.japanese_store and seen.other_store:
        return
    for match in _STORE.finditer(piece):
        if match[0].lower() in {b"amazon.co.jp", b"amazon.jp"}:
            seen.japanese_store = True
        else:
            seen.other_store = True
        if seen.japanese_store and seen.other_store:
            return


def _sample(piece: bytes, seen: _Witness) -> None:
    room = _SAMPLE - len(seen.sample)
    if room > 0 and not piece.isascii():
        # The first and last line of a piece may be cut in the middle of a character, so they are no evidence.
        lines = piece.split(b"\n")
        whole = lines if len(lines) < 3 else lines[1:-1]
        seen.sample += b"\n".join(line for line in whole if not line.isascii())[:room] + b"\n"


def _by_evidence(seen: _Witness, declared: str | None) -> Encoding:
    """Decide by what the document was served as, else by the stores that it names and the shape of its bytes.

    Those two must not contradict each other, and one of them must say something.
    """
    sample = bytes(seen.sample)
    high = sum(len(run) for run in _HIGH_RUN.findall(sample))
    in_utf8 = sum(len(letter) for letter in _UTF8_LETTER.findall(sample))
    if high and in_utf8 / high > 0.8:
        raise ReportRefusedError("this is damaged UTF-8: the file was cut or changed after Amazon made it", _ADVICE, line=seen.bad_line)
    by_store = None
    if seen.japanese_store != seen.other_store:
        by_store = CP932 if seen.japanese_store else CP1252
    by_shape = _shape(sample, high)
    if declared is not None and declared != UTF8 and by_shape in {None, declared} and _decodes(sample, declared):
        return Encoding(declared, f"not UTF-8 (line {seen.bad_line}); served as {declared}")
    if by_store and by_shape in {None, by_store} and _decodes(sample, by_store):
        shape = " and by the shape of its bytes" if by_shape else ""
        return Encoding(by_store, f"not UTF-8 (line {seen.bad_line}); decided by the stores it names{shape}")
    if by_shape and by_store is None:
        return Encoding(by_shape, f"not UTF-8 (line {seen.bad_line}); decided by the shape of its bytes")
    raise ReportRefusedError("the file is not UTF-8, and its bytes don't tell which other encoding it is", _ADVICE, line=seen.bad_line)


def _shape(sample: bytes, high: int) -> str | None:
    """Western text has single bytes above 0x7f between ASCII letters; Japanese has long runs that decode to kana."""
    if not high:
        return None
    runs = _HIGH_RUN.findall(sample)
    alone = sum(len(run) for run in runs if len(run) <= 2)
    if alone / high > 0.9 and _decodes(sample, CP1252):
        return CP1252
    if _decodes(sample, CP932):
        kana = len(_KANA.findall(sample.decode(CP932, "ignore")))
        if kana >= 4 and kana * 10 >= high:
            return CP932
    return None


def _decodes(sample: bytes, codec: str) -> bool:
    """Whether the sample is valid in `codec`. Its last line may be cut, so it doesn't count."""
    try:
        (sample[: sample.rstrip(b"\n").rfind(b"\n") + 1] or sample).decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def decoded(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    """Decode piece by piece, strictly. Raises ReportRefusedError naming the line."""
    codec = "utf-8-sig" if encoding.codec == UTF8 else encoding.codec
    decoder = codecs.getincrementaldecoder(codec)()
    line = 1
    number = 0
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            line += text.count("\n") or text.count("\r")
            yield text
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        number = line + _line_ends(error.object[: error.start])
    if number:  # Outside of the handler: the decoder's own error holds the text.
        raise ReportRefusedError(f"these bytes are not valid {encoding.codec}", _ADVICE, line=number)


def in_any_encoding(source: Source) -> Iterator[str]:
    """Yield the first piece of `source` in each encoding that one of Amazon's files may have, damaged where it is another."""
    head = next(source.content(), b"")
    for codec in (UTF8, CP932, CP1252, "cp1250", "cp1254"):
        yield head.decode(codec, "replace")
