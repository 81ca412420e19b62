"""Benchmark: decoding of a page of 100 orders against pydantic.

Ours decodes into allow-list structs, pydantic into models of the same documented shape.

The page is made up here and holds every part that Amazon's model documents, personal ones included:
skipping those is the point of an allow-list. The baseline reads the same bytes with pydantic's own
JSON parser into models of the whole shape, amounts as `Decimal`, instants as `datetime`, as a typed
client has them. Two pairs are measured, interleaved: values only (unknown fields ignored on both
sides), and values with every unknown field noticed (our second pass against pydantic's
``extra="forbid"``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, Literal, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from pydantic import BaseModel, ConfigDict, Field, create_model

from theseller.amazon.decoders.orders import SEARCH_ORDERS, decode_orders_page

ORDERS = 100
RUNS = 41
BAR = 10.0
_LISTS_OF_SCALARS = {"programs", "serialNumbers", "deliveryCapabilities", "transparencyCodes"}
_WHOLE_NUMBERS = {
    "quantityOrdered",
    "quantityFulfilled",
    "quantityUnfulfilled",
    "quantity",
    "hour",
    "minute",
    "pointsNumber",
}
Tree = dict[str, Any]


def documented() -> Tree:
    """Return the documented shape of a page as nested names.

    A leaf is None; the key of a list ends in ``[]``.
    """
    root: Tree = {}
    for path in sorted(SEARCH_ORDERS.kept | set(SEARCH_ORDERS.dropped)):
        node, *names = root, *path.split(".")
        for name in names[:-1]:
            node = node.setdefault(name, {})
        node.setdefault(names[-1], None)
    return root


def leaf_type(name: str) -> type:
    """Return what a typed client makes of a leaf."""
    if name in {"amount", "value"}:
        return Decimal
    if name in _WHOLE_NUMBERS:
        return int
    return datetime if re.search(r"Time$|^lastUpdatedBefore$|^createdBefore$", name) else str


def value(name: str, random: Random) -> object:
    """Return a realistic value for a leaf."""
    type_ = leaf_type(name)
    if type_ is Decimal:
        return f"{random.randrange(100, 9000) / 100:.2f}"
    if type_ is int:
        return random.randrange(1, 4)
    if type_ is datetime:
        return f"2026-11-{random.randrange(1, 23):02d}T{random.randrange(24):02d}:30:00Z"
    if name == "currencyCode":
        return "EUR"
    return f"{name}-{random.randrange(10**9):09d}"


def filled(tree: Tree, random: Random) -> dict[str, object]:
    """Return values in the shape `tree`.

    Lists get one element, the items of an order one to three (mean 1.1, as real orders).
    """
    out: dict[str, object] = {}
    for key, below in tree.items():
        name = key.removesuffix("[]")
        count = (
            random.choices([1, 2, 3], weights=[93, 6, 1])[0]
            if name == "orderItems"
            else ORDERS
            if name == "orders"
            else 1
        )
        made = [
            value(name, random) if below is None else filled(below, random) for _ in range(count)
        ]
        out[name] = made if key.endswith("[]") else made[0]
    return out


def model(name: str, tree: Tree, extra: Literal["ignore", "forbid"]) -> type[BaseModel]:
    """Build the pydantic model of the shape."""
    fields: dict[str, Any] = {}
    for key, below in tree.items():
        alias = key.removesuffix("[]")
        type_: Any = leaf_type(alias) if below is None else model(alias, below, extra)
        type_ = list[type_] if key.endswith("[]") else type_
        fields[re.sub(r"(?<!^)([A-Z])", r"_\1", alias).lower()] = (
            Optional[type_],  # noqa: UP045
            Field(default=None, alias=alias),
        )
    return create_model(name, __config__=ConfigDict(extra=extra, frozen=True), **fields)


def run() -> dict[str, Any]:
    """Measure decoding, and decoding with unknown fields noticed.

    Returns:
        name, ours, baseline, ratio, unit and bar.
    """
    tree = documented()
    body = json.dumps(filled(tree, Random(7))).encode()
    lenient, strict = model("Page", tree, "ignore"), model("StrictPage", tree, "forbid")
    contestants: dict[str, Callable[[], object]] = {
        "ours": lambda: SEARCH_ORDERS.decode(body),
        "pydantic": lambda: lenient.model_validate_json(body),
        "ours, new fields noticed": lambda: decode_orders_page(body),
        "pydantic, new fields forbidden": lambda: strict.model_validate_json(body),
    }
    ours, theirs = decode_orders_page(body), lenient.model_validate_json(body).model_dump()
    assert ours.drift == ()
    assert [o.order_id for o in ours.orders] == [o["order_id"] for o in theirs["orders"]]
    assert [
        o.proceeds.grand_total.amount for o in ours.orders if o.proceeds and o.proceeds.grand_total
    ] == [o["proceeds"]["grand_total"]["amount"] for o in theirs["orders"]]
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        for name, decode in contestants.items():
            started = perf_counter()
            decode()
            times[name].append(perf_counter() - started)
    milliseconds = {name: median(taken) * 1000 for name, taken in times.items()}
    return {
        "name": f"page decode, {ORDERS} orders, {len(body) // 1000} kB",
        "ours": milliseconds["ours"],
        "baseline": milliseconds["pydantic"],
        "ratio": milliseconds["pydantic"] / milliseconds["ours"],
        "unit": "ms",
        "bar": BAR,
        "ours_noticing": milliseconds["ours, new fields noticed"],
        "baseline_noticing": milliseconds["pydantic, new fields forbidden"],
        "ratio_noticing": (
            milliseconds["pydantic, new fields forbidden"]
            / milliseconds["ours, new fields noticed"]
        ),
    }


if __name__ == "__main__":
    result = run()
    print(
        f"{result['name']}: ours {result['ours']:.2f} ms, pydantic {result['baseline']:.2f} ms:"
        f" {result['ratio']:.1f}x (bar {BAR:.0f}x)"
    )
    print(
        f"… with new fields noticed: ours {result['ours_noticing']:.2f} ms, pydantic"
        f" {result['baseline_noticing']:.2f} ms: {result['ratio_noticing']:.1f}x"
    )
