"""Reads of how far and how fresh a tenant's data is. Each runs inside the caller's tenant scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from theseller.ingest.reports.registry import types_completing
from theseller.ingest.reports.types import Facts
from theseller.ingest.sync.streams.registry import KINDS, StreamKind
from theseller.ingest.types import Freshness, Outcome, StreamProgress
from theseller.tenancy.scope import current_tenant

_OPEN = """
from ingest_stream s where s.tenant_id = %(tenant)s and not exists (
    select from connections_disconnection d where d.tenant_id = s.tenant_id and d.connection_id = s.connection_id)
"""

#: What the page says about an outcome that stops a stream.
_NOTES: dict[Outcome, str] = {
    Outcome.ACCOUNT_BLOCKED: "Amazon denies access to this seller account. Ask Amazon's seller support; we look again by ourselves.",
    Outcome.CLIENT_SECRET_INVALID: "Amazon does not accept this service's own credentials. Its operator has to replace them; nothing is lost.",
    Outcome.DRIFTED: "Amazon's answer has a new shape that this version cannot read. The service's log records it for the operator; nothing is lost.",
    Outcome.FAULT: "Something went wrong on our side. The service's log records it for the operator; we try again by ourselves.",
    Outcome.KEYS_UNAVAILABLE: "The service that stores our keys does not answer. We go on by ourselves, and nothing is lost.",
    Outcome.MISCONFIGURED: "This service's registration at Amazon is not right. Its operator has to correct it; nothing is lost.",
    Outcome.OTHER_SELLER: "Amazon names another seller than this connection. Nothing is read any more: disconnect it and connect again.",
    Outcome.REFUSED: "Amazon refused the request or sent a report that is not whole. We try again by ourselves.",
    Outcome.REPORT_FAILED: "Amazon could not make one of the reports. We ask again by ourselves; the others go on.",
    Outcome.ROLE_MISSING: "Your authorization does not cover this. Authorize again to add it; everything else goes on.",
    Outcome.SELLER_UNCONFIRMED: "Amazon has not named the seller of this connection yet; its first transaction does. Nothing is read until then.",
    Outcome.THROTTLED: "Amazon allows only so many requests. It goes on as soon as Amazon allows the next one.",
    Outcome.UNAVAILABLE: "Amazon did not answer properly. We try again by ourselves; nothing is lost.",
    Outcome.WAITING: "Amazon is preparing the next report.",
}
_STOPPING = frozenset(_NOTES) - {Outcome.THROTTLED, Outcome.UNAVAILABLE, Outcome.WAITING}
#: An outage is worth a word only when it lasts.
_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class _Stream:
    name: str
    done: int
    total: int
    outcome: Outcome
    failures: int
    due_at: datetime
    success_at: datetime | None
    fresh_until: datetime | None

    @property
    def finished(self) -> bool:
        return self.success_at is not None and self.done >= self.total

    @property
    def stopped(self) -> bool:
        return self.outcome in _STOPPING or (self.outcome is Outcome.UNAVAILABLE and self.failures >= _PATIENCE)


def progress(*, using: str = "default") -> tuple[StreamProgress, ...]:
    """Return how far each kind of data of the tenant in scope is, over all its open connections, in the order in which people see them.

    Stores in which the seller does not sell are left out where another store answers.
    """
    parameters = {"tenant": current_tenant()}
    with connections[using].cursor() as cursor:
        cursor.execute(
            "select s.name, s.work_done, s.work_total, s.last_outcome, s.failures_in_row, s.due_at, s.last_success_at, s.fresh_until"
            + _OPEN,
            parameters,
        )
        streams = [_stream(row) for row in cursor.fetchall()]
    grouped = ((kind, [stream for stream in streams if stream.name == kind.name]) for kind in KINDS.values())
    return tuple(_progress(kind, found) for kind, found in grouped if found)


def freshness(*, using: str = "default") -> Freshness:
    """Return until when the books of the tenant in scope are complete: pulled as of the slowest stream, else as of the newest file."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            select coalesce((select min(s.fresh_until) {_OPEN} and s.name = 'orders'),
                            (select max(covers_until) from ingest_document
                             where tenant_id = %(tenant)s and report_type = any(%(orders)s::text[]))),
                   coalesce((select min(s.fresh_until) {_OPEN} and s.name = 'transactions'),
                            (select max(covers_until) from ingest_document
                             where tenant_id = %(tenant)s and report_type = any(%(money)s::text[]))),
                   (select max(as_of) from ingest_inventory where tenant_id = %(tenant)s)
            """,  # noqa: S608  # of this module's own parts
            {
                "tenant": current_tenant(),
                "orders": types_completing(Facts.ORDERS),
                "money": types_completing(Facts.MONEY),
            },
        )
        return Freshness(*cursor.fetchone())


def is_running(streams: Sequence[StreamProgress]) -> bool:
    """Say whether anything is still arriving, so that a page should look again soon."""
    return any(stream.step in {"now", "waiting"} for stream in streams)


def _stream(row: tuple[Any, ...]) -> _Stream:
    name, done, total, outcome, failures, due_at, success_at, fresh_until = row
    known = Outcome(outcome) if outcome in set(Outcome) else Outcome.FAULT
    return _Stream(name, done, total, known, failures, due_at, success_at, fresh_until)


def _progress(kind: StreamKind, streams: list[_Stream]) -> StreamProgress:
    answering = [stream for stream in streams if not (kind.per_store and stream.outcome is Outcome.ROLE_MISSING)] or streams
    done, total = sum(stream.done for stream in answering), sum(stream.total for stream in answering)
    stopped = next((stream for stream in answering if stream.stopped), None)
    step = _step_of(answering, stopped)
    shown = stopped or next((stream for stream in answering if not stream.finished), answering[0])
    return StreamProgress(
        name=kind.name,
        title=kind.title,
        done=done,
        total=total,
        percent=100 * done // total if total else 0,
        step=step,
        state={"done": "up to date", "failed": "paused", "waiting": "queued"}.get(step, f"{done} of {total} {kind.unit}"),
        note="" if step in {"done", "waiting"} else _NOTES.get(shown.outcome, ""),
        last_success_at=max((stream.success_at for stream in answering if stream.success_at), default=None),
        next_due_at=min((stream.due_at for stream in answering), default=None),
        fresh_until=min((stream.fresh_until for stream in answering if stream.fresh_until), default=None),
    )


def _step_of(streams: list[_Stream], stopped: _Stream | None) -> str:
    if stopped is not None:
        return "failed"
    if all(stream.finished for stream in streams):
        return "done"
    return "waiting" if all(stream.outcome is Outcome.NEVER_RUN for stream in streams) else "now"
