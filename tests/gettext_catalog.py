"""Compiled gettext catalogs for tests, without the program `msgfmt`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

_MAGIC, _HEADER = 0x950412DE, 28


def write_catalog(folder: Path, language: str, texts: Mapping[str, str]) -> None:
    """Write the catalog of a language below a folder of `LOCALE_PATHS`.

    The format is that of GNU gettext's MO files: tables of lengths and offsets, then the texts.
    """
    entries = sorted(
        ({"": "Content-Type: text/plain; charset=UTF-8\n"} | dict(texts)).items(),
        key=lambda entry: entry[0].encode(),
    )
    ids = [key.encode() for key, _ in entries]
    strings = [value.encode() for _, value in entries]
    offset = _HEADER + 16 * len(entries)
    tables, data = b"", b""
    for one in (*ids, *strings):
        tables += struct.pack("<II", len(one), offset + len(data))
        data += one + b"\0"
    head = struct.pack(
        "<7I", _MAGIC, 0, len(entries), _HEADER, _HEADER + 8 * len(entries), 0, offset
    )
    path = folder / language / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(head + tables + data)
