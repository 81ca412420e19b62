"""Read what URLs of lists request, and say which rows a page shows."""

from __future__ import annotations

from django.http import QueryDict
from django.utils.translation import gettext as _

from theseller.edge.number_formatting import format_count

#: The last page of a list that can be requested.
PAGES_MAX = 10_000
#: The most characters of a search.
SEARCH_MAX = 100


def read_page_number(words: QueryDict) -> int:
    """Return the number of the page that `page` requests.

    The first is 1, and so is what can't be the number of a page. A text of thousands of digits is
    never converted: Python refuses that with an error.
    """
    text = words.get("page", "")
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(PAGES_MAX)):
        return 1
    number = int(text)
    return number if 1 <= number <= PAGES_MAX else 1


def read_search(words: QueryDict) -> str:
    """Return the text that `q` searches for; "" for none.

    No database stores NUL.
    """
    return words.get("q", "").replace("\x00", "").strip()[:SEARCH_MAX]


def page_range(begin: int, rows: int, count: int) -> str:
    """Return which rows a page shows: ``51–100 of 1,204``; "" without rows.

    Args:
        begin: the number of rows before the page.
        rows: the number of rows on it.
        count: the number of all rows.
    """
    if not rows:
        return ""
    return _("%(begin)s\u2013%(end)s of %(count)s") % {
        "begin": format_count(begin + 1),
        "end": format_count(begin + rows),
        "count": format_count(count),
    }
