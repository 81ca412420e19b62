"""Values that sync, imports and facts share: leases, outcomes, origins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write did.

    A unit is a whole order, transaction, settlement or store's stock.

    `rows`: lines added. `replaced`: lines removed for them. `unchanged`: units already stored with
    the same content. `outdated`: units left out because a newer version is stored. `too_old`: lines
    older than facts are kept. `elsewhere`: lines of sales outside Amazon's stores. `days`: days of
    stores whose rollups are now to be recomputed. `totals`: payouts of settlements that were not
    stored like this.
    """

    rows: int = 0
    replaced: int = 0
    unchanged: int = 0
    outdated: int = 0
    too_old: int = 0
    elsewhere: int = 0
    days: int = 0
    totals: int = 0

    @property
    def skipped(self) -> int:
        """Lines left out for a reason that `ingest_document` counts."""
        return self.too_old + self.elsewhere

    def __add__(self, other: WriteResult) -> WriteResult:
        return WriteResult(
            self.rows + other.rows,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
            self.outdated + other.outdated,
            self.too_old + other.too_old,
            self.elsewhere + other.elsewhere,
            self.days + other.days,
            self.totals + other.totals,
        )


class OrderSource(StrEnum):
    """Which source of Amazon's an order line came from."""

    ALL_ORDERS_REPORT = "all_orders_report"
    ORDERS_API = "orders_api"


class DocumentOrigin(StrEnum):
    """Whether we fetched a document or the seller gave it to us."""

    IMPORTED = "imported"
    PULLED = "pulled"


class Outcome(StrEnum):
    """How the last step of a stream ended.

    Stored in `last_outcome` of `ingest_stream`.
    """

    ACCOUNT_BLOCKED = "account_blocked"
    CLIENT_SECRET_INVALID = "client_secret_invalid"  # the name of an outcome  # noqa: S105
    DRIFTED = "drifted"
    FAULT = "fault"
    KEYS_UNAVAILABLE = "keys_unavailable"
    MISCONFIGURED = "misconfigured"
    NEVER_RUN = "never_run"
    OK = "ok"
    OTHER_SELLER = "other_seller"
    REFUSED = "refused"
    REPORT_FAILED = "report_failed"
    ROLE_MISSING = "role_missing"
    SELLER_UNCONFIRMED = "seller_unconfirmed"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Key of a stream.

    `marketplace_id` is empty where one stream serves the whole region.
    """

    tenant: UUID
    connection: UUID
    name: str
    marketplace_id: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a stream until it expires.

    `id` is a fencing token of every write: a worker whose lease has expired changes nothing.
    `is_released`: it was given back with the last write.
    """

    key: StreamKey
    id: UUID
    cursor: dict[str, Any]
    work_done: int
    work_total: int
    failures_in_row: int
    fresh_until: datetime | None
    due_at: datetime
    is_released: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """Where a step leaves its stream. None keeps what is there."""

    due_at: datetime
    cursor: dict[str, Any] | None = None
    work_done: int | None = None
    work_total: int | None = None
    fresh_until: datetime | None = None
    outcome: Outcome = Outcome.OK


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far one kind of data is, as the page shows it.

    `step` is what the page's component draws: done, now, waiting or failed.
    """

    name: str
    title: str
    done: int
    total: int
    percent: int
    step: str
    state: str
    note: str
    last_success_at: datetime | None
    next_due_at: datetime | None
    fresh_until: datetime | None
    #: Amazon makes few of its reports a day: nothing else waits for it.
    is_rationed: bool = False


@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when the tenant's orders, money and inventory are complete.

    None: nothing has arrived yet.
    """

    orders_until: datetime | None
    money_until: datetime | None
    stock_as_of: datetime | None
