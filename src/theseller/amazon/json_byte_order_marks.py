"""Strip byte order marks and padding from JSON bodies; detect UTF-16."""

from __future__ import annotations

import codecs


def plain_json(body: bytes) -> bytes:
    """Return `body` without byte order mark and without padding.

    The mark of UTF-8, and null characters and white space at the end, which change nothing.
    """
    return body.removeprefix(codecs.BOM_UTF8).rstrip(b"\x00 \t\r\n")


def is_utf16(body: bytes) -> bool:
    """Return whether `body` is UTF-16 or UTF-32: trying again can't help.

    With a byte order mark or without.
    """
    return body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        b"\x00" in body[:4] and any(body[:4])
    )
