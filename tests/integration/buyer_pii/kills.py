"""Kills storing a recipient, turning the feature off and ending a day, at every statement.

Before and after every statement that reaches the database.

Run with the name of an act and a shop, Django being ready; prints how many kills there were. Keys
are made and destroyed between statements, so that a kill falls on both sides of each. With
THESELLER_KILLS_STRIDE=3, one in three.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from uuid import UUID

from tests.integration.buyer_pii.conftest import RECIPIENT
from tests.integration.erasure.kills import Boundaries, open_connection, statements, superuser
from tests.integration.key_rotation.kills import forked

from theseller.buyer_pii.operations import disable_packing_slips
from theseller.buyer_pii.packing_slip_agreement_terms import TERMS_VERSION
from theseller.buyer_pii.recipient_encryption import open_recipient
from theseller.buyer_pii.recipient_expiry import expire_recipients
from theseller.buyer_pii.store_recipient import FeatureDisabledError, store_recipient
from theseller.connections.data_keys import connection_keys
from theseller.crypto.errors import KeyDestroyedError
from theseller.crypto.key_types import Purpose
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.policy_time_limits import PII_DAYS_MAX
from theseller.tenancy.tenant_scope import tenant_scope

ACTOR, ORDER = "process:test", "111-1"


def _shop_with_a_recipient(tenant: UUID, at: datetime) -> tuple[UUID, bytes]:
    """Open a connection, turn the feature on for it and store a recipient.

    Return the connection and a copy of the sealed bytes.
    """
    connection = _turned_on(tenant, at)
    forked(partial(_keep, tenant, connection, at))
    [(sealed,)] = superuser(
        "select sealed from pii.recipient where connection_id = %s", [connection]
    )
    return connection, bytes(sealed)


def _turned_on(tenant: UUID, at: datetime) -> UUID:
    connection = open_connection(tenant)
    superuser(
        "insert into vault_consent (tenant_id, id, connection_id, terms, given_at, given_by) values"
        " (%s, %s, %s, %s, %s, %s)",
        [tenant, new_id(), connection, TERMS_VERSION, at, ACTOR],
    )
    return connection


def _keep(tenant: UUID, connection: UUID, at: datetime) -> None:
    store_recipient(
        RECIPIENT,
        order=ORDER,
        connection=connection,
        shipped_at=None,
        tenant=tenant,
        actor=ACTOR,
        at=at,
    )


def _leave(connection: UUID) -> None:
    """End the feature without the product, so that the next round has a shop of its own."""
    superuser(
        "update vault_consent set withdrawn_at = now(), withdrawn_by = 'process:test' where"
        " connection_id = %s",
        [connection],
    )
    superuser("delete from pii.recipient where connection_id = %s", [connection])


def _boundaries() -> Iterator[int]:
    stride = int(os.environ.get("THESELLER_KILLS_STRIDE") or 1)
    return count(stride // 2, stride)


def _readable(sealed: bytes, tenant: UUID, connection: UUID) -> bool:
    try:
        return (
            open_recipient(sealed, tenant=tenant, connection=connection, order=ORDER) == RECIPIENT
        )
    except KeyDestroyedError:
        return False


def _rows(connection: UUID) -> int:
    return len(superuser("select 1 from pii.recipient where connection_id = %s", [connection]))


# --- turning off
# --------------------------------------------------------------------------------------------------


def _off(tenant: UUID, connection: UUID) -> None:
    disable_packing_slips(connection=connection, tenant=tenant, actor=ACTOR, at=clock.now())


def _off_killed(tenant: UUID, connection: UUID, boundary: int) -> None:
    with statements(Boundaries(boundary)):
        _off(tenant, connection)


def _said(connection: UUID) -> bool:
    return bool(
        superuser(
            "select 1 from vault_consent where connection_id = %s and withdrawn_at is not null",
            [connection],
        )
    )


def _check_off_means_unreadable(tenant: UUID, connection: UUID, sealed: bytes) -> None:
    if _said(connection):
        assert not _readable(sealed, tenant, connection), (
            "it is said to be off, and a copy can still be read"
        )


def _the_job_finishes_what_was_begun(tenant: UUID, connection: UUID, sealed: bytes) -> None:
    """Run the job without a new request.

    A destroyed key means off, rows included; a living key means on, and nothing is lost.
    """
    expire_recipients(at=clock.now())
    readable = _readable(sealed, tenant, connection)
    assert _said(connection) is not readable, "neither on nor off"
    assert _rows(connection) == int(readable)


def _check_turned_off(tenant: UUID, connection: UUID, sealed: bytes) -> None:
    _off(tenant, connection)
    assert _said(connection)
    assert not _readable(sealed, tenant, connection)
    assert _rows(connection) == 0
    with tenant_scope(tenant):
        assert connection_keys(connection, Purpose.PII)
    try:
        _keep(tenant, connection, clock.now())
    except FeatureDisabledError:
        return
    raise AssertionError("a recipient was kept after the feature was turned off")


def kill_turnings_off(tenant: UUID) -> int:
    kills = 0
    for boundary in _boundaries():
        connection, sealed = _shop_with_a_recipient(tenant, clock.now())
        killed = forked(partial(_off_killed, tenant, connection, boundary)) == signal.SIGKILL
        forked(partial(_check_off_means_unreadable, tenant, connection, sealed))
        forked(partial(_the_job_finishes_what_was_begun, tenant, connection, sealed))
        forked(partial(_check_turned_off, tenant, connection, sealed))
        if not killed:
            break
        kills += 1
    return kills


# --- the end of a day
# --------------------------------------------------------------------------------------------------


def _sweep_killed(boundary: int) -> None:
    with statements(Boundaries(boundary)):
        expire_recipients(at=clock.now())


def _check_log_of_the_day(tenant: UUID, connection: UUID, sealed: bytes) -> None:
    [(day,)] = superuser(
        "select distinct expires_on from pii.recipient where connection_id = %s", [connection]
    ) or [(None,)]
    ended = superuser(
        "select 1 from audit_event where tag = 'vault:day:ended' and subject = %s",
        [f"pii-day:{day}"],
    )
    if day is None or ended:
        assert not _readable(sealed, tenant, connection), (
            "the log says that the day ended, and a copy can still be read"
        )


def _check_day_expired(tenant: UUID, connection: UUID, sealed: bytes) -> None:
    expire_recipients(at=clock.now())
    assert not _readable(sealed, tenant, connection)
    assert _rows(connection) == 0


def kill_ends_of_days(tenant: UUID) -> int:
    kills = 0
    for boundary in _boundaries():
        # A day of its own for each round: what the log says of a day is said once.
        before = clock.now() - timedelta(days=PII_DAYS_MAX + boundary)
        connection, sealed = _shop_with_a_recipient(tenant, before)
        killed = forked(partial(_sweep_killed, boundary)) == signal.SIGKILL
        forked(partial(_check_log_of_the_day, tenant, connection, sealed))
        forked(partial(_check_day_expired, tenant, connection, sealed))
        _leave(connection)
        if not killed:
            break
        kills += 1
    return kills


# --- keeping
# --------------------------------------------------------------------------------------------------


def _keep_killed(tenant: UUID, connection: UUID, boundary: int) -> None:
    with statements(Boundaries(boundary)):
        _keep(tenant, connection, clock.now())


def _check_recipient_stored(tenant: UUID, connection: UUID) -> None:
    _keep(tenant, connection, clock.now())
    [(sealed,)] = superuser(
        "select sealed from pii.recipient where connection_id = %s", [connection]
    )
    assert _readable(bytes(sealed), tenant, connection), (
        "a kill left a recipient that no one can read"
    )


def kill_keepings(tenant: UUID) -> int:
    kills = 0
    for boundary in _boundaries():
        connection = _turned_on(tenant, clock.now())
        killed = forked(partial(_keep_killed, tenant, connection, boundary)) == signal.SIGKILL
        forked(partial(_check_recipient_stored, tenant, connection))
        _leave(connection)
        if not killed:
            break
        kills += 1
    return kills


def main() -> None:
    act, tenant = sys.argv[1], UUID(sys.argv[2])
    acts: dict[str, Callable[[UUID], int]] = {
        "keep": kill_keepings,
        "off": kill_turnings_off,
        "day": kill_ends_of_days,
    }
    sys.stdout.write(f"{acts[act](tenant)}\n")


if __name__ == "__main__":
    main()
