"""Repeat in a restored database every erasure that was done or begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.buyer_pii.consent_withdrawal_completion import reapply_withdrawals
from theseller.buyer_pii.recipient_expiry import (
    delete_recipients_without_day_key,
    expire_recipients,
)
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.erasure.connection_erasure import (
    ConnectionErasure,
    closed_connection,
    erase_connection,
)
from theseller.erasure.exclusive_erasure import ErasureLock, exclusive_erasure
from theseller.erasure.execution import erase_rows
from theseller.erasure.failure_collection import Failures
from theseller.erasure.journal import journal
from theseller.erasure.journal_database_exchange import complete_journal
from theseller.erasure.queries import count_left
from theseller.erasure.residual_key_destruction import destroy_keys_of_closed_connections
from theseller.erasure.tenant_and_user_erasure import replay_tenants_and_users
from theseller.erasure.types import JournalEntry, SubjectKind
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ACTOR, COUNTER
from theseller.tenancy.tenant_scope import tenant_scope


class DataRestoredError(RuntimeError):
    """A connection that had ended could not be erased completely again."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many connections were ended again, and how many keys destroyed."""

    connections: int
    keys: int


def replay_erasures(*, at: datetime) -> Replayed:
    """Repeat every erasure of the journal: of connections, tenants and users.

    Every connection that had ended before the restore is ended again, its rows are deleted and its
    key destroyed. Withdrawals of consent and the expiry of recipients are repeated too.

    Called in the quarantine, with this process connected to the restored database and to the
    deployment's own key store and journal. A connection's erasure is certified afterwards, by the
    deployment's recurring job: it alone can say what its files and backups hold. Only what goes
    together with its shop, row and all, is certified here, where its files can't be searched, which
    its certificate says.

    Raises:
        DataRestoredError: something of a connection is left, or its erasure has to wait.
        RuntimeError: something of a tenant or a user is left. In both cases the database must not
            leave the quarantine.
    """
    with (
        exclusive_erasure(ErasureLock.CONNECTIONS, wait=True),
        exclusive_erasure(ErasureLock.TENANTS_AND_USERS, wait=True),
    ):
        return _replay(at)


def _replay(at: datetime) -> Replayed:
    complete_journal()
    ended = journal().entries(SubjectKind.CONNECTION)
    again = sum(_end_again(entry) for entry in ended)
    keys = destroy_keys_of_closed_connections()
    reapply_withdrawals(at=at)
    expire_recipients(at=at)
    delete_recipients_without_day_key(at=at)
    tenants = {entry.id for entry in journal().entries(SubjectKind.TENANT)}
    for entry in ended:
        _erase_again(entry, tenants, at)
    _refuse_left(ended)
    replay_tenants_and_users(at=at)
    return Replayed(again, keys)


def delete_tokens_without_key(*, at: datetime) -> int:
    """Delete tokens of open connections whose key no longer exists.

    The key was replaced since the backup, and the token that was sealed under the later key is in
    no backup. Without this the connection's first use would find a destroyed key, take it for a
    disconnection that was killed, and disconnect it, so that its data would be erased. So the
    connection stays open, and the tenant is asked to authorize it again.

    Returns:
        How many tokens were deleted.
    """
    tokens = sql_execution.rows(
        databases[COUNTER],
        "select tenant_id, connection_id, data_key_id from connections_refresh_token",
    )
    unreadable = [
        one for one in tokens if not settings.KEY_STORE.exists(one[2]) and _is_open(one[1])
    ]
    return sum(_let_go(*one, at=at) for one in unreadable)


def _let_go(tenant: UUID, connection: UUID, key: UUID, *, at: datetime) -> int:
    with tenant_scope(tenant):
        deleted = sql_execution.execute(
            databases["default"],
            "delete from connections_refresh_token where tenant_id = %s and connection_id = %s and"
            " data_key_id = %s",
            [tenant, connection, key],
        )
        if deleted:
            record(
                Tag.CONNECTION_AUTHORISATION_LOST,
                actor=ACTOR,
                tenant=tenant,
                subject=f"connection:{connection}",
                at=at,
            )
    return deleted


def _end_again(entry: JournalEntry) -> bool:
    tenant = entry.tenant or _tenant_of(entry.id)
    if tenant is None or not _is_open(entry.id):
        return False  # The backup is older than the connection, or newer than its end.
    reason = entry.reason or DisconnectReason.SELLER_REQUEST
    return disconnect(
        connection=entry.id, reason=reason, tenant=tenant, actor=ACTOR, at=entry.at
    ).first


def _erase_again(entry: JournalEntry, tenants: set[UUID], at: datetime) -> None:
    found = _left(entry)
    if found is None:
        return
    tenant, left = found
    if tenant in tenants:
        outcome = erase_connection(connection=entry.id, tenant=tenant, at=at)
        if not outcome.completed:
            why = outcome.waiting or "rows of it are left"
            raise DataRestoredError(
                f"connection {entry.id} could not be erased in the restored database: {why}"
            )
    elif any(left.values()):
        erase_rows(
            ConnectionErasure(closed_connection(tenant, entry.id)), at=at, failures=Failures()
        )


def _refuse_left(ended: tuple[JournalEntry, ...]) -> None:
    """Refuse rows of connections that have ended by the journal.

    They are counted by the probe's role, over all tenants.

    Raises:
        DataRestoredError: there are some.
    """
    for entry in ended:
        found = _left(entry)
        if found is not None and any(found[1].values()):
            raise DataRestoredError(
                f"connection {entry.id} has ended, and rows of it are in the restored database"
            )


def _left(entry: JournalEntry) -> tuple[UUID, dict[str, int]] | None:
    """Return (tenant, rows by table) of what is left of a connection.

    None if this database doesn't have it.
    """
    found = _connection(entry.id)
    return (
        None
        if found is None
        else (found[0], count_left(found[0], entry.id, found[1], using=COUNTER))
    )


def _tenant_of(connection: UUID) -> UUID | None:
    found = _connection(connection)
    return found[0] if found else None


def _connection(connection: UUID) -> tuple[UUID, list[str]] | None:
    row = sql_execution.one(
        databases[COUNTER],
        "select tenant_id, marketplace_ids from connections_connection where id = %s",
        [connection],
    )
    return (row[0], list(row[1])) if row else None


def _is_open(connection: UUID) -> bool:
    return bool(
        sql_execution.value(
            databases[COUNTER],
            "select exists (select from connections_connection c where c.id = %s) and not exists"
            " (select from connections_disconnection d where d.connection_id = %s)",
            [connection, connection],
        )
    )
