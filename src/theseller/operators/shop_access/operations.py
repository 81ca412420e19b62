"""Opening and closing of access sessions, viewed pages, and reviews."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections, transaction

from theseller.accounts.queries import is_operator, operators
from theseller.accounts.types import Operator
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import operators_database
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.operators.shop_access.queries import (
    current_session,
    events_to_review,
    expired_sessions,
    refused_sign_ins_since,
    review_state,
)
from theseller.operators.shop_access.types import (
    REASON_LENGTH_MAX,
    REASON_LENGTH_MIN,
    SESSION_LENGTH_MAX,
    AccessRefusedError,
    LogPosition,
    OpenSession,
    Review,
    SessionEnd,
)
from theseller.tenancy.tenant_scope import tenant_scope

_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._#/-]{0,59}")
#: An arbitrary number that no other advisory lock of ours has: those are hashes or other numbers.
_REVIEW_LOCK = 7_105_003


def open_access(
    *, actor: Operator, tenant: UUID, reason: str, ticket: str, minutes: int, at: datetime
) -> OpenSession:
    """Give an operator read-only access to one shop for `minutes`.

    Raises:
        AccessRefusedError: reason, ticket or time are not good enough, there is no such shop, or
            another session is open.
    """
    reason, ticket = " ".join(reason.split()), ticket.strip()
    _check(reason, ticket, minutes)
    if not is_operator(actor.person):
        raise AccessRefusedError(gettext_noop("You are not an operator of this deployment."))
    if current_session(actor.person, at=at) is not None:
        raise AccessRefusedError(gettext_noop("You already have an open session. End it first."))
    opened = new_id()
    # The log must hold no personal data, and the reason may: its digest proves that it was not
    # changed.
    with tenant_scope(tenant, using=operators_database()):
        shop = sql_execution.one(
            connections[operators_database()],
            "select name from tenancy_tenant where id = %s",
            [tenant],
        )
        if shop is None:
            raise AccessRefusedError(
                gettext_noop(
                    "There is no shop with this ID. The seller finds it on the shop's support"
                    " access log page."
                )
            )
        expires = at + timedelta(minutes=minutes)
        sql_execution.execute(
            connections[operators_database()],
            "insert into governance_access_session (tenant_id, id, operator, reason, ticket,"
            " opened_at, expires_at) values (%s, %s, %s, %s, %s, %s, %s)",
            [tenant, opened, actor.person, reason, ticket, at, expires],
        )
        details: dict[str, str | int] = {
            "ticket": ticket,
            "minutes": minutes,
            "reason_sha256": hashlib.sha256(reason.encode()).hexdigest(),
        }
        record(
            Tag.ACCESS_OPENED,
            actor=actor.actor,
            tenant=tenant,
            subject=f"access:{opened}",
            at=at,
            details=details,
            using=operators_database(),
        )
    return OpenSession(tenant, str(shop[0]), opened, at, expires)


def close_access(
    *, session: UUID, tenant: UUID, ended: SessionEnd, actor: str, at: datetime
) -> bool:
    """End a session now; False if it was ended before."""
    with tenant_scope(tenant, using=operators_database()):
        if not sql_execution.execute(
            connections[operators_database()],
            "update governance_access_session set closed_at = %s, closed_how = %s where tenant_id ="
            " %s and id = %s and closed_at is null",
            [at, ended.value, tenant, session],
        ):
            return False
        record(
            Tag.ACCESS_CLOSED,
            actor=actor,
            tenant=tenant,
            subject=f"access:{session}",
            at=at,
            details={"how": ended.value},
            using=operators_database(),
        )
    return True


def close_expired(*, at: datetime) -> int:
    """Record the end of expired sessions; return how many.

    They gave no access since they expired.
    """
    return sum(
        close_access(session=session, tenant=tenant, ended=how, actor="process:access", at=at)
        for tenant, session, how in expired_sessions(at=at)
    )


def record_view(*, session: UUID, tenant: UUID, page: str, actor: str, at: datetime) -> None:
    """Record that a page will be shown, committed before its data is read.

    `page` has names of parameters, never values.
    """
    with tenant_scope(tenant, using=operators_database()):
        record(
            Tag.ACCESS_VIEWED,
            actor=actor,
            tenant=tenant,
            subject=f"access:{session}",
            at=at,
            details={"page": page[:300]},
            using=operators_database(),
        )


def confirm_review(*, actor: Operator, until: LogPosition, note: str, at: datetime) -> Review:
    """Confirm the review of events up to `until`.

    The reviewer's own actions are left for another operator, if there is one.

    Raises:
        AccessRefusedError: the note is empty, `until` is no event that waits, or all of them are
            the reviewer's own.
    """
    note = note.strip()
    if not 1 <= len(note) <= 2000:
        raise AccessRefusedError(
            gettext_noop("Describe in a note what you reviewed and what you found.")
        )
    with transaction.atomic(using=operators_database()):
        sql_execution.execute(
            connections[operators_database()], "select pg_advisory_xact_lock(%s)", [_REVIEW_LOCK]
        )
        waiting = events_to_review()
        if until not in {one.position for one in waiting} and (waiting or until != (0, 0)):
            raise AccessRefusedError(
                gettext_noop(
                    "The list has changed since you opened it. Review it again; nothing was"
                    " confirmed."
                )
            )
        alone = len(operators()) < 2
        own = {f"user:{actor.person}", actor.actor}
        covered = [
            one for one in waiting if one.position <= until and (alone or one.actor not in own)
        ]
        if waiting and not covered:
            raise AccessRefusedError(
                gettext_noop("These are your own actions. Another operator has to review them.")
            )
        refused = refused_sign_ins_since(review_state().last_at)
        review = Review(new_id(), actor.person, actor.person_name, at, len(covered), refused, note)
        sql_execution.execute(
            connections[operators_database()],
            "insert into governance_access_review (id, reviewer, at, until_txid, until_position,"
            " covers_own, events, failed_sign_ins, note) values (%s, %s, %s, %s, %s, %s, %s,"
            " %s, %s)",
            [review.id, review.reviewer, at, *until, alone, review.events, refused, note],
        )
        details = {
            "events": review.events,
            "failed_sign_ins": refused,
            "until": until[1],
            "covers_own": alone,
        }
        record(
            Tag.ACCESS_REVIEWED,
            actor=actor.actor,
            tenant=None,
            subject=f"review:{review.id}",
            at=at,
            details=details,
            using=operators_database(),
        )
    return review


def _check(reason: str, ticket: str, minutes: int) -> None:
    if not REASON_LENGTH_MIN <= len(reason) <= REASON_LENGTH_MAX:
        raise AccessRefusedError(
            marked(
                gettext_noop(
                    "Give a reason of %(least)s to %(most)s characters. The seller can read it."
                ),
                least=REASON_LENGTH_MIN,
                most=REASON_LENGTH_MAX,
            )
        )
    if not _TICKET.fullmatch(ticket):
        raise AccessRefusedError(
            gettext_noop(
                "Enter the ticket of the seller's request: letters, digits and . _ # / - only,"
                " such as SUP-1234."
            )
        )
    if not timedelta(minutes=1) <= timedelta(minutes=minutes) <= SESSION_LENGTH_MAX:
        raise AccessRefusedError(
            marked(
                gettext_noop("A session lasts 1 to %(most)s minutes."),
                most=SESSION_LENGTH_MAX.seconds // 60,
            )
        )
