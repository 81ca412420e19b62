"""Decide the character encoding of a report.

It is decided by evidence and recorded with it; never guessed. Amazon says that every SP-API report
is UTF-8 (amzn/selling-partner-api-docs#21). Sellers' files show otherwise: Windows-1252 in Europe
and North America (selling-partner-api-models#4955, #2748), Shift_JIS in Japan
(selling-partner-api-docs#2086, jrl84/amazon-sp-api#142). Spreadsheets add the code page of their
country. Only the cells that are kept matter: where those are ASCII, no encoding changes anything.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from theseller.amazon.reports.encoding_evidence import KeptBytes, Store, kept_bytes
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.replayable_source import Source
from theseller.amazon.reports.text_plausibility import (
    CP932,
    CP1250,
    CP1252,
    CP1254,
    reads_as_japanese,
    reads_as_text,
)
from theseller.lib.translation_marks import gettext_noop, marked

UTF8, UTF16, LATIN1, EUC_JP, GB18030 = "utf-8", "utf-16", "iso8859-1", "euc_jp", "gb18030"

#: What a person may say that a file is, as Python's codec registry normalises it.
_ACCEPTED = {
    "utf-8": UTF8,
    "utf-8-sig": UTF8,
    "shift_jis": CP932,
    "gbk": GB18030,
    "gb2312": GB18030,
} | {codec: codec for codec in (UTF16, CP1250, CP1252, CP1254, CP932, EUC_JP, GB18030)}
#: What the charset of Amazon's document storage may say, and what it means: its names are Java's,
#: and Latin-1 is Windows-1252 on the web.
_DECLARED = _ACCEPTED | {"iso8859-1": CP1252, "iso8859-9": CP1254}
CHOICES = "utf-8, windows-1250, windows-1252, windows-1254, shift_jis, euc-jp, gb18030 or utf-16"
_ADVICE = (
    "Download it again from Seller Central and import it without opening it in between, or save it"
    " as UTF-8. If you know how it was saved, say so: Characters on the import page, or --encoding"
    f" ({CHOICES})."
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A decision: Python's codec name, and the reason for the inspection."""

    codec: str
    evidence: str


@dataclass(slots=True)
class _Witness:
    """What one pass over the bytes found."""

    bom: str | None = None
    bad_line: int | None = None  # first line that is not UTF-8
    ascii_only: bool = True
    # first line with an escape character, which begins letters in ISO-2022
    escape_line: int | None = None


def decide_encoding(
    source: Source, wanted: str | None = None, declared: str | None = None
) -> Encoding:
    """Read `source` once and decide its encoding.

    Args:
        source: the bytes.
        wanted: the encoding that a person named. It overrules everything but a contradiction.
        declared: the charset that the document was served with (``Cp1252``, ``utf8``). It decides
            where the bytes are not UTF-8 and their shape does not contradict it: the label is not
            always right.

    Raises:
        ReportRefusedError: nothing decides, or the file contradicts `wanted`.
    """
    codec = _accepted(wanted)
    seen = _look(source, check_utf8=codec in {None, UTF8})
    if seen.bom and codec not in {None, seen.bom}:
        raise ReportRefusedError(
            marked(
                gettext_noop("the file's own mark says %(bom)s, not the encoding asked for"),
                bom=seen.bom,
            ),
            gettext_noop("Leave --encoding away."),
        )
    if seen.bom == UTF16:
        return Encoding(UTF16, gettext_noop("byte order mark"))
    if codec == UTF16:
        raise ReportRefusedError(
            gettext_noop("the file has no UTF-16 byte order mark"),
            gettext_noop("Leave --encoding away."),
        )
    if codec is not None and codec != UTF8:
        return Encoding(codec, gettext_noop("asked for"))
    if seen.bad_line is None:
        _refuse_escapes(source, seen)
        reason = (
            gettext_noop("byte order mark")
            if seen.bom
            else gettext_noop("only ASCII characters")
            if seen.ascii_only
            else gettext_noop("every byte is valid UTF-8")
        )
        return Encoding(UTF8, reason if codec is None or seen.bom else gettext_noop("asked for"))
    if seen.bom or codec == UTF8:
        raise ReportRefusedError(
            (
                gettext_noop("this is not valid UTF-8, though the file says it is")
                if seen.bom
                else gettext_noop("this is not valid UTF-8")
            ),
            _ADVICE,
            line=seen.bad_line,
        )
    return _by_evidence(seen, kept_bytes(source), declared_codec(declared))


def declared_codec(charset: str | None) -> str | None:
    """Return the codec that a served charset names.

    None for no charset, and for one that no report has.
    """
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
        raise ReportRefusedError(
            gettext_noop("no report comes in the encoding asked for"),
            marked(gettext_noop("Choose %(choices)s."), choices=CHOICES),
        ) from None


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
            if not seen.bom and _is_utf16(piece):
                raise ReportRefusedError(
                    gettext_noop("the file is UTF-16 without a byte order mark"), _ADVICE
                )
            raise ReportRefusedError(
                gettext_noop("the file holds binary data, not text"),
                gettext_noop("Check that it is the report itself."),
                line=number,
            )
        seen.ascii_only = seen.ascii_only and piece.isascii()
        if seen.escape_line is None and seen.bom is None and b"\x1b" in piece:
            seen.escape_line = line + _line_ends(piece[: piece.index(b"\x1b")])
        if check_utf8 and seen.bad_line is None and seen.bom != UTF16:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                seen.bad_line = line + _line_ends(error.object[: error.start])
        line += _line_ends(piece)
    if check_utf8 and seen.bad_line is None and decoder.getstate()[0] and seen.bom != UTF16:
        seen.bad_line = line
    return seen


def _is_utf16(piece: bytes) -> bool:
    """Return whether every other byte of the beginning is null.

    So it is with ASCII characters in UTF-16.
    """
    head = piece[:64]
    return len(head) > 8 and any(not any(head[at::2]) and all(head[1 - at :: 2]) for at in (0, 1))


def _line_ends(piece: bytes) -> int:
    """Count the line ends of `piece`, which are CR alone where no LF is."""
    return piece.count(b"\n") or piece.count(b"\r")


def _bom(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ReportRefusedError(gettext_noop("the file is encoded in UTF-32"), _ADVICE)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF16
    return UTF8 if head.startswith(codecs.BOM_UTF8) else None


def _refuse_escapes(source: Source, seen: _Witness) -> None:
    """Refuse text in ISO-2022 (JIS).

    Its letters are ASCII characters after an escape.
    """
    if seen.escape_line is not None and kept_bytes(source).escapes:
        reason = gettext_noop(
            "the file holds escape sequences, as text in ISO-2022 (JIS) does, which we don't read"
        )
        raise ReportRefusedError(reason, _ADVICE, line=seen.escape_line)


def _by_evidence(seen: _Witness, kept: KeptBytes, declared: str | None) -> Encoding:
    """Decide by the served charset, else by letters and stores.

    The letters are those of the cells that are kept, the stores those that the file names. The
    decision must decode those cells to text, and no other encoding may decode them to another text.
    """
    not_utf8 = marked(gettext_noop("not UTF-8 (line %(bad_line)s)"), bad_line=seen.bad_line)
    cells = kept.cells
    if not cells:
        return Encoding(
            LATIN1,
            marked(
                gettext_noop(
                    "%(not_utf8)s; all that is kept of it is ASCII, so nothing depends on which"
                    " encoding it is"
                ),
                not_utf8=not_utf8,
            ),
        )
    if kept.utf8_share > 0.8:
        raise ReportRefusedError(
            gettext_noop("this is damaged UTF-8: the file was cut or changed after Amazon made it"),
            _ADVICE,
            line=seen.bad_line,
        )
    fits = [codec for codec in (CP1252, CP1250, CP1254, CP932) if _fits(cells, codec)]
    if (
        declared not in {None, UTF8, UTF16}
        and (declared in fits or not fits)
        and _decodes(cells, declared)
    ):
        return Encoding(
            declared,
            marked(
                gettext_noop("%(not_utf8)s; served as %(declared)s"),
                not_utf8=not_utf8,
                declared=declared,
            ),
        )
    if codec := _chosen(cells, fits, kept.stores):
        return Encoding(
            codec,
            marked(
                gettext_noop("%(not_utf8)s; decided by its letters and the stores it names"),
                not_utf8=not_utf8,
            ),
        )
    raise ReportRefusedError(
        gettext_noop(
            "the file is not UTF-8, and its letters don't tell which other encoding it is"
        ),
        _ADVICE,
        line=seen.bad_line,
    )


def _chosen(cells: bytes, fits: list[str], stores: frozenset[Store]) -> str | None:
    """Return the one codec of `fits` that the stores allow.

    None if there is none, or several that give different texts.
    """
    if stores == {Store.JAPAN}:
        fits = [codec for codec in fits if codec == CP932]
    elif stores and Store.JAPAN not in stores:
        fits = [codec for codec in fits if codec != CP932]
    if len({cells.decode(codec) for codec in fits}) == 1:
        return fits[0]
    usual = {
        frozenset({Store.POLAND}): CP1250,
        frozenset({Store.TURKEY}): CP1254,
        frozenset({Store.OTHER}): CP1252,
    }.get(stores)
    return usual if usual in fits else None


def _fits(cells: bytes, codec: str) -> bool:
    """Return whether `cells` decode to text of the languages of `codec`."""
    if not _decodes(cells, codec):
        return False
    return reads_as_japanese(cells) if codec == CP932 else reads_as_text(cells.decode(codec), codec)


def _decodes(cells: bytes, codec: str) -> bool:
    try:
        cells.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def decoded(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    """Decode piece by piece, strictly.

    Raises:
        ReportRefusedError: bytes are not valid; it names the line.
    """
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
        raise ReportRefusedError(
            marked(gettext_noop("these bytes are not valid %(codec)s"), codec=encoding.codec),
            _ADVICE,
            line=number,
        )


def in_any_encoding(source: Source) -> Iterator[str]:
    """Yield the first piece of `source` in each encoding of Amazon's files.

    Characters are replaced where it is another.
    """
    head = next(source.content(), b"")
    for codec in (UTF8, CP932, CP1252, CP1250, CP1254, EUC_JP, GB18030):
        yield head.decode(codec, "replace")
