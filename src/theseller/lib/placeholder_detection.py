"""Recognize placeholders, which the real text has yet to replace."""

from __future__ import annotations

import re

#: Words that only a text has that is to be replaced.
_WORDS = frozenset({"changeme", "fixme", "foobar", "ipsum", "lorem", "placeholder", "xxx"})
#: Words that proper names have too, beside another capitalized word: "Todo Bio S.L.".
_NAMES_TOO = frozenset({"dolor", "dummy", "tba", "tbd", "todo", "unknown"})
_WORD = re.compile(r"[^\W_]+")
#: Names that no one can own (RFC 2606, RFC 6761).
_RESERVED_NAME = re.compile(
    r"(?:^|[@.\s/])(?:example\.(?:com|net|org)|(?:[a-z0-9-]+\.)*(?:example|test|invalid|localhost))"
    r"(?=$|[\s,;/:>)])"
)
_IN_BRACKETS = re.compile(r"[<\[{].*[>\]}]")
#: A part to be replaced, as documents write it: YOUR-DOMAIN, YOUR.NAME, your_company.
_YOUR = re.compile(r"(?:YOUR[ ._-][A-Z]|\byour[_-][a-z])")
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
        or not _WORDS.isdisjoint(_WORD.findall(plain))
        or _has_note(text)
        or _YOUR.search(text) is not None
        or "change me" in plain
        or _IN_BRACKETS.fullmatch(plain) is not None
        or is_reserved_domain(plain)
    )


def _has_note(text: str) -> bool:
    """Return whether a text has a note in place of a part, and no name."""
    found = list(_WORD.finditer(text))
    capitalized = any(one[0][0].isupper() for one in found if one[0].casefold() not in _NAMES_TOO)
    domain = text.find("@") + 1  # Where a mail address has its domain; 0 in other texts.
    return any(
        one[0].casefold() in _NAMES_TOO
        and not (domain and one.start() >= domain)
        and not (capitalized and one[0].istitle() and text[one.end() : one.end() + 1] != ":")
        for one in found
    )


def is_reserved_domain(text: str) -> bool:
    """Return whether a text has a domain reserved for documents or tests."""
    return any("." in found[0] or "@" in found[0] for found in _RESERVED_NAME.finditer(text))
