"""Fresh orders: searchOrders by last update, page by page, from where the last pass ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.orders import decode_orders_page
from theseller.amazon.errors import GoneError, InvalidRequestError
from theseller.amazon.spapi import Value
from theseller.ingest.persist import write_api_orders
from theseller.ingest.pull import Pull
from theseller.ingest.types import Advance
from theseller.ingest.windows import read, whole_second, written

#: Amazon's upper bound must lie two minutes in the past, by its own clock; five seconds are for ours.
LAG = timedelta(minutes=2, seconds=5)
#: Each pass begins before the end of the last one: an order may show up late. Writing it twice changes nothing.
OVERLAP = timedelta(minutes=10)
#: 0.0056 calls a second (operations.py) are one in 179 seconds.
EVERY = timedelta(minutes=3)


def start(at: datetime) -> tuple[dict[str, Any], int]:
    """Begin an hour back: the report of history ends now, and Amazon makes it from data that may be some minutes old."""
    return {"after": written(whole_second(at - timedelta(hours=1))), "until": None, "token": None, "pages": 0}, 1


def step(pull: Pull) -> None:
    """Fetch and write one page."""
    cursor = dict(pull.lease.cursor)
    until = cursor["until"] or written(whole_second(pull.at - LAG))
    if read(until) <= read(cursor["after"]):
        pull.commit(Advance(due_at=pull.at + EVERY))
        return
    params: dict[str, Value] = {
        "lastUpdatedAfter": read(cursor["after"]) - OVERLAP,
        "lastUpdatedBefore": read(until),
        "maxResultsPerPage": 100,
    }
    try:
        page = decode_orders_page(
            pull.ask("searchOrders", params=params | ({"paginationToken": cursor["token"]} if cursor["token"] else {}))
        )
    except (GoneError, InvalidRequestError):
        if not cursor["token"]:
            raise
        # The token lived its day. Begin the pass again; what it had written stands and is replaced by itself.
        pull.commit(Advance(due_at=pull.at, cursor={**cursor, "until": None, "token": None, "pages": 0}))
        return
    pull.saw("searchOrders", page.drift)
    pages = cursor["pages"] + 1
    if page.next_token:
        later = Advance(
            due_at=pull.at,
            cursor={**cursor, "until": until, "token": page.next_token, "pages": pages},
            work_done=pages,
            work_total=pages + 1,
        )
    else:
        fresh = {"after": until, "until": None, "token": None, "pages": 0}
        later = Advance(due_at=pull.at + EVERY, cursor=fresh, work_done=pages, work_total=pages, fresh_until=read(until))
    pull.commit(later, lambda: write_api_orders(page.orders, tenant=pull.tenant, connection=pull.connection, at=pull.at))
