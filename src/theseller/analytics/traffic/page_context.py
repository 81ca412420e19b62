"""What the traffic page shows: tiles, days, and the table of products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.periods import Span
from theseller.analytics.traffic.queries import ProductQuery, Sort
from theseller.analytics.traffic.types import Traffic, TrafficOfDay, TrafficProducts
from theseller.edge.list_parameters import page_range, read_page_number, read_search

PAGE_SIZE = 50
_SHORTEST_LINE = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of traffic; `is_ratio` ones are shown as percentages."""

    key: str
    label: str
    value: Callable[[Traffic], Decimal | int | None]
    is_ratio: bool


MEASURES = (
    Measure("sessions", gettext_noop("Sessions"), lambda one: one.sessions, is_ratio=False),
    Measure("views", gettext_noop("Page views"), lambda one: one.page_views, is_ratio=False),
    Measure("units", gettext_noop("Units ordered"), lambda one: one.units, is_ratio=False),
    Measure(
        "conversion",
        gettext_noop("Unit session percentage"),
        lambda one: one.unit_session_ratio,
        is_ratio=True,
    ),
    Measure(
        "featured",
        gettext_noop("Featured offer percentage"),
        lambda one: one.featured_ratio,
        is_ratio=True,
    ),
)
#: What the figures mean, for every reader.
DEFINITIONS = (
    (
        gettext_noop("Sessions"),
        gettext_noop(
            "The sum of daily sessions, as Amazon stated them. A person who comes back on another"
            " day, or opens another product, is counted again, so products do not add up to the"
            " store."
        ),
    ),
    (
        gettext_noop("Units ordered"),
        gettext_noop(
            "Units in Amazon\u2019s sales and traffic reports. They can differ from the units of"
            " the dashboard, which come from orders."
        ),
    ),
    (
        gettext_noop("Unit session percentage"),
        gettext_noop(
            "Units ordered divided by sessions, over all days shown. It can exceed 100 %, since one"
            " session can order several units. Percentages of days are never averaged."
        ),
    ),
    (
        gettext_noop("Featured offer percentage"),
        gettext_noop(
            "The share of page views on which your offer was the featured one (Buy Box), weighted"
            " by page views. Page views for which Amazon stated no share are left out."
        ),
    ),
    (
        gettext_noop("Preliminary"),
        gettext_noop("Amazon restates a day for up to 72 hours after it has ended."),
    ),
)
_HEADERS = tuple(zip(Sort, (one.label for one in MEASURES), strict=True))


@dataclass(frozen=True, slots=True)
class Table:
    """The order, search and page of the product table of a URL."""

    sort: Sort
    descending: bool
    search: str
    page: int

    def query(self, most: int = PAGE_SIZE) -> ProductQuery:
        """Return the query of this page of the table."""
        skip = (self.page - 1) * PAGE_SIZE
        return ProductQuery(self.sort, self.descending, self.search, most, skip)

    def words(self, **over: str) -> dict[str, str]:
        """Return the URL parameters of this table with some changed.

        A parameter with its default is empty.
        """
        return {
            "sort": "" if self.sort is Sort.SESSIONS else self.sort.value,
            "dir": "" if self.descending else "asc",
            "q": self.search,
            "page": "" if self.page == 1 else str(self.page),
        } | over


def read_table(words: QueryDict) -> Table:
    """Return the table that the parameters of a URL request.

    Invalid ones have their default.
    """
    sort = words.get("sort", "")
    return Table(
        Sort(sort) if sort in set(Sort) else Sort.SESSIONS,
        words.get("dir") != "asc",
        read_search(words),
        read_page_number(words),
    )


def known_days(
    found: Mapping[date, TrafficOfDay], span: Span, stores: int, today: date
) -> tuple[list[date], list[date]]:
    """Return the days with data of every store, and the days that lack some.

    The current day is not over, and in neither.
    """
    over = [day for day in span.days() if day < today]
    whole = [day for day in over if day in found and found[day].stores == stores]
    return whole, [day for day in over if day not in set(whole)]


def total_of(found: Mapping[date, TrafficOfDay], span: Span) -> Traffic:
    """Return the sums over the days of a span that have data."""
    total = Traffic()
    for day, one in found.items():
        if span.first <= day <= span.last:
            total += one.traffic
    return total


def tiles(
    found: Mapping[date, TrafficOfDay], selection: Selection, *, compared: bool
) -> list[dict[str, Any]]:
    """Return a tile for each measure, with its change and line."""
    span, before = selection.choice.span, selection.choice.before
    now = total_of(found, span)
    earlier = total_of(found, before) if before and compared else None
    has_data = any(span.first <= day <= span.last for day in found)
    days = [found.get(day) for day in span.days()]
    return [
        {
            "label": one.label,
            "is_ratio": one.is_ratio,
            "now": one.value(now) if has_data else None,
            "before": one.value(earlier) if earlier else None,
            "values": (
                [one.value(day.traffic) if day else None for day in days]
                if len(days) >= _SHORTEST_LINE
                else []
            ),
        }
        for one in MEASURES
    ]


def day_rows(
    found: Mapping[date, TrafficOfDay], span: Span, stores: int, today: date
) -> list[dict[str, Any]]:
    """Return a row for each day up to the current one, the newest first."""
    return [
        {
            "day": day,
            "traffic": found[day].traffic if day in found else None,
            "preliminary": day in found and found[day].preliminary,
            "stores": (
                _("%(known)s of %(all)s stores") % {"known": found[day].stores, "all": stores}
                if day in found and found[day].stores < stores
                else ""
            ),
        }
        for day in reversed(span.days())
        if day <= today
    ]


def product_context(selection: Selection, table: Table, found: TrafficProducts) -> dict[str, Any]:
    """Return what the template of the product table shows."""
    begin = (table.page - 1) * PAGE_SIZE
    end = begin + len(found.rows)
    return {
        "table": table,
        "products": found,
        "headers": [_header(selection, table, sort, label) for sort, label in _HEADERS],
        "range": page_range(begin, len(found.rows), found.count),
        "previous_page": (
            selection.query(**table.words(page=str(table.page - 1))) if table.page > 1 else ""
        ),
        "next_page": (
            selection.query(**table.words(page=str(table.page + 1))) if end < found.count else ""
        ),
        "all_products": selection.query(**table.words(q="", page="")),
        "kept_words": [
            (name, value) for name, value in table.words(q="", page="").items() if value
        ],
    }


def _header(selection: Selection, table: Table, sort: Sort, label: str) -> dict[str, Any]:
    current = table.sort is sort
    words = table.words(
        sort="" if sort is Sort.SESSIONS else sort.value,
        dir="asc" if current and table.descending else "",
        page="",
    )
    return {
        "label": _(label),
        "url": selection.query(**words),
        "direction": ("descending" if table.descending else "ascending") if current else "",
    }
