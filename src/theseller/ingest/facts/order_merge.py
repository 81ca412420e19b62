"""What several documents say of one order, as one: pure functions over rows of ORDER_COLUMNS.

The rule (docs/figures.md): each field has the value of the newest document that carries it, by Amazon's last-updated stamp; a blank
never erases a value. Where two documents bear the same stamp and differ, the later status and the greater value hold. A line is never
removed. So the result does not depend on the order in which documents arrive, nor on how often.

European reports have no item numbers. What they say of a line is kept apart from what numbered documents say of it (`Line.parts`), and
which of them are the same line is decided again whenever either changes: a pairing that was made from less is never built upon.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from theseller.ingest.facts.bulk import Row
from theseller.ingest.facts.minimize import ORDER_COLUMNS

NAMES = tuple(name for name, _ in ORDER_COLUMNS)
_AT = {name: place for place, name in enumerate(NAMES)}
KEY, SKU, STAMP = _AT["line_key"], _AT["sku"], _AT["last_updated_at"]
_QUANTITY, _PRICE, _STATUS, _TOLD, _REPLACEMENT = (
    _AT[name] for name in ("quantity", "item_price", "status", "replacement_told", "is_replacement")
)
_FREE = tuple(_AT[name] for name in ("shipping_price", "gift_wrap_price", "promotion_discount"))
#: Bought when and where: one fact, of one document.
PLACE = tuple(_AT[name] for name in ("purchased_at", "local_day", "marketplace_id"))
#: Set apart from the fields that are merged one by one.
_NOT_FIELDS = {"order_id", "line_key", "last_updated_at", "is_replacement", "purchased_at", "local_day", "marketplace_id"}
FIELDS = tuple((name, place) for name, place in _AT.items() if name not in _NOT_FIELDS)
#: Values that say nothing: as good as blank.
BLANK: Mapping[str, Any] = {"sku": "", "asin": "", "fulfilment": "unknown", "is_business": False}
_PROGRESS = {"pending": 0, "unshipped": 1, "shipped": 2, "cancelled": 3}
_RANK: Mapping[str, Callable[[Any], Any]] = {"status": _PROGRESS.__getitem__}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order. `carried`: for fields whose value is of an older document than `row`'s newest, that document's stamp.

    `parts`: where a numbered line and one without a number were found to be the same, what was said of each.
    """

    row: Row
    carried: Mapping[str, datetime]
    source: str
    parts: tuple[Line, ...] = ()

    @property
    def key(self) -> str:
        key: str = self.row[KEY]
        return key


def merge_order(stored: Iterable[Line], incoming: Iterable[Line]) -> list[Line]:
    """Return the lines of one order after a document has said `incoming` of it, whatever `stored` was told before."""
    lines: dict[str, Line] = {}
    for line in (*_by_sku(_apart(stored)), *_alike_in_every_file(_apart(incoming))):
        lines[line.key] = merge(lines[line.key], line) if line.key in lines else line
    named = _named(lines)
    replacement = _is_replacement([line.row for line in named])
    return [_marked(line, replacement=replacement) for line in named]


def _apart(lines: Iterable[Line]) -> Iterator[Line]:
    for line in lines:
        yield from line.parts or (line,)


def _marked(line: Line, *, replacement: bool) -> Line:
    row = (*line.row[:_REPLACEMENT], replacement, *line.row[_REPLACEMENT + 1 :])
    return replace(line, row=row, parts=tuple(_marked(part, replacement=replacement) for part in line.parts))


def _by_sku(stored: Iterable[Line]) -> list[Line]:
    """Number lines without an item number by SKU alone. Earlier versions had the ASIN in the key, which may change or be left blank."""
    lines = list(stored)
    return _alike_in_every_file(lines) if any(line.key.find("/") > 0 for line in lines) else lines


def _alike_in_every_file(incoming: Iterable[Line]) -> list[Line]:
    """Count lines of one product that have no item number by what they say, not by their place in the file, which may be another."""
    found: list[Line] = []
    nameless: dict[str, list[Line]] = defaultdict(list)
    for line in incoming:
        if "/" in line.key:
            nameless[line.row[SKU]].append(line)
        else:
            found.append(line)
    for sku, lines in nameless.items():
        for number, line in enumerate(sorted(lines, key=_content), 1):
            found.append(replace(line, row=(*line.row[:KEY], f"/{sku}/{number}", *line.row[KEY + 1 :])))
    return found


def _content(line: Line) -> tuple[Any, ...]:
    return (*_likeness(line)[:-1], [(value is not None, str(value)) for place, value in enumerate(line.row) if place != KEY])


def merge(one: Line, other: Line) -> Line:
    """Return one line of what two documents say of it, under the key of `one`."""
    newest = max(one.row[STAMP], other.row[STAMP])
    values = list(one.row)
    values[STAMP] = newest
    carried: dict[str, datetime] = {}
    for name, place in FIELDS:
        told = [
            (stamp_of(line, name), _RANK.get(name, _same)(line.row[place]), line.row[place])
            for line in (one, other)
            if says(line, name, place)
        ]
        if told:
            stamp, _, values[place] = max(told, key=lambda each: each[:2])
            if stamp < newest:
                carried[name] = stamp
        else:
            values[place] = one.row[place]
    newer = max((one, other), key=lambda line: (line.row[STAMP], [line.row[place] for place in PLACE]))
    for place in PLACE:
        values[place] = newer.row[place]
    source = max((line.row[STAMP], line.source) for line in (one, other))[1]
    return Line(tuple(values), carried, source)


def _same(value: Any) -> Any:  # noqa: ANN401  # any field's value
    return value


def stamp_of(line: Line, name: str) -> datetime:
    """Return the stamp of the document that a field's value is of."""
    stamp: datetime = line.carried.get(name, line.row[STAMP])
    return stamp


def says(line: Line, name: str, place: int) -> bool:
    """Say whether a line has a value in a field, which is no blank."""
    value = line.row[place]
    return value is not None and (name not in BLANK or value != BLANK[name])


def _named(lines: dict[str, Line]) -> list[Line]:
    """Unite lines without an item number (European reports have none) with those that have one, product by product."""
    groups: dict[str, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for line in lines.values():
        groups[line.row[SKU]]["/" in line.key].append(line)
    found: list[Line] = []
    for numbered, nameless in groups.values():
        found += _united(sorted(numbered, key=_likeness), sorted(nameless, key=_likeness))
    return sorted(found, key=lambda line: line.key)


def _united(numbered: list[Line], nameless: list[Line]) -> list[Line]:
    """Unite pairs of lines of one product: first those that say the same, then those that can be the same line at different times."""
    found: list[Line] = []
    for fits in (_says_the_same, _may_be_the_same):
        for line in list(numbered):
            twin = next((other for other in nameless if fits(line, other)), None)
            if twin is not None:
                numbered.remove(line)
                nameless.remove(twin)
                found.append(replace(merge(line, twin), parts=(line, twin)))
    return [*found, *numbered, *nameless]


def _says_the_same(one: Line, other: Line) -> bool:
    return (one.row[_QUANTITY], one.row[_PRICE]) == (other.row[_QUANTITY], other.row[_PRICE])


def _may_be_the_same(one: Line, other: Line) -> bool:
    """Say whether two lines can be one: at one instant an order's line has one quantity and one price."""
    prices = {line.row[_PRICE] for line in (one, other)} - {None}
    quantities = {line.row[_QUANTITY] for line in (one, other)}
    return one.row[STAMP] != other.row[STAMP] or (len(prices) < 2 and len(quantities) < 2)


def _likeness(line: Line) -> tuple[Any, ...]:
    price = line.row[_PRICE]
    return (line.row[_QUANTITY], price is not None, price or 0, line.key)


def _is_replacement(rows: list[Row]) -> bool:
    """Say whether an order replaces another: as Amazon says, else because all of it was sent for nothing.

    A free product among paid ones is no replacement, nor is a product with a discount or a price that is not known yet.
    """
    told = {row[_TOLD] for row in rows}
    if True in told or False in told:
        return True in told
    sent = [row for row in rows if row[_STATUS] != "cancelled"]
    return bool(sent) and all(map(_is_free, sent))


def _is_free(row: Row) -> bool:
    price = row[_PRICE]
    nothing_else = not any(row[place] for place in _FREE)
    return price is not None and price == 0 and row[_QUANTITY] > 0 and row[_STATUS] != "pending" and nothing_else
