"""Recognize placeholders, which the real text has yet to replace."""

from __future__ import annotations

import re

#: Words of a text that is to be replaced.
_WORDS = frozenset({
    "changeme", "dolor", "dummy", "fixme", "foobar", "ipsum", "lorem", "placeholder", "tba", "tbd",
    "todo", "unknown", "xxx",
})  # fmt: skip
#: Names that no one can own (RFC 2606, RFC 6761).
_RESERVED_NAME = re.compile(
    r"(?:^|[@.\s/])(?:example\.(?:com|net|org)|(?:[a-z0-9-]+\.)*(?:example|test|invalid|localhost))"
    r"(?=$|[\s,;/:>)])"
)
_IN_BRACKETS = re.compile(r"[<\[{].*[>\]}]")
_LETTERS_MIN = 2


def is_placeholder(text: str) -> bool:
    """Return whether a text is blank or obviously not the real one.

    Names of domains count that are reserved for documents and tests; a word such as Example in a
    person's or a street's name does not.
    """
    plain = text.strip().casefold()
    letters = {one for one in plain if one.isalnum()}
    return (
        len(letters) < _LETTERS_MIN
        or not _WORDS.isdisjoint(re.split(r"[\W_]+", plain))
        or "change me" in plain
        or _IN_BRACKETS.fullmatch(plain) is not None
        or is_reserved_domain(plain)
    )


def is_reserved_domain(text: str) -> bool:
    """Return whether a text has a domain reserved for documents or tests."""
    return any("." in found[0] or "@" in found[0] for found in _RESERVED_NAME.finditer(text))
