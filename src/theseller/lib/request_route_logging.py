"""Replace a request's address in log records by its URL pattern.

An address can contain what a person searched for: a product, an order. Web frameworks write it into
their warnings and errors, in the text and in fields.
"""

from __future__ import annotations

import logging

UNKNOWN_ADDRESS = "an address that leads nowhere"


def replace_address_by_route(record: logging.LogRecord) -> None:
    """Replace the address in a record about a request, in place.

    A request is recognized by its `path`; without a matched route its address becomes
    UNKNOWN_ADDRESS. Other records stay unchanged.
    """
    request = getattr(record, "request", None)
    path = getattr(request, "path", None)
    if not isinstance(path, str):
        return
    route = getattr(getattr(request, "resolver_match", None), "route", None)
    address = f"/{route}" if isinstance(route, str) else UNKNOWN_ADDRESS
    record.request = f"{getattr(request, 'method', '')} {address}".strip()
    if isinstance(record.args, tuple):
        record.args = tuple(
            address if isinstance(one, str) and path in one and path != "/" else one
            for one in record.args
        )
