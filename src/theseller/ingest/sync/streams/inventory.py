"""Inventory stream: all pages of one store in one step.

The page token expires after 30 seconds.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.inventory import Summary, decode_inventory
from theseller.amazon.errors import ThrottledError
from theseller.amazon.spapi_client import Value
from theseller.ingest.facts.inventory_writer import write_inventory
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance

EVERY = timedelta(minutes=30)
#: A store that holds nothing is asked once a day.
EMPTY_EVERY = timedelta(days=1)
#: The bucket gives two pages a second. Waiting so long for the next token is cheaper than starting
#: all pages over.
_PATIENCE = 2.0


# every stream starts by the same signature
def start(at: datetime) -> tuple[dict[str, Any], int]:  # noqa: ARG001
    """Return the first cursor and the number of steps."""
    return {}, 1


def run_step(step: SyncStep) -> None:
    """Fetch all pages of one store's stock, then replace what stood."""
    store = step.lease.key.marketplace_id
    params: dict[str, Value] = {
        "details": True,
        "granularityType": "Marketplace",
        "granularityId": store,
        "marketplaceIds": [store],
    }
    found: list[Summary] = []
    token: str | None = None
    while True:
        _pay(step, patient=token is not None)
        page = decode_inventory(
            step.call(
                "getInventorySummaries",
                params=params | ({"nextToken": token} if token else {}),
                paid=True,
            )
        )
        step.note_unknown_fields("getInventorySummaries", page.drift)
        found.extend(page.summaries)
        token = page.next_token
        if token is None:
            break
    later = Advance(
        due_at=step.at + (EVERY if found else EMPTY_EVERY),
        work_done=1,
        work_total=1,
        fresh_until=step.at,
    )
    step.commit(
        later,
        lambda: write_inventory(
            found, marketplace_id=store, tenant=step.tenant, connection=step.connection, at=step.at
        ),
    )


def _pay(step: SyncStep, *, patient: bool) -> None:
    try:
        step.pay("getInventorySummaries")
    except ThrottledError as error:
        wait = (error.not_before - step.now()).total_seconds()
        if not patient or wait > _PATIENCE:
            raise
        time.sleep(max(wait, 0.0) + 0.01)
        step.pay("getInventorySummaries")
