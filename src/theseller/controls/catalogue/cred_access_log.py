"""Security page §3: operators' access is logged and reviewed.

The log of access to credentials and data is tamper-evident.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.audit.log_verification import complete_and_verify, notices_changes
from theseller.audit.types import Verdict
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    Control,
    EnforcementKind,
    HostScope,
    Outcome,
    must_find,
    verdict,
)
from theseller.lib.translation_marks import gettext_noop
from theseller.operators.shop_access.queries import current_session, review_state
from theseller.operators.shop_access.types import REVIEW_EVERY, SESSION_LENGTH_MAX, ReviewState
from theseller.tenancy.tenant_scope import LONGEST_TICKET

CONTROL = Control(
    id="cred-access-log",
    section=3,
    title=gettext_noop("Operators' access to credentials and data is logged and reviewed"),
    statement=gettext_noop(
        "Operators see nothing of a shop by default. A session opens one shop for an hour at most,"
        " read only, with a reason that the shop's owner can read. Each session and each touch of a"
        " credential is in a log whose lines are sealed by signed checkpoints, with a copy outside"
        " the database; another operator reviews it every two weeks."
    ),
    citation="Security page §3; Data Protection Policy 2.6",
    owner=gettext_noop("Operations"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.audit.checkpointing:seal",
        "theseller.audit.log_verification:verify_log",
        "theseller.operators.shop_access.operations:open_access",
        "theseller.operators.shop_access.operations:confirm_review",
        "theseller/audit/sql/checkpoint.sql",
        "theseller/governance/sql/access.sql",
    ),
    after=(Tag.ACCESS_CLOSED, Tag.ACCESS_OPENED, Tag.ACCESS_REVIEWED),
    kind=EnforcementKind.SOFTWARE_AND_PROCEDURE,
    hosts=HostScope.WORKERS,
)

#: A longer log is checked in part: what is new, and as much else as fills this, from an
#: unpredictable start.
LINES_MOST = 200_000
#: A line can be sealed when its transaction has ended, which the longest statement and ticket
#: bound: 31 minutes, for an erasure. The job seals every five minutes, and one run may fail.
UNSEALED_AT_MOST = LONGEST_TICKET + timedelta(minutes=10)
#: The job that writes down the end of a session runs every minute.
_CLOSED_WITHIN = timedelta(minutes=10)
_LOOKBACK = timedelta(days=30)
_FINDINGS_MOST = 20

_VERIFIED = """
select (observations ->> 'verified_to')::bigint from controls_evidence
where control_id = 'cred-access-log' and outcome = 'met' order by position desc limit 1
"""
_SESSIONS = (
    "select id, operator, opened_at, expires_at, closed_at from governance_access_session where"
    " opened_at > %s or closed_at is null"
)
_UNLOGGED_SESSIONS = """
select count(*) from governance_access_session s where not exists (
    select from audit_event e where e.tag = 'governance:access:opened'
      and e.subject = 'access:' || s.id and e.tenant_id = s.tenant_id)
"""
_UNLOGGED_REVIEWS = """
select count(*) from governance_access_review r where not exists (
    select from audit_event e
    where e.tag = 'governance:access:reviewed' and e.subject = 'review:' || r.id)
"""


def probe(context: ProbeContext) -> Outcome:
    """Check the log against its seals, ended sessions, and the last review."""
    since = next((row[0] for row in context.rows(_VERIFIED) if row[0] is not None), 0)
    log = complete_and_verify(
        at=context.at,
        rows_most=LINES_MOST,
        since=since,
        choose=secrets.randbelow,
        using=context.probe,
        writer=context.application,
    )
    state = review_state(using=context.probe)
    failures = [*_log(log, context), *_sessions(context), *_reviews(state, context)]
    if not failures:
        must_find(
            notices_changes(), "a line that was changed, one that is missing and one that was added"
        )
    return verdict(
        log.rows_checked,
        failures,
        f"{log.rows_checked} of {log.rows_sealed} sealed lines are as they were written, under"
        f" {log.checkpoints} signed checkpoints that a"
        f" copy outside the database repeats; {log.unsealed} newer line(s) wait for the next."
        f" {'Restorations: ' + ' '.join(log.lost) + ' ' if log.lost else ''}"
        f"{_summary(state, context)}",
        lines_checked=log.rows_checked,
        lines_sealed=log.rows_sealed,
        lines_unsealed=log.unsealed,
        checkpoints=log.checkpoints,
        # Everything up to here was checked now or before; a line that was changed since is found by
        # the random part.
        verified_to=log.checkpoints,
    )


def _log(log: Verdict, context: ProbeContext) -> Iterator[str]:
    yield from (one.message for one in log.findings[:_FINDINGS_MOST])
    oldest = log.oldest_unsealed_at
    if oldest is not None and context.at - oldest > UNSEALED_AT_MOST:
        minutes = int((context.at - oldest).total_seconds() // 60)
        yield (
            f"{log.unsealed} line(s) of the log are under no checkpoint, the oldest for {minutes}"
            " minutes."
        )


def _sessions(context: ProbeContext) -> Iterator[str]:
    found = context.rows(_SESSIONS, [context.at - _LOOKBACK])
    endless = sum(
        not opened < expires <= opened + SESSION_LENGTH_MAX for _, _, opened, expires, _ in found
    )
    if endless:
        yield f"{endless} session(s) of operators have no end within the hour."
    over = {row[0] for row in found if row[4] is not None or row[3] <= context.at}
    working = sum(_is_accepted(operator, over, context) for operator in {row[1] for row in found})
    if working:
        yield f"{working} operator(s) can still use a session that is over."
    late = sum(row[4] is None and row[3] < context.at - _CLOSED_WITHIN for row in found)
    if late:
        yield f"{late} session(s) are over and their end is not written down."
    unlogged = context.number(_UNLOGGED_SESSIONS)
    if unlogged:
        yield f"{unlogged} session(s) were opened without a line in the log."


def _is_accepted(operator: UUID, over: set[UUID], context: ProbeContext) -> bool:
    """Ask as the guard of a visit does."""
    opened = current_session(operator, at=context.at, using=context.probe)
    return opened is not None and opened.id in over


def _reviews(state: ReviewState, context: ProbeContext) -> Iterator[str]:
    if state.overdue(context.at):
        yield f"No review has covered all access of the last {REVIEW_EVERY.days} days."
    if state.last_at is not None and state.last_at > context.at + timedelta(minutes=5):
        yield "A review is dated in the future."
    unlogged = context.number(_UNLOGGED_REVIEWS)
    if unlogged:
        yield f"{unlogged} review(s) are in the table and not in the log."


def _summary(state: ReviewState, context: ProbeContext) -> str:
    if state.last_at is None:
        if state.due_at is None:
            return "Reviews do not apply yet: there has been nothing to review."
        return f"No review was due yet; the first is due by {state.due_at:%Y-%m-%d}."
    return (
        f"The last review was {max((context.at - state.last_at).days, 0)} day(s) ago; the next is"
        f" due within {REVIEW_EVERY.days}."
    )
