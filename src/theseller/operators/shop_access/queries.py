"""Reads of access sessions, events to review, and reviews."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connections

from theseller.accounts.queries import names_of
from theseller.audit.event_types import Tag
from theseller.edge.database_routing import operators_database
from theseller.lib import sql_execution as statements
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.operators.shop_access.types import (
    REVIEW_EVERY,
    AccessEvent,
    AccessSession,
    EventGroup,
    OpenSession,
    Review,
    ReviewState,
    SessionEnd,
)

#: So many events are reviewed at once: everything that is confirmed was on the page.
EVENTS_SHOWN = 500
_SESSIONS_SHOWN = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The connection of a shop's own pages; all others of this file are read by the operators' one.
_TENANT_DATABASE = "default"
_TENANT_SESSIONS = """
select tenant_id, '', id, operator, reason, ticket, opened_at, expires_at, closed_at, closed_how
from governance_access_session order by opened_at desc, id limit 200
"""
_LAST_REVIEW = "select max(at) from governance_access_review"
_REVIEWS = (
    "select id, reviewer, at, events, failed_sign_ins, note from governance_access_review order by"
    " at desc, id limit %s"
)


def current_session(
    operator: UUID, *, at: datetime, using: str | None = None
) -> OpenSession | None:
    """Return the open session of `operator` at `at`, or None."""
    rows = _rows(
        "select tenant_id, tenant_name, id, opened_at, expires_at from guard.open_access(%s, %s)",
        [operator, at],
        using,
    )
    return OpenSession(*rows[0]) if rows else None


def sessions() -> tuple[AccessSession, ...]:
    """Return the newest sessions of all shops, for operators."""
    return _sessions(_rows("select * from guard.access_sessions(%s)", [_SESSIONS_SHOWN]), {})


def sessions_of_tenant() -> tuple[AccessSession, ...]:
    """Return the access sessions of the tenant in scope, newest first.

    With the pages viewed.
    """
    pages: dict[str, dict[str, None]] = defaultdict(dict)
    for _, subject, details in reversed(
        _rows("select at, subject, details from guard.access_views()", [], _TENANT_DATABASE)
    ):
        pages[subject][str(_details(details).get("page", ""))] = None
    return _sessions(
        _rows(_TENANT_SESSIONS, [], _TENANT_DATABASE),
        {subject: tuple(seen) for subject, seen in pages.items()},
    )


def expired_sessions(*, at: datetime) -> list[tuple[UUID, UUID, SessionEnd]]:
    """Return (tenant, session, how it ended) of sessions to be closed.

    They ended and are not recorded as closed.
    """
    return [
        (row[0], row[1], SessionEnd(row[2]))
        for row in _rows("select * from guard.ended_access(%s)", [at])
    ]


def events_to_review(
    *, most: int = EVENTS_SHOWN, using: str | None = None
) -> tuple[AccessEvent, ...]:
    """Return the oldest access events that no review covers."""
    rows = _rows("select * from guard.access_to_review(%s)", [most], using)
    return tuple(
        AccessEvent((txid, position), at, tag, actor, tenant, subject, _details(details))
        for txid, position, at, tag, actor, tenant, subject, details in rows
    )


def reasons() -> dict[str, str]:
    """Return why each of the newest sessions was opened.

    By the subject of its lines in the audit log.
    """
    return {
        f"access:{row[2]}": str(row[4])
        for row in _rows("select * from guard.access_sessions(200)", [])
    }


def grouped(events: Iterable[AccessEvent], why: Mapping[str, str]) -> tuple[EventGroup, ...]:
    """Join successive events of one kind by one actor.

    What each event was about is listed, with the reason if `why` has one.
    """
    groups = []
    for (tag, actor, tenant), found in groupby(
        events, key=lambda one: (one.tag, one.actor, one.tenant)
    ):
        members = list(found)
        what = dict.fromkeys(_what(one, why.get(one.subject, "")) for one in members)
        groups.append(
            EventGroup(
                tag, actor, "", tenant, members[0].at, members[-1].at, len(members), tuple(what)
            )
        )
    # None is taken out
    names = names_of({_person(one.actor) for one in groups} - {None})  # type: ignore[arg-type]
    return tuple(
        EventGroup(
            one.tag,
            one.actor,
            names.get(_person(one.actor) or UUID(int=0), ""),
            one.tenant,
            one.first_at,
            one.last_at,
            one.count,
            one.what,
        )
        for one in groups
    )


def refused_sign_ins_since(moment: datetime | None, *, using: str | None = None) -> int:
    """Count refused sign-ins and second factors after `moment`.

    All of them if it is None.
    """
    return int(_rows("select guard.refusals_since(%s)", [moment or _EPOCH], using)[0][0])


def reviews(*, most: int = 20) -> tuple[Review, ...]:
    """Return the newest reviews."""
    rows = _rows(_REVIEWS, [most])
    names = names_of({row[1] for row in rows})
    return tuple(Review(row[0], row[1], names.get(row[1], ""), *row[2:]) for row in rows)


def review_state(*, using: str | None = None) -> ReviewState:
    """Return when the next review is due.

    Two weeks after the last one or the oldest pending event.
    """
    last = _rows(_LAST_REVIEW, [], using)[0][0]
    oldest = next((one.at for one in events_to_review(most=1, using=using)), None)
    known = [moment for moment in (last, oldest) if moment is not None]
    return ReviewState(last, oldest, min(known) + REVIEW_EVERY if known else None)


def _sessions(rows: list[Any], pages: dict[str, tuple[str, ...]]) -> tuple[AccessSession, ...]:
    names = names_of({row[3] for row in rows})
    return tuple(
        AccessSession(
            tenant=tenant,
            tenant_name=shop,
            id=identity,
            operator=operator,
            operator_name=names.get(operator, ""),
            reason=reason,
            ticket=ticket,
            opened_at=opened,
            expires_at=expires,
            closed_at=closed,
            ended=SessionEnd(how) if how else None,
            pages=pages.get(f"access:{identity}", ()),
        )
        for tenant, shop, identity, operator, reason, ticket, opened, expires, closed, how in rows
    )


def _what(event: AccessEvent, reason: str) -> str:
    if event.tag == Tag.ACCESS_OPENED:
        return marked(
            gettext_noop("%(ticket)s, %(minutes)s minutes: %(reason)s"),
            ticket=event.details.get("ticket"),
            minutes=event.details.get("minutes"),
            reason=reason or marked(gettext_noop("the reason is too old to be shown here")),
        )
    said = " ".join(
        f"{name}={value}"
        for name, value in sorted(event.details.items())
        if name != "reason_sha256"
    )
    return str(event.details.get("page") or f"{event.subject} {said}".strip())


def _person(actor: str) -> UUID | None:
    try:
        return UUID(actor.partition(":")[2])
    except ValueError:
        return None


# text or object, as the driver gives it
def _details(value: Any) -> dict[str, Any]:  # noqa: ANN401
    return dict(json.loads(value) if isinstance(value, str) else value)


def _rows(sql: str, parameters: list[Any], using: str | None = None) -> list[Any]:
    return list(statements.rows(connections[using or operators_database()], sql, parameters))
