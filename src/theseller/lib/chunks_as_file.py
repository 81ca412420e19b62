"""Read an iteration of byte chunks as a file."""

from __future__ import annotations

import io
from collections.abc import Iterable

from typing_extensions import override

_PIECE = 1024 * 1024


def as_file(pieces: Iterable[bytes]) -> io.BufferedReader:
    """Return a readable file of `pieces`. The iteration's errors pass through."""
    return io.BufferedReader(_ChunkReader(pieces), _PIECE)


class _ChunkReader(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = memoryview(b"")

    @override
    def readable(self) -> bool:
        return True

    @override
    # any buffer, says the standard library
    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = memoryview(piece)
        taken = min(len(into), len(self._held))
        into[:taken] = self._held[:taken]
        self._held = self._held[taken:]
        return taken
