"""Complete the journal from the database; restore certificate links."""

from __future__ import annotations

from uuid import UUID

from django.db import connections as databases

from theseller.connections.types import DisconnectReason
from theseller.erasure.journal import journal
from theseller.erasure.types import JournalEntry, JournalLink, SubjectKind
from theseller.lib import sql_execution
from theseller.retention.database_aliases import COUNTER, ERASER

#: What the database has begun to erase. Users who only lost their last tenant may have joined
#: another since, and are kept then: their entry was withdrawn.
_BEGUN = """
select e.kind, e.subject_id, case e.kind when 'connection' then e.requested_at else e.begun_at end,
       case e.kind when 'connection' then e.tenant_id end, d.reason, e.own_request
from erasure_erasure e
left join connections_disconnection d
    on d.tenant_id = e.tenant_id and d.connection_id = e.subject_id
where e.begun_at is not null and (e.kind <> 'person' or e.own_request)
"""


def complete_journal() -> int:
    """Write each entry that the key store or this host's files lack.

    Returns:
        How many entries the key store lacked.

    Raises:
        KeyStoreError: it can't answer. What was written stays, and the next call continues.
        JournalUnreadableError: an entry is damaged, or of a later version.
    """
    rows = sql_execution.rows(databases[COUNTER], _BEGUN)
    return journal().complete(
        JournalEntry(
            SubjectKind(kind),
            identity,
            at,
            tenant,
            DisconnectReason(reason) if reason else None,
            own_request=own,
            links=links_of(identity),
        )
        for kind, identity, at, tenant, reason, own in rows
    )


def links_of(identity: UUID) -> tuple[JournalLink, ...]:
    """Return the links to a tenant's or user's certificate, the oldest first."""
    return tuple(
        JournalLink(bytes(token), made, expires)
        for token, made, expires in sql_execution.rows(
            databases[ERASER],
            "select token_hash, made_at, expires_at from retention_end_link where subject_id = %s"
            " order by made_at, token_hash",
            [identity],
        )
    )


def restore_links(entry: JournalEntry) -> None:
    """Write the links of an entry into a restored database."""
    with databases[ERASER].cursor() as cursor:
        for one in entry.links:
            cursor.execute(
                "insert into retention_end_link (token_hash, subject_id, kind, made_at, expires_at)"
                " values (%s, %s, %s, %s, %s) on conflict (token_hash) do nothing",
                [one.token_hash, entry.id, entry.kind.value, one.made_at, one.expires_at],
            )
