"""Merging of what several documents say of one order.

Pure functions over rows of ORDER_COLUMNS. The rule (docs/figures.md): each field has the value of
the newest document that carries it, by Amazon's last-updated stamp; a blank never erases a value.
Where two documents bear the same stamp and differ, the later status and the greater value hold. A
line is never removed. So the result does not depend on the order in which documents arrive, nor on
how often.

European reports have no item numbers. What they say of a line is kept apart from what numbered
documents say of it (`Line.parts`), and which of them are the same line is decided again whenever
either changes: a pairing that was made from less is never built upon.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from theseller.ingest.facts.fact_row_types import OrderRow

#: When and where an order was bought: one fact, from one document.
PLACE = ("purchased_at", "local_day", "marketplace_id")
#: Set apart from the fields that are merged one by one.
_NOT_FIELDS = {"order_id", "line_key", "last_updated_at", "is_replacement", *PLACE}
FIELDS = tuple(name for name in OrderRow._fields if name not in _NOT_FIELDS)
#: Fields of a line that is free only if all of them are blank or zero.
_EXTRAS = ("shipping_price", "gift_wrap_price", "promotion_discount")
#: Values that say nothing: as good as blank.
BLANK: Mapping[str, Any] = {"sku": "", "asin": "", "fulfilment": "unknown", "is_business": False}
_PROGRESS = {"pending": 0, "unshipped": 1, "shipped": 2, "cancelled": 3}
_RANK: Mapping[str, Callable[[Any], Any]] = {"status": _PROGRESS.__getitem__}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order.

    Attributes:
        row: the merged values.
        carried: for fields whose value is of an older document than `row`'s newest, that document's
            stamp.
        source: where the newest document came from.
        parts: where a numbered line and one without a number were found to be the same, what was
            said of each.
    """

    row: OrderRow
    carried: Mapping[str, datetime]
    source: str
    parts: tuple[Line, ...] = ()

    @property
    def key(self) -> str:
        """Return the line's key within its order."""
        return self.row.line_key


def merge_order(stored: Iterable[Line], incoming: Iterable[Line]) -> list[Line]:
    """Return the lines of one order after a document said `incoming` of it.

    `stored`: the lines as earlier documents left them.
    """
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
    row = line.row._replace(is_replacement=replacement)
    return replace(
        line, row=row, parts=tuple(_marked(part, replacement=replacement) for part in line.parts)
    )


def _by_sku(stored: Iterable[Line]) -> list[Line]:
    """Key lines without an item number by SKU alone.

    Earlier versions had the ASIN in the key, which may change or be left blank.
    """
    lines = list(stored)
    return _alike_in_every_file(lines) if any(line.key.find("/") > 0 for line in lines) else lines


def _alike_in_every_file(incoming: Iterable[Line]) -> list[Line]:
    """Key lines of one product without item numbers by their content.

    Their order in the file is not used, because it may differ between files.
    """
    found: list[Line] = []
    nameless: dict[str, list[Line]] = defaultdict(list)
    for line in incoming:
        if "/" in line.key:
            nameless[line.row.sku].append(line)
        else:
            found.append(line)
    for sku, lines in nameless.items():
        for number, line in enumerate(sorted(lines, key=_content), 1):
            found.append(replace(line, row=line.row._replace(line_key=f"/{sku}/{number}")))
    return found


def _content(line: Line) -> tuple[Any, ...]:
    others = line.row._replace(line_key="")
    return (*_likeness(line)[:-1], [(value is not None, str(value)) for value in others])


def merge(one: Line, other: Line) -> Line:
    """Return one line of what two documents say of it, under the key of `one`."""
    newest = max(one.row.last_updated_at, other.row.last_updated_at)
    values: dict[str, Any] = {"last_updated_at": newest}
    carried: dict[str, datetime] = {}
    for name in FIELDS:
        stated = [
            (
                stamp_of(line, name),
                _RANK.get(name, _same)(getattr(line.row, name)),
                getattr(line.row, name),
            )
            for line in (one, other)
            if says(line, name)
        ]
        if stated:
            stamp, _, values[name] = max(stated, key=lambda each: each[:2])
            if stamp < newest:
                carried[name] = stamp
    newer = max((one, other), key=lambda line: (line.row.last_updated_at, place_of(line)))
    values |= zip(PLACE, place_of(newer), strict=True)
    _, source = max((line.row.last_updated_at, line.source) for line in (one, other))
    return Line(one.row._replace(**values), carried, source)


def place_of(line: Line) -> list[Any]:
    """Return the values of `PLACE` of the line's order.

    They say when and where it was bought.
    """
    return [getattr(line.row, name) for name in PLACE]


def _same(value: Any) -> Any:  # any field's value  # noqa: ANN401
    return value


def stamp_of(line: Line, name: str) -> datetime:
    """Return the stamp of the document that a field's value is of."""
    return line.carried.get(name, line.row.last_updated_at)


def says(line: Line, name: str) -> bool:
    """Say whether a line has a value in a field, which is no blank."""
    value = getattr(line.row, name)
    return value is not None and (name not in BLANK or value != BLANK[name])


def _named(lines: dict[str, Line]) -> list[Line]:
    """Unite lines without an item number with those that have one.

    European reports have no item numbers. Lines are compared product by product.
    """
    groups: dict[str, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for line in lines.values():
        groups[line.row.sku]["/" in line.key].append(line)
    found: list[Line] = []
    for numbered, nameless in groups.values():
        found += _united(sorted(numbered, key=_likeness), sorted(nameless, key=_likeness))
    return sorted(found, key=lambda line: line.key)


def _united(numbered: list[Line], nameless: list[Line]) -> list[Line]:
    """Unite pairs of lines of one product.

    First those that say the same, then those that can be the same line at different times.
    """
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
    return (one.row.quantity, one.row.item_price) == (other.row.quantity, other.row.item_price)


def _may_be_the_same(one: Line, other: Line) -> bool:
    """Say whether two lines can be the same.

    At one instant an order's line has one quantity and one price.
    """
    prices = {line.row.item_price for line in (one, other)} - {None}
    quantities = {line.row.quantity for line in (one, other)}
    return one.row.last_updated_at != other.row.last_updated_at or (
        len(prices) < 2 and len(quantities) < 2
    )


def _likeness(line: Line) -> tuple[Any, ...]:
    price = line.row.item_price
    return (line.row.quantity, price is not None, price or 0, line.key)


def _is_replacement(rows: list[OrderRow]) -> bool:
    """Say whether an order replaces another.

    As Amazon says; where it does not, whether all of the order was sent for nothing. A free product
    among paid ones is no replacement, nor is a product with a discount or a price that is not known
    yet.
    """
    stated = {row.replacement_stated for row in rows}
    if True in stated or False in stated:
        return True in stated
    sent = [row for row in rows if row.status != "cancelled"]
    return bool(sent) and all(map(_is_free, sent))


def _is_free(row: OrderRow) -> bool:
    price = row.item_price
    nothing_else = not any(getattr(row, name) for name in _EXTRAS)
    return (
        price is not None
        and price == 0
        and row.quantity > 0
        and row.status != "pending"
        and nothing_else
    )
