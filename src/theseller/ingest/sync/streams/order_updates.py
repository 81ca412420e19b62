"""Stream of new and changed orders: searchOrders by last update.

Page by page, from where the last pass ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from theseller.amazon.decoders.orders import Order, decode_orders_page
from theseller.amazon.errors import ExpiredError, InvalidRequestError
from theseller.amazon.spapi_client import Value
from theseller.ingest.facts.history_windows import format_instant, parse_instant, whole_second
from theseller.ingest.facts.transaction_digests import text_digest
from theseller.ingest.facts.write_orders import write_api_orders
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance

#: Amazon's upper bound must lie two minutes in the past, by its own clock; five seconds are for
#: ours.
LAG = timedelta(minutes=2, seconds=5)
#: Each pass begins before the end of the last one: an order may show up late. Writing it twice
#: changes nothing.
OVERLAP = timedelta(minutes=10)
#: 0.0056 calls a second (`amazon/spapi_operations.py`) are one in 179 seconds.
EVERY = timedelta(minutes=3)
#: How many orders of a pass are recognized when the next one reads them again.
_MOST_DIGESTS = 1000


def start(at: datetime) -> tuple[dict[str, Any], int]:
    """Return the first cursor, an hour back, and the number of steps.

    The report of history ends now, and Amazon makes it from data that may be some minutes old.
    """
    return {
        "after": format_instant(whole_second(at - timedelta(hours=1))),
        "until": None,
        "token": None,
        "pages": 0,
    }, 1


def run_step(step: SyncStep) -> None:
    """Fetch and write one page."""
    cursor = dict(step.lease.cursor)
    until = cursor["until"] or format_instant(whole_second(step.at - LAG))
    if parse_instant(until) <= parse_instant(cursor["after"]):
        step.commit(Advance(due_at=step.at + EVERY))
        return
    params: dict[str, Value] = {
        "lastUpdatedAfter": parse_instant(cursor["after"]) - OVERLAP,
        "lastUpdatedBefore": parse_instant(until),
        "maxResultsPerPage": 100,
    }
    try:
        page = decode_orders_page(
            step.call(
                "searchOrders",
                params=params | ({"paginationToken": cursor["token"]} if cursor["token"] else {}),
            )
        )
    except (ExpiredError, InvalidRequestError):
        if not cursor["token"]:
            raise
        # The token has expired. Start the pass again; rows that it wrote are written again without
        # effect.
        step.commit(
            Advance(
                due_at=step.at,
                cursor={**cursor, "until": None, "token": None, "pages": 0, "reading": []},
            )
        )
        return
    step.note_unknown_fields("searchOrders", page.drift)
    unread, reading = _unread(page.orders, cursor)
    pages = cursor["pages"] + 1
    if page.next_token:
        later = Advance(
            due_at=step.at,
            cursor={
                **cursor,
                "until": until,
                "token": page.next_token,
                "pages": pages,
                "reading": reading,
            },
            work_done=pages,
            work_total=pages + 1,
        )
    else:
        fresh = {"after": until, "until": None, "token": None, "pages": 0, "read": reading}
        later = Advance(
            due_at=step.at + EVERY,
            cursor=fresh,
            work_done=pages,
            work_total=pages,
            fresh_until=parse_instant(until),
        )

    def write() -> None:
        if unread:
            write_api_orders(unread, tenant=step.tenant, connection=step.connection, at=step.at)

    step.commit(later, write)


def _unread(orders: Sequence[Order], cursor: Mapping[str, Any]) -> tuple[list[Order], list[str]]:
    """Return orders that the last pass did not read, and digests of this.

    Passes overlap. What an order says is merged with what is stored of it, whichever comes first
    (`order_merge`), so that the same order again changes nothing.
    """
    read = frozenset(cursor.get("read", ()))
    digests = [text_digest(msgspec.json.encode(order))[:12].hex() for order in orders]
    unread = [order for order, digest in zip(orders, digests, strict=True) if digest not in read]
    return unread, [*cursor.get("reading", ()), *digests][-_MOST_DIGESTS:]
