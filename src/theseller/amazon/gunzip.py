"""Decompress gzip as it arrives, in bounded memory and linear time.

For uploads, and for documents that Amazon stores.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_WBITS = 16 + zlib.MAX_WBITS  # tells zlib to expect gzip's header and check its sum
#: zlib copies what it leaves of its input, so the input is fed in slices: else a file of many
#: members takes quadratic time.
_SLICE = 64 * 1024


class Damage(StrEnum):
    """Why a gzip file is not decompressed."""

    NOT_GZIP = "notGzip"
    TOO_COMPRESSED = "tooCompressed"
    TOO_MANY_MEMBERS = "tooManyMembers"
    TRUNCATED = "truncated"


class GunzipError(Exception):
    """The file is refused; carries a `Damage` and no byte of the file."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(damage.value)


@dataclass(frozen=True, slots=True)
class GunzipLimits:
    """What is accepted of one file.

    `expansion` is decompressed ÷ compressed, checked once more than `judged_after` bytes came out,
    so that short files pass. `members`: gzip files may be concatenated; Amazon's have one member,
    and each costs a decompressor.
    """

    expansion: int
    judged_after: int
    members: int = 1_000
    step: int = 64 * 1024


def sliced(chunks: Iterable[bytes], size: int = _SLICE) -> Iterator[bytes]:
    """Yield `chunks` again with none larger than `size` bytes."""
    for chunk in chunks:
        if len(chunk) <= size:
            if chunk:
                yield chunk
            continue
        with memoryview(chunk) as view:
            for start in range(0, len(view), size):
                yield bytes(view[start : start + size])


def gunzip(chunks: Iterable[bytes], limits: GunzipLimits) -> Iterator[bytes]:
    """Yield the decompressed bytes in pieces of at most `limits.step` bytes.

    Raises:
        GunzipError: damaged, cut off, or outside of `limits`. What was yielded before is
            incomplete.
    """
    decoder = zlib.decompressobj(_WBITS)
    members = 1
    taken = given = 0
    for piece in sliced(chunks):
        taken += len(piece)
        pending = piece
        while pending:
            if decoder.eof:
                # Padding between and after members is allowed by gzip.
                pending = pending.lstrip(b"\x00")
                if not pending:
                    break
                members += 1
                if members > limits.members:
                    raise GunzipError(Damage.TOO_MANY_MEMBERS)
                decoder = zlib.decompressobj(_WBITS)
            plain = _inflate(decoder, pending, limits.step)
            given += len(plain)
            _check_expansion(given, taken, limits)
            if plain:
                yield plain
            pending = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    # What the decoder still had when its input ended.
    while not decoder.eof and (plain := _inflate(decoder, b"", limits.step)):
        given += len(plain)
        _check_expansion(given, taken, limits)
        yield plain
    if not decoder.eof:
        raise GunzipError(Damage.TRUNCATED)


def _check_expansion(given: int, taken: int, limits: GunzipLimits) -> None:
    if given > limits.judged_after and given > limits.expansion * taken:
        raise GunzipError(Damage.TOO_COMPRESSED)


def _inflate(decoder: zlib._Decompress, data: bytes, step: int) -> bytes:
    try:
        return decoder.decompress(data, step)
    except zlib.error:
        raise GunzipError(Damage.NOT_GZIP) from None
