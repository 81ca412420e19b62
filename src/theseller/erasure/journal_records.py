"""What the journal takes from the database, and what a restored database takes from the journal."""

from __future__ import annotations

from uuid import UUID

from django.db import connections as databases

from theseller.connections.types import DisconnectReason
from theseller.erasure.journal import journal
from theseller.erasure.types import JournalEntry, JournalLink, SubjectKind
from theseller.lib import sql
from theseller.retention.roles import COUNTER, ERASER

#: What the database has begun to erase. Users who only lost their last tenant may have joined
#: another since, and are kept then: their entry was withdrawn.
_BEGUN = """
select 'connection', p.connection_id, p.disconnected_at, p.tenant_id, d.reason, false from retention_purge p
left join connections_disconnection d on d.tenant_id = p.tenant_id and d.connection_id = p.connection_id
union all
select 'shop', tenant_id, begun_at, null, null, false from retention_shop_end where begun_at is not null
union all
select 'person', user_id, begun_at, null, null, true from retention_person_end where begun_at is not null and own_wish
"""


def complete_journal() -> int:
    """Write each entry that is missing in the key store or in this host's files; return how many were missing in the key store.

    Raises:
        KeyStoreError: it can't answer. What was written stays, and the next call continues.
        JournalUnreadableError: an entry is damaged, or of a later version.
    """
    rows = sql.rows(databases[COUNTER], _BEGUN)
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
    """Return the links to the certificate of a tenant or a user, the oldest first."""
    return tuple(
        JournalLink(bytes(token), made, expires)
        for token, made, expires in sql.rows(
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
