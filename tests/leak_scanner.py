"""Searches everything that a deployment keeps for what must not be in it, in every form.

That is tables, files, logs and job arguments.

A needle is an exact secret, or a shape: a canary (`CNRY` and twenty more) or one of Amazon's
tokens. Forms: as it is, UTF-16, hex, base64 at each of its three alignments, percent- and
JSON-escaped, inside gzip and zlib streams, and broken up as PostgreSQL's own compression does. A
hit names the place and the needle, never the secret. What is identical is searched once and counted
each time.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import itertools
import json
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind
from psycopg import sql

_COMPRESSED = "PostgreSQL's compression"
_IN_MEMORY = frozenset({"as it is", "base64"})
_BEGINNING = "its beginning, in any form"
# Most of a database's files and of processes' memory are zeros, in which patterns are searched slowly.
_ZEROS, _FEWER_ZEROS = bytes(512), bytes(64)
_UNPACKED_MAX = 64 * 1024 * 1024
_DEPTH_MAX = 3
_GZIP, _ZLIB = b"\x1f\x8b\x08", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# The beginnings of zlib and gzip streams in base64, where a run of it begins. The first letter
# precedes the lookbehind: a pattern that begins with a letter is found many times faster.
_PACKED_BASE64 = (
    re.compile(rb"e(?<![A-Za-z0-9+/_-]e)[AFJN][A-Za-z0-9+/_-]{18,}"),
    re.compile(rb"H4sI(?<![A-Za-z0-9+/_-]H4sI)[A-Za-z0-9+/_-]{16,}"),
)
_PACKED_BYTEA = re.compile(rb"\\\\x((?:1f8b08|789c|78da|7801|785e)[0-9a-f]{20,})")


@dataclass(frozen=True, slots=True)
class Shape:
    """Something known by its form.

    `stem`: the fixed bytes it begins with; `whole`: a pattern that a match of the stem must fulfil.
    """

    name: str
    stem: bytes
    whole: re.Pattern[bytes]


@dataclass(frozen=True, slots=True)
class Exact:
    """One known secret. `content` may be text or bytes that are not text."""

    name: str
    content: bytes

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Give each distinct form of the secret with the form's name."""
        given: dict[bytes, str] = {self.content: "as it is"}
        given.setdefault(self.content.hex().encode(), "hex")
        given.setdefault(self.content.hex().upper().encode(), "hex")
        for shift in range(3):
            given.setdefault(_base64_core(self.content, shift), "base64")
            given.setdefault(
                _base64_core(self.content, shift).translate(bytes.maketrans(b"+/", b"-_")),
                "base64url",
            )
        try:
            text = self.content.decode()
        except UnicodeDecodeError:
            text = None
        if text is not None:
            given.setdefault(text.encode("utf-16-le"), "UTF-16")
            given.setdefault(text.encode("utf-16-be"), "UTF-16")
            given.setdefault(quote(text, safe="").encode(), "percent-escaped")
            given.setdefault(json.dumps(text)[1:-1].encode(), "JSON-escaped")
        for content, form in given.items():
            yield form, content

    def broken_up(self) -> Iterator[tuple[bytes, bytes]]:
        """Give eight letters and the eight after them, from eight beginnings.

        PostgreSQL's compression (pglz) writes what does not repeat in groups of eight, with a
        control byte before each.
        """
        for begin in range(min(8, len(self.content) - 15)):
            yield self.content[begin : begin + 8], self.content[begin + 8 : begin + 16]


CANARY = Shape("canary", b"CNRY", re.compile(rb"CNRY[A-Z2-7]{20}"))
ACCESS_TOKEN = Shape("access token", b"Atza|", re.compile(rb"Atza\|[\w-]{16,}"))
REFRESH_TOKEN = Shape("refresh token", b"Atzr|", re.compile(rb"Atzr\|[\w-]{16,}"))
SHAPES = (CANARY, ACCESS_TOKEN, REFRESH_TOKEN)


@dataclass(frozen=True, slots=True)
class Hit:
    place: str
    needle: str
    form: str


@dataclass(frozen=True, slots=True)
class AllowedFinding:
    """A place that holds a needle by design, and why that is right.

    The patterns match the place's and the needle's whole names.
    """

    place: str
    needle: str
    reason: str


@dataclass(slots=True)
class ScanResult:
    """The outcome: what was searched and what was found.

    `bytes` counts what was searched, unpacked streams included.
    """

    hits: list[Hit] = field(default_factory=list)
    files: int = 0
    tables: int = 0
    bytes: int = 0
    excused: dict[AllowedFinding, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"searched {self.bytes:,} bytes in {self.files} files and {self.tables} tables:"
            f" {len(self.hits)} hits"
        )


@dataclass(frozen=True, slots=True)
class _Content:
    """What was found in one content: (where inside it, needle, form), and how much was searched."""

    bytes: int
    hits: tuple[tuple[str, str, str], ...]


class LeakScanner:
    """Looks for shapes and exact secrets; collects what it finds."""

    def __init__(
        self,
        exact: Iterable[Exact],
        *,
        shapes: Sequence[Shape] = SHAPES,
        excused: Sequence[AllowedFinding] = (),
        memory: bool = False,
        compressed: Sequence[str] | None = None,
    ) -> None:
        """Look for these.

        `memory`: the content is processes' memory, so large that secrets are looked for in the
        forms alone in which programs hold them. `compressed`: beginnings of the names of secrets
        that are looked for also as PostgreSQL compresses them; None is all of them.
        """
        self.found = ScanResult()
        self._shapes = {shape.name: _ShapeSearch(shape) for shape in shapes}
        needles = list(exact)
        forms = [
            (content, one.name, form)
            for one in needles
            for form, content in one.forms()
            if not memory or form in _IN_MEMORY
        ]
        kept = tuple(compressed) if compressed is not None else ("",)
        broken = (
            []
            if memory
            else [
                (one.name, *pair)
                for one in needles
                if one.name.startswith(kept)
                for pair in one.broken_up()
            ]
        )
        beginnings = [
            (stem, name, _BEGINNING)
            for name, shape in self._shapes.items()
            for stem in shape.beginnings()
        ]
        self._exact = _Together(
            [*forms, *beginnings],
            broken,
            Implementation.DFA if memory else Implementation.ContiguousNFA,
        )
        self._seen: dict[tuple[bytes, int], _Content] = {}
        too_short = sorted({name for content, name, _ in forms if len(content) < 8})
        if too_short:
            raise ValueError(f"too short to be searched for: {', '.join(too_short)}")
        self._excused = tuple(excused)

    def content(self, place: str, content: bytes) -> None:
        """Search one piece of content, and what is packed inside it."""
        self._report(place, self._searched(content, depth=0))

    def piece(self, place: str, content: bytes) -> None:
        """Search content as it is, without unpacking what is in it."""
        self._report(place, self._searched(content, depth=_DEPTH_MAX))

    def _report(self, place: str, content: _Content) -> None:
        self.found.bytes += content.bytes
        for inside, name, form in content.hits:
            self._note(Hit(f"{place}{inside}", name, form))

    def _searched(self, content: bytes, *, depth: int) -> _Content:
        """Search content and what is packed inside it, unless the same was searched before."""
        key = hashlib.blake2b(content).digest(), depth
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = self._search(content, depth)
        return known

    def _search(self, content: bytes, depth: int) -> _Content:
        shorter = _without_long_zeros(content)
        found = self._exact.hits_in(shorter)
        for name in {name for name, form in found if form == _BEGINNING}:
            found.discard((name, _BEGINNING))
            found |= {(name, form) for form in self._shapes[name].forms_in(shorter)}
        size, hits = len(content), [("", name, form) for name, form in sorted(found)]
        if depth < _DEPTH_MAX:
            for kind, unpacked in _packed(content, shorter):
                inner = self._searched(unpacked, depth=depth + 1)
                size += inner.bytes
                hits += [(f" › {kind}{inside}", name, form) for inside, name, form in inner.hits]
        return _Content(size, tuple(hits))

    def folder(self, folder: Path, *, label: str = "") -> None:
        """Search every file below a folder, whatever it is, and the names of the files."""
        for path in sorted(_files(folder)):
            place = f"{label}{os.path.relpath(path, folder)}"
            try:
                content = Path(path).read_bytes()
            except FileNotFoundError:
                continue  # a temporary file of a running program
            self.found.files += 1
            self.piece(place, place.encode())
            self.content(place, content)

    def database(
        self,
        connect: Callable[[str], psycopg.Connection[tuple[Any, ...]]],
        databases: Iterable[str],
    ) -> None:
        """Search every row of every table, the system's own included.

        As the text that PostgreSQL gives for it.
        """
        for database in databases:
            with connect(database) as connection:
                tables = connection.execute(
                    "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid ="
                    " c.relnamespace where c.relkind in ('r', 'm') and n.nspname <> 'pg_toast'"
                    " order by 1, 2"
                ).fetchall()
                for schema, table in tables:
                    self._table(connection, database, str(schema), str(table))

    def _table(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        database: str,
        schema: str,
        table: str,
    ) -> None:
        self.found.tables += 1
        query = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(schema, table))
        with connection.cursor() as cursor, cursor.copy(query) as rows:
            self.content(
                f"table {database}/{schema}.{table}", b"".join(bytes(part) for part in rows)
            )

    def _note(self, hit: Hit) -> None:
        for excuse in self._excused:
            if re.fullmatch(excuse.needle, hit.needle) and re.fullmatch(excuse.place, hit.place):
                self.found.excused[excuse] = self.found.excused.get(excuse, 0) + 1
                return
        self.found.hits.append(hit)


class _Together:
    """Many byte strings, found in one pass over the content."""

    def __init__(
        self,
        needles: Iterable[tuple[bytes, str, str]],
        broken: Iterable[tuple[str, bytes, bytes]],
        implementation: Implementation,
    ) -> None:
        """Take (bytes, name, form) and, for compressed ones, (name, eight bytes, the next eight).

        `implementation`: a DFA searches a gigabyte in four seconds, an NFA in ten; of two thousand
        needles a DFA takes half a second to build.
        """
        self._meanings: dict[bytes, set[tuple[str, str, bytes]]] = {}
        for content, name, form in needles:
            self._meanings.setdefault(content, set()).add((name, form, b""))
        for name, first, second in broken:
            self._meanings.setdefault(first, set()).add((name, _COMPRESSED, second))
        self._patterns = list(self._meanings)
        self._automaton = BytesAhoCorasick(
            self._patterns, matchkind=MatchKind.Standard, implementation=implementation
        )

    def hits_in(self, content: bytes) -> set[tuple[str, str]]:
        """Return (name, form) of what is in the content."""
        found: set[tuple[str, str]] = set()
        for index, _, end in self._automaton.find_matches_as_indexes(content, overlapping=True):
            for name, form, second in self._meanings[self._patterns[index]]:
                # One control byte is between the two groups of eight.
                if not second or content[end + 1 : end + 9] == second:
                    found.add((name, form))
        return found


class _ShapeSearch:
    """The forms of one shape, made once."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        stem = shape.stem
        self._hex = re.compile(b"(?i)" + re.escape(stem.hex().encode()) + b"(?:[0-9a-f]{2})*")
        self._wide = [(wide, stem.decode().encode(wide)) for wide in ("utf-16-le", "utf-16-be")]
        self._base64 = {_base64_core(stem, shift) for shift in range(3)}
        self._base64 |= {core.translate(bytes.maketrans(b"+/", b"-_")) for core in self._base64}
        bar = stem.decode()
        self._escaped = {
            form
            for form in (quote(bar, safe=""), bar.replace("|", "%7c"), bar.replace("|", "\\u007c"))
            if form != bar
        }
        self._broken = _broken_up(shape)

    def beginnings(self) -> Iterator[bytes]:
        """Give the stem in each form; content without any of them has no form of the shape."""
        yield self.shape.stem
        yield from (form.encode() for form in self._escaped)
        yield from (wide for _, wide in self._wide)
        yield from self._base64
        both = [{digit.lower(), digit.upper()} for digit in self.shape.stem.hex()]
        yield from ("".join(digits).encode() for digits in itertools.product(*both))
        if self._broken is not None:
            stem = self.shape.stem
            for place in range(1, len(stem)):
                yield from (stem[:place] + bytes([byte]) + stem[place:] for byte in range(256))

    def forms_in(self, content: bytes) -> set[str]:
        """Return the forms in which content has the shape."""
        found = set()
        if self.shape.whole.search(content):
            found.add("as it is")
        for form in self._escaped:
            if form.encode() in content:
                found.add("escaped")
        if any(self._fits(_from_hex(match.group())) for match in self._hex.finditer(content)):
            found.add("hex")
        if any(self._wide_fits(content, encoding, stem) for encoding, stem in self._wide):
            found.add("UTF-16")
        if any(self._base64_fits(content, core) for core in self._base64):
            found.add("base64")
        if self._broken is not None and self._broken.search(content):
            found.add(_COMPRESSED)
        return found

    def _fits(self, content: bytes) -> bool:
        return self.shape.whole.search(content) is not None

    def _wide_fits(self, content: bytes, encoding: str, stem: bytes) -> bool:
        return any(
            self._fits(content[at : at + 400].decode(encoding, errors="ignore").encode())
            for at in _places(content, stem)
        )

    def _base64_fits(self, content: bytes, core: bytes) -> bool:
        """Decode the surroundings of what may be the stem in base64.

        A few characters alone would be found in any random bytes.
        """
        for at in _places(content, core):
            begin = at
            while begin > max(0, at - 8) and content[begin - 1] in _BASE64_LETTERS:
                begin -= 1
            # The stem may begin at any of four places of a group; a decoding from each is tried.
            letters = content[begin : at + 400].translate(bytes.maketrans(b"-_", b"+/"))
            run = re.match(rb"[A-Za-z0-9+/]*", letters)
            text = run.group() if run else b""
            if any(self._fits(_from_base64(text[shift:])) for shift in range(4)):
                return True
        return False


_BASE64_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def _base64_core(content: bytes, shift: int) -> bytes:
    """Return the characters of base64 that depend on `content` alone.

    When `shift` bytes precede it in its group.
    """
    encoded = base64.b64encode(b"\0" * shift + content)
    first = (0, 2, 3)[shift]
    whole = (len(content) + shift) * 8 // 6
    return encoded[first:whole]


def _broken_up(shape: Shape) -> re.Pattern[bytes] | None:
    """Return the pattern of a canary that PostgreSQL's compression (pglz) wrote.

    It has a control byte before every eighth letter.
    """
    if shape is not CANARY:
        return None
    letters = [re.escape(bytes([byte])) for byte in shape.stem] + [b"[A-Z2-7]"] * 20
    variants = []
    for first in range(1, 9):
        parts = [
            b"[\\x00-\\xff]" + letter if place and place % 8 == first % 8 else letter
            for place, letter in enumerate(letters)
        ]
        variants.append(b"".join(parts))
    return re.compile(b"|".join(variants), re.DOTALL)


def _places(content: bytes, stem: bytes) -> Iterator[int]:
    at = content.find(stem)
    while at >= 0:
        yield at
        at = content.find(stem, at + 1)


def _from_hex(content: bytes) -> bytes:
    return binascii.unhexlify(content[: len(content) // 2 * 2])


def _from_base64(content: bytes) -> bytes:
    return base64.b64decode(content + b"A" * (-len(content) % 4))


def _without_long_zeros(content: bytes) -> bytes:
    """Leave 64 to 511 zeros of each long run."""
    return _FEWER_ZEROS.join(part for part in content.split(_ZEROS) if part)


def _files(folder: Path) -> Iterator[str]:
    """Give the paths of the files below a folder; links are no files."""
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)  # noqa: PTH118 - thousands of them
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(os.lstat(file).st_mode):
                    yield file


def _packed(content: bytes, shorter: bytes) -> Iterator[tuple[str, bytes]]:
    """Give what is compressed inside `content`.

    gzip streams anywhere, zlib streams in base64 (as sessions are) or at its beginning. `shorter`
    is the content with fewer zeros, which neither base64 nor hex has.
    """
    for at in _places(content, _GZIP):
        unpacked = _inflate(content[at:], 31)
        if unpacked:
            yield "gzip", unpacked
    if content.startswith(_ZLIB):
        unpacked = _inflate(content, 15)
        if unpacked:
            yield "zlib", unpacked
    for pattern in _PACKED_BASE64:
        for match in pattern.finditer(shorter):
            unpacked = _inflate(
                _from_base64(match.group().translate(bytes.maketrans(b"-_", b"+/"))), 47
            )
            if unpacked:
                yield "packed base64", unpacked
    for match in _PACKED_BYTEA.finditer(shorter):
        unpacked = _inflate(_from_hex(match.group(1)), 47)
        if unpacked:
            yield "packed bytea", unpacked


def _inflate(content: bytes, window: int) -> bytes:
    """Return what a compressed stream holds, as far as it can be read.

    A damaged end still leaves its beginning.
    """
    inflater = zlib.decompressobj(window)
    unpacked = b""
    try:
        for begin in range(0, len(content), 65536):
            unpacked += inflater.decompress(
                content[begin : begin + 65536], _UNPACKED_MAX - len(unpacked)
            )
            if inflater.eof or len(unpacked) >= _UNPACKED_MAX:
                break
    except zlib.error:
        pass
    return unpacked


def exact(secrets: Mapping[str, str | bytes]) -> list[Exact]:
    """Return needles of the secrets that are not empty, by their names."""
    return [
        Exact(name, value.encode() if isinstance(value, str) else value)
        for name, value in secrets.items()
        if value
    ]
