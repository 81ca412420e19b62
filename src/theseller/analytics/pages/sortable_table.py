"""Tables that the parameters of a URL order by a column, search and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from django.http import QueryDict
from django.utils.translation import gettext as _

from theseller.analytics.pages.page_filters import Selection
from theseller.edge.list_parameters import page_range, read_page_number, read_search

PAGE_SIZE = 50
Sort = TypeVar("Sort", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SortableTable(Generic[Sort]):
    """The order, the search and the page that a URL requests.

    `usual` is the column of a URL that names none.
    """

    usual: Sort
    sort: Sort
    descending: bool
    search: str
    page: int

    @property
    def skip(self) -> int:
        """The number of rows before the page."""
        return (self.page - 1) * PAGE_SIZE

    def words(self, **over: str) -> dict[str, str]:
        """Return the URL parameters of this table with some changed.

        A parameter with its default is empty.
        """
        return {
            "sort": "" if self.sort is self.usual else self.sort.value,
            "dir": "" if self.descending else "asc",
            "q": self.search,
            "page": "" if self.page == 1 else str(self.page),
        } | over


def read_table(words: QueryDict, usual: Sort) -> SortableTable[Sort]:
    """Return the table that the parameters of a URL request.

    One that can't be read has its default: the column `usual`, descending, the first page.
    """
    sorts = type(usual)
    sort = words.get("sort", "")
    return SortableTable(
        usual,
        sorts(sort) if sort in set(sorts) else usual,
        words.get("dir") != "asc",
        read_search(words),
        read_page_number(words),
    )


def table_links(
    selection: Selection,
    table: SortableTable[Sort],
    headers: Sequence[tuple[Sort, str]],
    rows: int,
    count: int,
) -> dict[str, Any]:
    """Return the headers, pager and search of a table for its template.

    Args:
        selection: the rest of the page's URL.
        table: what the URL requests.
        headers: the columns with their untranslated labels.
        rows: the number of rows on the page.
        count: the number of all rows.
    """

    def page(number: int) -> str:
        return selection.query(**table.words(page="" if number == 1 else str(number)))

    return {
        "table": table,
        "headers": [_header(selection, table, sort, label) for sort, label in headers],
        "range": page_range(table.skip, rows, count),
        "previous_page": page(table.page - 1) if table.page > 1 else "",
        "next_page": page(table.page + 1) if table.skip + rows < count else "",
        "first_page": page(1) if not rows and table.page > 1 else "",
        "all_products": selection.query(**table.words(q="", page="")),
        "kept_words": [
            (name, value) for name, value in table.words(q="", page="").items() if value
        ],
    }


def _header(
    selection: Selection, table: SortableTable[Sort], sort: Sort, label: str
) -> dict[str, Any]:
    current = table.sort is sort
    words = table.words(
        sort="" if sort is table.usual else sort.value,
        dir="asc" if current and table.descending else "",
        page="",
    )
    return {
        "label": _(label),
        "url": selection.query(**words),
        "direction": ("descending" if table.descending else "ascending") if current else "",
        "key": sort.value,
    }
