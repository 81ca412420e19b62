"""Bring the erasure journal together: the key store's entries, this host's files, and what the database has begun to erase.

Each may know what another does not: the key store has the entries of all hosts, files those from before the key store had any, and a
database that is newer than a restored state folder has its own ledger.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connections as databases

from theseller.connections.types import DisconnectReason
from theseller.erasure.connection_journal import journal_folder, local_connections, write_entry
from theseller.erasure.journal import Ended, publish_connection, publish_end, read_journal
from theseller.erasure.subject_journal import local_entries
from theseller.erasure.subject_journal import write_entry as write_end
from theseller.erasure.types import SubjectKind
from theseller.retention.roles import COUNTER

_CONNECTIONS = """
select p.connection_id, p.tenant_id, p.disconnected_at, d.reason from retention_purge p
left join connections_disconnection d on d.tenant_id = p.tenant_id and d.connection_id = p.connection_id
"""
_ENDS = {
    SubjectKind.TENANT: "select tenant_id, begun_at, false from retention_shop_end where begun_at is not null",
    # Who only lost their last shop may have got another since, and is kept then: their entry was withdrawn.
    SubjectKind.USER: "select user_id, begun_at, own_wish from retention_person_end where begun_at is not null and own_wish",
}


def complete_journal() -> int:
    """Write each entry that is missing in the key store or in this host's files; return how many were missing in the key store.

    Raises:
        KeyStoreError: it can't answer. What was written stays, the next call goes on.
        JournalUnreadableError: an entry is damaged, or of a later version.
    """
    return _complete_connections() + sum(_complete_ends(kind) for kind in _ENDS)


def _complete_connections() -> int:
    folder, keys = journal_folder(settings.ENVIRONMENT.state), settings.KEY_STORE
    known, local = read_journal(keys).connections, {entry.connection: entry for entry in local_connections(folder)}
    with databases[COUNTER].cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        begun = {row[0]: Ended(row[0], row[1], row[2], DisconnectReason(row[3]) if row[3] else None) for row in cursor.fetchall()}
    missing = 0
    for connection, entry in (begun | known | local).items():
        if connection in local and connection not in known:
            publish_connection(keys, entry)
            missing += 1
        elif connection not in local:
            missing += connection not in known
            write_entry(folder, entry, keys)
    return missing


def _complete_ends(kind: SubjectKind) -> int:
    journal = read_journal(settings.KEY_STORE)
    known, local = journal.ends[kind], {entry.id: entry for entry in local_entries(kind)}
    with databases[COUNTER].cursor() as cursor:
        cursor.execute(_ENDS[kind])
        begun = {row[0]: (row[1], bool(row[2])) for row in cursor.fetchall()}
    missing = 0
    for identity, entry in local.items():
        if identity not in known and (kind, identity) not in journal.withdrawn:
            publish_end(settings.KEY_STORE, kind, entry)
            missing += 1
    for identity, (at, own_wish) in begun.items():
        if identity not in known and identity not in local:
            write_end(kind, identity, at, own_wish=own_wish)
            missing += 1
    return missing
