"""What is stored beside a line of an order: stamps of carried fields, and what was said of each part of a united line.

A part is written as its difference from the united line: most say the same. Pure functions over `order_merge.Line`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from theseller.ingest.facts.bulk import Row
from theseller.ingest.facts.minimize import ORDER_COLUMNS
from theseller.ingest.facts.order_merge import BLANK, FIELDS, KEY, PLACE, STAMP, Line, says, stamp_of

_NUMERIC = frozenset(name for name, kind in ORDER_COLUMNS if kind == "numeric")
#: Not the name of a column.
_PARTS = "parts"


def dump(line: Line) -> str | None:
    """Return JSON of what a line's own row does not hold; None if that is nothing."""
    told: dict[str, Any] = {name: stamp.isoformat() for name, stamp in sorted(line.carried.items())}
    if line.parts:
        told[_PARTS] = [_part(line, part) for part in line.parts]
    return json.dumps(told) if told else None


def load(row: Row, source: str, text: str | None) -> Line:
    """Return the line that was stored as `row` with what `written` returned."""
    told: dict[str, Any] = json.loads(text) if text else {}
    parts = told.pop(_PARTS, ())
    whole = Line(row, {name: datetime.fromisoformat(stamp) for name, stamp in told.items()}, source)
    return Line(row, whole.carried, source, tuple(_line(whole, part) for part in parts))


def _said(line: Line, name: str, place: int) -> tuple[Any, datetime] | None:
    return (line.row[place], stamp_of(line, name)) if says(line, name, place) else None


def _part(whole: Line, part: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"key": part.key, "source": part.source}
    if part.row[STAMP] != whole.row[STAMP]:
        found["updated"] = part.row[STAMP].isoformat()
    where, whole_where = ([line.row[place] for place in PLACE] for line in (part, whole))
    if where != whole_where:
        found["place"] = [value if isinstance(value, str) else value.isoformat() for value in where]
    said = {name: _said(part, name, place) for name, place in FIELDS if _said(part, name, place) != _said(whole, name, place)}
    if said:
        found["said"] = {name: _plain(value) for name, value in said.items()}
    return found


def _plain(value: tuple[Any, datetime] | None) -> list[Any] | None:
    if value is None:
        return None
    told, stamp = value
    return [str(told) if isinstance(told, Decimal) else told, stamp.isoformat()]


def _line(whole: Line, part: Mapping[str, Any]) -> Line:
    updated = datetime.fromisoformat(part["updated"]) if "updated" in part else whole.row[STAMP]
    values = list(whole.row)
    values[KEY], values[STAMP] = part["key"], updated
    if "place" in part:
        bought, day, store = part["place"]
        for place, value in zip(PLACE, (datetime.fromisoformat(bought), date.fromisoformat(day), store), strict=True):
            values[place] = value
    said = part.get("said", {})
    carried: dict[str, datetime] = {}
    for name, place in FIELDS:
        if name not in said:
            stamp = stamp_of(whole, name)
        elif said[name] is None:
            values[place] = BLANK.get(name)
            continue
        else:
            value, text = said[name]
            values[place] = Decimal(value) if name in _NUMERIC else value
            stamp = datetime.fromisoformat(text)
        if stamp < updated and values[place] is not None:
            carried[name] = stamp
    return Line(tuple(values), carried, part["source"])
