"""What a log line may tell of a web request: its method and the pattern that its address fits, never the address itself.

An address can hold what a person searched for, or came by: a product's number, an order's. Web frameworks write it into their warnings
and errors, in the text and beside it.
"""

from __future__ import annotations

import logging

UNKNOWN_ADDRESS = "an address that leads nowhere"


def replace_address_by_route(record: logging.LogRecord) -> None:
    """Change a record that speaks of a request, known by its method, path and `resolver_match`; others are left as they are."""
    request = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if not isinstance(path, str):
        return
    route = getattr(getattr(request, "resolver_match", None), "route", None)
    told = f"/{route}" if isinstance(route, str) else UNKNOWN_ADDRESS
    record.request = f"{getattr(request, 'method', '')} {told}".strip()
    if isinstance(record.args, tuple):
        record.args = tuple(told if isinstance(one, str) and path in one and path != "/" else one for one in record.args)
