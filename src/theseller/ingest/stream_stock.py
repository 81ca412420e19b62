"""Stock at Amazon: all pages of one store in one go, since Amazon's page token dies after thirty seconds."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.inventory import Summary, decode_inventory
from theseller.amazon.errors import ThrottledError
from theseller.amazon.spapi import Value
from theseller.ingest.pull import Pull
from theseller.ingest.stock import write_inventory
from theseller.ingest.types import Advance

EVERY = timedelta(minutes=30)
#: A store that holds nothing is asked once a day.
EMPTY_EVERY = timedelta(days=1)
#: The bucket gives two pages a second. Waiting so long for the next token is cheaper than starting all pages over.
_PATIENCE = 2.0


def start(at: datetime) -> tuple[dict[str, Any], int]:  # noqa: ARG001  # every stream starts by the same signature
    return {}, 1


def step(pull: Pull) -> None:
    """Fetch all pages of one store's stock, then replace what stood."""
    store = pull.lease.key.marketplace_id
    params: dict[str, Value] = {"details": True, "granularityType": "Marketplace", "granularityId": store, "marketplaceIds": [store]}
    found: list[Summary] = []
    token: str | None = None
    while True:
        _pay(pull, patient=token is not None)
        page = decode_inventory(pull.ask("getInventorySummaries", params=params | ({"nextToken": token} if token else {}), paid=True))
        pull.saw("getInventorySummaries", page.drift)
        found.extend(page.summaries)
        token = page.next_token
        if token is None:
            break
    later = Advance(due_at=pull.at + (EVERY if found else EMPTY_EVERY), work_done=1, work_total=1, fresh_until=pull.at)
    pull.commit(later, lambda: write_inventory(found, marketplace_id=store, tenant=pull.tenant, connection=pull.connection, at=pull.at))


def _pay(pull: Pull, *, patient: bool) -> None:
    try:
        pull.pay("getInventorySummaries")
    except ThrottledError as error:
        wait = (error.not_before - pull.now()).total_seconds()
        if not patient or wait > _PATIENCE:
            raise
        time.sleep(max(wait, 0.0) + 0.01)
        pull.pay("getInventorySummaries")
