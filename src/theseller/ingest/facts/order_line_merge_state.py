"""Extra JSON of an order line: origins of fields, united parts.

It has the stamps of carried fields, and what was said of each part of a united line. A part is
written as its difference from the united line: most say the same. Pure functions over
`order_merge.Line`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from theseller.ingest.facts.fact_row_types import ORDER_COLUMNS, OrderRow
from theseller.ingest.facts.order_merge import BLANK, FIELDS, PLACE, Line, place_of, says, stamp_of

_NUMERIC = frozenset(name for name, kind in ORDER_COLUMNS if kind == "numeric")
#: Not the name of a column.
_PARTS = "parts"


def dump(line: Line) -> str | None:
    """Return JSON of what a line's own row does not hold.

    None if that is nothing.
    """
    stated: dict[str, Any] = {
        name: stamp.isoformat() for name, stamp in sorted(line.carried.items())
    }
    if line.parts:
        stated[_PARTS] = [_part(line, part) for part in line.parts]
    return json.dumps(stated) if stated else None


def load(row: OrderRow, source: str, text: str | None) -> Line:
    """Return the line that was stored as `row` with what `dump` returned."""
    stated: dict[str, Any] = json.loads(text) if text else {}
    parts = stated.pop(_PARTS, ())
    whole = Line(
        row, {name: datetime.fromisoformat(stamp) for name, stamp in stated.items()}, source
    )
    return Line(row, whole.carried, source, tuple(_line(whole, part) for part in parts))


def _said(line: Line, name: str) -> tuple[Any, datetime] | None:
    return (getattr(line.row, name), stamp_of(line, name)) if says(line, name) else None


def _part(whole: Line, part: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"key": part.key, "source": part.source}
    if part.row.last_updated_at != whole.row.last_updated_at:
        found["updated"] = part.row.last_updated_at.isoformat()
    where = place_of(part)
    if where != place_of(whole):
        found["place"] = [value if isinstance(value, str) else value.isoformat() for value in where]
    said = {name: _said(part, name) for name in FIELDS if _said(part, name) != _said(whole, name)}
    if said:
        found["said"] = {name: _plain(value) for name, value in said.items()}
    return found


def _plain(value: tuple[Any, datetime] | None) -> list[Any] | None:
    if value is None:
        return None
    stated, stamp = value
    return [str(stated) if isinstance(stated, Decimal) else stated, stamp.isoformat()]


def _line(whole: Line, part: Mapping[str, Any]) -> Line:
    updated = (
        datetime.fromisoformat(part["updated"]) if "updated" in part else whole.row.last_updated_at
    )
    values: dict[str, Any] = {"line_key": part["key"], "last_updated_at": updated}
    if "place" in part:
        bought, day, store = part["place"]
        found = (datetime.fromisoformat(bought), date.fromisoformat(day), store)
        values |= zip(PLACE, found, strict=True)
    said = part.get("said", {})
    carried: dict[str, datetime] = {}
    for name in FIELDS:
        value = getattr(whole.row, name)
        if name not in said:
            stamp = stamp_of(whole, name)
        elif said[name] is None:
            values[name] = BLANK.get(name)
            continue
        else:
            text, stamp_text = said[name]
            values[name] = value = Decimal(text) if name in _NUMERIC else text
            stamp = datetime.fromisoformat(stamp_text)
        if stamp < updated and value is not None:
            carried[name] = stamp
    return Line(whole.row._replace(**values), carried, part["source"])
