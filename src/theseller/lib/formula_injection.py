"""Keep spreadsheets from reading a CSV text as a formula."""

from __future__ import annotations

import re

_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b"
#: Blanks, control and zero-width characters, which spreadsheets drop before they parse a cell.
_IGNORED = (
    r"\s\x00-\x20\x7f-\xa0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
_QUOTES = "\"'\u2018\u2019\u201c\u201d"
#: At the beginning or after a separator: where Excel's separator is `;` (most of Europe), it splits
#: the text there.
_FORMULA = re.compile(rf"(^|[;,\t\r\n|])(?=[{_IGNORED}{_QUOTES}]*[{_STARTS}])")
_CONTROL_START = ("\t", "\r", "\n")


def neutralize_formulas(text: str) -> str:
    """Put an apostrophe before each place where a formula could start.

    Titles and SKUs are other people's texts; ``=HYPERLINK(…)`` in one would run on the machine of
    the person who opens the file. Covered are ``= + - @`` and their full-width and small forms,
    after blanks and zero-width characters, at the beginning of a text and after each ``; , |``, tab
    or line end in it. Do not pass numbers.

    Source: OWASP, "CSV Injection".
    """
    guarded = _FORMULA.sub(r"\1'", text)
    return f"'{guarded}" if guarded.startswith(_CONTROL_START) else guarded
