"""How many calls a seller's streams make, beside Amazon's rate limits."""

from __future__ import annotations

from types import MappingProxyType

from theseller.amazon.spapi_operations import OPERATIONS
from tools.cost_model.model import SECONDS_A_DAY

#: Calls a day of one seller when there is nothing new: the streams' intervals.
CALLS = MappingProxyType({"searchOrders": 480.0, "listTransactions": 144.0, "getReports": 4.0})


def calls_table() -> str:
    """Return a table of calls a day, Amazon's limits, and the share of them that is used."""
    lines = [
        "| operation | calls a day | Amazon allows a day | used |",
        "|---|--:|--:|--:|",
    ]
    for name, calls in CALLS.items():
        allowed = OPERATIONS[name].rate * SECONDS_A_DAY
        lines.append(f"| `{name}` | {calls:,.0f} | {allowed:,.0f} | {calls / allowed:.1%} |")
    return "\n".join(lines) + "\n"
