"""Queries of how far and how fresh a tenant's data is.

Each runs inside the caller's tenant scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from theseller.ingest.report_handlers.registry import types_completing
from theseller.ingest.report_handlers.types import Facts
from theseller.ingest.sync.streams.registry import KINDS, StreamKind
from theseller.ingest.types import Freshness, Outcome, StreamProgress
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

_OPEN = """
from ingest_stream s where s.tenant_id = %(tenant)s and not exists (
    select from connections_disconnection d where d.tenant_id = s.tenant_id
        and d.connection_id = s.connection_id)
    and (%(visible)s::text[] is null or (
        (s.marketplace_id = '' or s.marketplace_id = any (%(visible)s::text[])) and exists (
            select from connections_connection c where c.tenant_id = s.tenant_id
                and c.id = s.connection_id and c.marketplace_ids && %(visible)s::text[])))
"""
#: A document of some of the person's marketplaces.
_VISIBLE_DOCUMENT = "(%(visible)s::text[] is null or marketplace_ids && %(visible)s::text[])"

#: What the page says about an outcome that stops a stream.
_NOTES: dict[Outcome, str] = {
    Outcome.ACCOUNT_BLOCKED: (
        gettext_noop(
            "Amazon denies access to this seller account. Contact Amazon Seller Support. We retry"
            " automatically."
        )
    ),
    Outcome.CLIENT_SECRET_INVALID: (
        gettext_noop(
            "Amazon rejects this service's credentials. The operator must replace them. No data is"
            " lost."
        )
    ),
    Outcome.DRIFTED: (
        gettext_noop(
            "Amazon changed the format of its response, and this version can't read it. The error"
            " is logged for the operator. No data is lost."
        )
    ),
    Outcome.FAULT: (
        gettext_noop(
            "An internal error occurred. It is logged for the operator. We retry automatically."
        )
    ),
    Outcome.KEYS_UNAVAILABLE: (
        gettext_noop(
            "Our key service is unavailable. Syncing resumes automatically. No data is lost."
        )
    ),
    Outcome.MISCONFIGURED: (
        gettext_noop(
            "This service is not registered correctly with Amazon. The operator must correct the"
            " registration. No data is lost."
        )
    ),
    Outcome.OTHER_SELLER: (
        gettext_noop(
            "Amazon reports a different seller for this connection, so syncing has stopped."
            " Disconnect it, then connect again."
        )
    ),
    Outcome.REFUSED: (
        gettext_noop(
            "Amazon rejected the request or sent an incomplete report. We retry automatically."
        )
    ),
    Outcome.REPORT_FAILED: (
        gettext_noop(
            "Amazon could not generate one of the reports. We request it again automatically; the"
            " other reports continue."
        )
    ),
    Outcome.ROLE_MISSING: (
        gettext_noop(
            "Your authorization does not include this data. Authorize again to add it; everything"
            " else continues to sync."
        )
    ),
    Outcome.SELLER_UNCONFIRMED: (
        gettext_noop(
            "Amazon has not confirmed the seller of this connection yet. Its first transaction"
            " confirms it; syncing starts then."
        )
    ),
    Outcome.THROTTLED: (
        gettext_noop(
            "Amazon's rate limit was reached. Syncing continues as soon as Amazon allows the next"
            " request."
        )
    ),
    Outcome.UNAVAILABLE: (
        gettext_noop(
            "Amazon did not send a valid response. We retry automatically. No data is lost."
        )
    ),
    Outcome.WAITING: gettext_noop("Amazon is preparing the next report."),
}
_STOPPING = frozenset(_NOTES) - {Outcome.THROTTLED, Outcome.UNAVAILABLE, Outcome.WAITING}
#: Failures in a row after which the page reports an outage.
_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class _Stream:
    connection: UUID
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
        return self.outcome in _STOPPING or (
            self.outcome is Outcome.UNAVAILABLE and self.failures >= _PATIENCE
        )


def progress(*, using: str = "default") -> tuple[StreamProgress, ...]:
    """Return how far each kind of data of the tenant in scope is.

    Over all its open connections, in the order in which pages show them. Stores in which the seller
    does not sell are left out where another store answers.
    """
    parameters = {"tenant": current_tenant(), "visible": visible_marketplaces()}
    streams = [
        _stream(row)
        for row in sql_execution.rows(
            connections[using],
            "select s.connection_id, s.name, s.work_done, s.work_total, s.last_outcome,"
            " s.failures_in_row, s.due_at, s.last_success_at, s.fresh_until" + _OPEN,
            parameters,
        )
    ]
    grouped = (
        (kind, [stream for stream in streams if stream.name == kind.name])
        for kind in KINDS.values()
    )
    return tuple(_progress(kind, found) for kind, found in grouped if found)


def freshness(*, using: str = "default") -> Freshness:
    """Return until when the tenant's figures are complete.

    Pulled as of the slowest stream, else as of the newest file.
    """
    return Freshness(
        *sql_execution.one(
            connections[using],
            f"""
        select coalesce((select min(s.fresh_until) {_OPEN} and s.name = 'orders'),
                        (select max(covers_until) from ingest_document
                         where tenant_id = %(tenant)s and report_type = any(%(orders)s::text[])
                             and {_VISIBLE_DOCUMENT})),
               coalesce((select min(s.fresh_until) {_OPEN} and s.name = 'transactions'),
                        (select max(covers_until) from ingest_document
                         where tenant_id = %(tenant)s and report_type = any(%(money)s::text[])
                             and {_VISIBLE_DOCUMENT})),
               (select max(as_of) from ingest_inventory where tenant_id = %(tenant)s
                    and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[])))
        """,  # noqa: S608
            {
                "tenant": current_tenant(),
                "visible": visible_marketplaces(),
                "orders": types_completing(Facts.ORDERS),
                "money": types_completing(Facts.MONEY),
            },
        )
    )


def is_running(streams: Sequence[StreamProgress]) -> bool:
    """Say whether anything is still arriving, so that a page should refresh.

    A history that Amazon rations takes days: no page waits for it.
    """
    return any(stream.step in {"now", "waiting"} and not stream.is_rationed for stream in streams)


def _stream(row: tuple[Any, ...]) -> _Stream:
    connection, name, done, total, outcome, failures, due_at, success_at, fresh_until = row
    known = Outcome(outcome) if outcome in set(Outcome) else Outcome.FAULT
    return _Stream(connection, name, done, total, known, failures, due_at, success_at, fresh_until)


def _progress(kind: StreamKind, streams: list[_Stream]) -> StreamProgress:
    answering = [
        stream
        for stream in streams
        if not (kind.per_store and stream.outcome is Outcome.ROLE_MISSING)
    ] or streams
    done, total = (
        sum(stream.done for stream in answering),
        sum(stream.total for stream in answering),
    )
    stopped = next((stream for stream in answering if stream.stopped), None)
    step = _step_of(answering, stopped)
    shown = stopped or next((stream for stream in answering if not stream.finished), answering[0])
    return StreamProgress(
        name=kind.name,
        title=_(kind.title),
        done=done,
        total=total,
        percent=100 * done // total if total else 0,
        step=step,
        state={"done": _("up to date"), "failed": _("paused"), "waiting": _("queued")}.get(
            step,
            _("%(done)d of %(total)d %(unit)s")
            % {"done": done, "total": total, "unit": _(kind.unit)},
        ),
        note=_note(kind, answering, shown.outcome, step),
        last_success_at=max(
            (stream.success_at for stream in answering if stream.success_at), default=None
        ),
        next_due_at=min((stream.due_at for stream in answering), default=None),
        fresh_until=min(
            (stream.fresh_until for stream in answering if stream.fresh_until), default=None
        ),
        is_rationed=bool(kind.rationed),
    )


def _note(kind: StreamKind, streams: list[_Stream], outcome: Outcome, step: str) -> str:
    if step in {"done", "waiting"}:
        return ""
    if step == "failed" and outcome is Outcome.ROLE_MISSING and kind.role_missing:
        return _(kind.role_missing)
    if step == "now" and kind.rationed:
        return _pace(kind, streams)
    return _(_NOTES[outcome]) if outcome in _NOTES else ""


def _pace(kind: StreamKind, streams: list[_Stream]) -> str:
    """Say how many reports a day there are, and how long the rest takes."""
    a_day = settings.REPORTS_PER_DAY[kind.rationed]
    by_connection = [
        [stream for stream in streams if stream.connection == connection]
        for connection in {stream.connection for stream in streams}
    ]
    number = {"number": a_day}
    if any(len(found) * kind.each_day >= a_day for found in by_connection):
        return (
            _(
                "At most %(number)d reports a day are requested of Amazon, and the newest days"
                " use them up: older days stay without data."
            )
            % number
        )
    days = max(
        ceil(
            sum(stream.total - stream.done for stream in found)
            / (a_day - len(found) * kind.each_day)
        )
        for found in by_connection
    )
    return ngettext(
        "At most %(number)d reports a day are requested of Amazon, the newest days first. The"
        " history is complete in about a day.",
        "At most %(number)d reports a day are requested of Amazon, the newest days first. The"
        " history is complete in about %(days)d days.",
        days,
    ) % (number | {"days": days})


def _step_of(streams: list[_Stream], stopped: _Stream | None) -> str:
    if stopped is not None:
        return "failed"
    if all(stream.finished for stream in streams):
        return "done"
    return "waiting" if all(stream.outcome is Outcome.NEVER_RUN for stream in streams) else "now"
