"""Security page §1: deletion requests are honored within 30 days.

Requests by the seller and by Amazon.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.audit.event_types import Tag
from theseller.connections.types import DisconnectReason
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, verdict
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import DELETION_REQUEST_DAYS

CONTROL = Control(
    id="aup-deletion-requests",
    section=1,
    title=gettext_noop("A deletion request by you or by Amazon is honored within 30 days"),
    statement=gettext_noop(
        "Every request becomes one kind of record: disconnecting here, revoking in Seller Central,"
        " deleting the shop, a request of Amazon's, the yearly end of the authorization. Each"
        " starts the same erasure, has a clock of 30 days that its shop can see, and is closed by a"
        " certificate for each connection that it covers, and by nothing else; if it ends the shop,"
        " the shop has to be deleted too."
    ),
    citation="Security page §1; Data Protection Policy 1.7",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.privacy.deletion_requests.operations:record_amazon_request",
        "theseller.privacy.tasks:disconnect_expired",
        "theseller.erasure.tasks:erase_due_connections",
    ),
    after=(Tag.DELETION_REQUESTED, Tag.CONNECTION_DISCONNECTED, Tag.CERTIFICATE_ISSUED),
)

#: The page's promise, written again here: the program's own limit may be stricter, and may not be
#: laxer.
_PROMISED = timedelta(days=30)
#: A request is begun when it is recorded; a job continues one that an unavailable key service
#: interrupted.
_BEGUN_WITHIN = timedelta(hours=1)
_ENDED_WITHIN = timedelta(days=1)
_REQUESTS = """
select r.received_at, r.recorded_at, cardinality(r.connections),
       count(*) filter (where coalesce(d.at, c.issued_at) is not null), count(c.id),
         max(c.issued_at),
       r.ends_shop and e.completed_at is null
from governance_deletion_request r
left join erasure_erasure e on e.tenant_id = r.tenant_id and e.subject_id = r.tenant_id
left join lateral unnest(r.connections) as one (id) on true
left join connections_disconnection d on d.tenant_id = r.tenant_id and d.connection_id = one.id
left join erasure_certificate c on c.tenant_id = r.tenant_id and c.subject_id = one.id
group by r.tenant_id, r.id, r.received_at, r.recorded_at, r.connections, r.ends_shop, e.completed_at
"""
#: A request of Amazon's arrives outside this service, so its day of arrival is the operator's word.
_DECLARED = "select count(*) from connections_disconnection where reason = %s"
_UNRECORDED = """
select count(*) from connections_disconnection d
where not exists (
    select from governance_deletion_request r
    where r.tenant_id = d.tenant_id and d.connection_id = any (r.connections))
"""
_UNCERTIFIED = """
select count(*) from erasure_erasure p
where p.kind = 'connection' and p.completed_at is not null and not exists (
    select from erasure_certificate c
    where c.tenant_id = p.tenant_id and c.subject_id = p.subject_id)
"""
#: Tenant deletions and account deletions must be certified when they are complete. A tenant's has a
#: deletion request; a user's own request is in its row.
_ENDS = """
select count(*) filter (where e.completed_at is not null and not exists (
           select from erasure_certificate c
           where c.tenant_id = e.tenant_id and c.subject_id = e.subject_id)),
       count(*) filter (where e.kind = 'person' and e.completed_at is null and e.requested_at < %s)
from erasure_erasure e where e.kind = 'shop' or e.kind = 'person' and e.own_request
"""
_EXPIRED = """
select count(*) from connections_connection c
where c.origin = 'lwa' and c.authorisation_expires_at < %s and not exists (
    select from connections_disconnection d
    where d.tenant_id = c.tenant_id and d.connection_id = c.id)
"""


def probe(context: ProbeContext) -> Outcome:
    """Check the age of open requests and the certificates of closed ones."""
    requests = context.rows(_REQUESTS)
    declared = context.number(_DECLARED, [DisconnectReason.AMAZON_REQUEST.value])
    waiting = [
        received
        for received, _, covered, _, certified, _, tenant_pending in requests
        if certified < covered or tenant_pending
    ]
    oldest = (context.at - min(waiting)).days if waiting else 0
    late = sum(
        issued - received > _PROMISED
        for received, _, covered, _, certified, issued, _ in requests
        if covered and certified == covered and context.at - issued < _PROMISED
    )
    delayed = sum(
        ended < covered and context.at - recorded > _BEGUN_WITHIN
        for _, recorded, covered, ended, _, _, _ in requests
    )
    overdue = sum(context.at - received > _PROMISED for received in waiting)
    return verdict(
        len(requests),
        list(_failures(context, overdue, oldest, late, delayed)),
        f"{len(requests) - len(waiting)} of {len(requests)} request(s) are closed, each with its"
        " certificate;"
        + (f" the oldest of the others is {oldest} day(s) old." if waiting else " none is open."),
        requests=len(requests),
        open=len(waiting),
        oldest_open_days=oldest,
        declared=(
            [
                (
                    f"The day on which Amazon's {declared} request(s) arrived, as an operator"
                    " recorded it."
                )
            ]
            if declared
            else []
        ),
    )


def _failures(
    context: ProbeContext, overdue: int, oldest: int, late: int, delayed: int
) -> Iterator[str]:
    if overdue:
        yield (
            f"{overdue} request(s) are open after their 30 days; the oldest was received {oldest}"
            " days ago."
        )
    if late:
        yield f"{late} request(s) were closed in the last month, after their 30 days."
    if delayed:
        yield (
            f"{delayed} request(s) are recorded, and the connections that they cover are open after"
            " an hour."
        )
    unrecorded = context.number(_UNRECORDED)
    if unrecorded:
        yield f"{unrecorded} connection(s) have ended without a request on record."
    uncertified = context.number(_UNCERTIFIED)
    if uncertified:
        yield f"{uncertified} erasure(s) are said to be complete and have no certificate."
    unproven, late_ends = context.rows(_ENDS, [context.at - _PROMISED])[0]
    if unproven:
        yield f"{unproven} shop(s) or account(s) are said to have ended and have no certificate."
    if late_ends:
        yield f"{late_ends} account(s) were to end more than 30 days ago, and have not."
    expired = context.number(_EXPIRED, [context.at - _ENDED_WITHIN])
    if expired:
        yield (
            f"{expired} connection(s) are open more than a day after their yearly authorization"
            " ended."
        )
    if timedelta(days=DELETION_REQUEST_DAYS) > _PROMISED:
        yield f"The program's own limit is {DELETION_REQUEST_DAYS} days."
