"""State of one running emulator: settings, stored state, facts, clock."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.emulator.amount_and_time_formats import instant_exact
from theseller.emulator.fault_injection import Faults
from theseller.emulator.persisted_state import State
from theseller.emulator.settings import Config
from theseller.emulator.token_buckets import Buckets
from theseller.emulator.world.requested_changes import (
    Amendment,
    Amendments,
    amendment_of,
    record_of,
)
from theseller.emulator.world.world_queries import World


@dataclass(slots=True)
class CallCount:
    """How often an operation was called for a seller, whatever the answer.

    `statuses`: the number of answers per HTTP status.
    """

    count: int
    first: datetime
    last: datetime
    statuses: dict[int, int]


class Emulator:
    """The state of a running emulator: facts, limits, faults, call counts."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = State(config.state_dir)
        self.world = World(config.seed)
        self.world.amend(Amendments(amendment_of(record) for record in self.state.data["changes"]))
        self.buckets = Buckets(config.rate_scale)
        self.faults = Faults(config.seed)
        self.calls: dict[tuple[str, str], CallCount] = {}
        self.document_key = secrets.token_bytes(
            32
        )  # Links to documents live five minutes; a restart may end them early.

    def now(self) -> datetime:
        """Return the emulated instant: the machine's time plus the set offset."""
        return self.config.clock() + timedelta(seconds=self.state.data["clock_offset"])

    def change(self, amendment: Amendment) -> None:
        """Add a change to the facts and to the state file."""
        with self.state.lock:
            self.state.data["changes"].append(record_of(amendment))
            self.state.save()
            self.world.amend(Amendments((*self.world.amendments.all, amendment)))

    def count(self, seller_id: str, operation: str, status: int, at: datetime) -> None:
        """Remember that a call was made."""
        known = self.calls.setdefault((seller_id or "-", operation), CallCount(0, at, at, {}))
        known.count += 1
        known.last = at
        known.statuses[status] = known.statuses.get(status, 0) + 1

    def calls_report(self) -> list[dict[str, object]]:
        """Return the counts as JSON, sorted by seller and operation."""
        return [
            {
                "selling_partner_id": seller,
                "operation": operation,
                "count": known.count,
                "first": instant_exact(known.first),
                "last": instant_exact(known.last),
                "statuses": {
                    str(status): count for status, count in sorted(known.statuses.items())
                },
            }
            for (seller, operation), known in sorted(self.calls.items())
        ]

    def seal(self, text: str) -> str:
        """Return a short HMAC of `text`, the same after a restart.

        It proves that this emulator wrote `text`.
        """
        return hmac.new(
            f"paging:{self.config.seed}".encode(), text.encode(), hashlib.sha256
        ).hexdigest()[:32]
