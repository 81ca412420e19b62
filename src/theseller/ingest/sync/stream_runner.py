"""Running of a stream, and the outcome of each failure.

Step after step, while the stream is due and its turn lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from theseller.amazon import errors as amazon
from theseller.amazon.reports import ReportRefusedError
from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.seller_check import SellerCheck, record_check
from theseller.connections.types import ConnectionView
from theseller.crypto.errors import KeyStoreError, SecretProviderError
from theseller.ingest.sync import stream_state
from theseller.ingest.sync.confirm_seller import confirm_seller
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.ingest.sync.streams.registry import KINDS, streams_of
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.sync.unknown_field_records import note_drift
from theseller.ingest.types import Lease, Outcome, StreamKey
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

#: What a failure is called, how long to wait at first, and the longest wait. The first that fits,
#: from the special to the general.
_Verdict = tuple[Outcome, timedelta, timedelta]
_HOUR = timedelta(hours=1)
_VERDICTS: tuple[tuple[type[Exception], _Verdict], ...] = (
    (amazon.OtherSellerError, (Outcome.OTHER_SELLER, 24 * _HOUR, 24 * _HOUR)),
    (amazon.SellerUnconfirmedError, (Outcome.SELLER_UNCONFIRMED, timedelta(minutes=1), _HOUR)),
    (amazon.RoleMissingError, (Outcome.ROLE_MISSING, _HOUR, 24 * _HOUR)),
    (amazon.AccountBlockedError, (Outcome.ACCOUNT_BLOCKED, 6 * _HOUR, 24 * _HOUR)),
    (
        amazon.ClientSecretInvalidError,
        (Outcome.CLIENT_SECRET_INVALID, timedelta(minutes=2), timedelta(minutes=10)),
    ),
    (amazon.LWAMisconfiguredError, (Outcome.MISCONFIGURED, timedelta(minutes=2), _HOUR)),
    (amazon.NotAllowedError, (Outcome.MISCONFIGURED, _HOUR, 6 * _HOUR)),
    (amazon.DriftedError, (Outcome.DRIFTED, timedelta(minutes=15), 6 * _HOUR)),
    (ReportRefusedError, (Outcome.REFUSED, timedelta(minutes=15), 6 * _HOUR)),
    (amazon.InvalidRequestError, (Outcome.REFUSED, timedelta(minutes=15), 6 * _HOUR)),
    (amazon.NotFoundError, (Outcome.REFUSED, timedelta(minutes=15), 6 * _HOUR)),
    (amazon.ExpiredError, (Outcome.UNAVAILABLE, timedelta(seconds=1), timedelta(minutes=5))),
    (amazon.AccessTokenRejectedError, (Outcome.UNAVAILABLE, timedelta(seconds=30), _HOUR)),
    # Short waits: no call is made to Amazon without a key, and what was missed is made up for.
    (KeyStoreError, (Outcome.KEYS_UNAVAILABLE, timedelta(seconds=15), timedelta(minutes=5))),
    (SecretProviderError, (Outcome.KEYS_UNAVAILABLE, timedelta(seconds=15), timedelta(minutes=5))),
    (amazon.AmazonError, (Outcome.UNAVAILABLE, timedelta(seconds=15), _HOUR)),
)
_OURS: _Verdict = (Outcome.FAULT, timedelta(minutes=1), _HOUR)
_OPERATORS = frozenset(
    {
        Outcome.CLIENT_SECRET_INVALID,
        Outcome.MISCONFIGURED,
        Outcome.DRIFTED,
        Outcome.FAULT,
        Outcome.KEYS_UNAVAILABLE,
    }
)


def run_stream(key: StreamKey, *, now: Callable[[], datetime]) -> int:
    """Run a stream until it has to wait or its turn is over.

    Never raises for what Amazon does.

    Returns:
        How many steps were done.
    """
    begun = now()
    begin = _begin(key, begun)
    if begin is None:
        return 0
    lease, view = begin
    if view.seller_unconfirmed:
        confirmed: list[ConnectionView] = []
        after = _step(lease, view, now, lambda step: confirmed.append(confirm_seller(step)))
        if after is None:
            return 0
        lease, view = after, confirmed[0]
    steps = 0
    while lease.due_at <= now() <= begun + stream_state.TURN:
        after = _step(lease, view, now, KINDS[key.name].run_step)
        if after is None:
            return steps
        lease = after
        steps += 1
    if not lease.is_released:
        _settle(lease, lambda: stream_state.release(lease), now())
    return steps


def _begin(key: StreamKey, at: datetime) -> tuple[Lease, ConnectionView] | None:
    try:
        with open_connection(key.tenant, key.connection, at=at) as opened:
            if _is_wanted(key, opened.view):
                lease = stream_state.take_lease(key, at=at)
                return (lease, opened.view) if lease else None
        # A feature is no longer offered: its streams of connections from before end, and what they
        # stored stays as long as it may.
        plan(key.tenant, key.connection, at=at)
    except ConnectionClosedError:
        pass
    return None


def _is_wanted(key: StreamKey, view: ConnectionView) -> bool:
    return any(
        (kind.name, store) == (key.name, key.marketplace_id)
        for kind, store in streams_of(view.features, view.marketplace_ids)
    )


def _step(
    lease: Lease,
    view: ConnectionView,
    now: Callable[[], datetime],
    work: Callable[[SyncStep], None],
) -> Lease | None:
    """Do the `work` of one step; return the lease as it is afterwards.

    None if the stream was given back.
    """
    step = SyncStep(lease, view, now=now)
    try:
        work(step)
    except (ConnectionClosedError, stream_state.LeaseLostError):
        return None
    except amazon.ThrottledError as error:
        due = max(error.not_before, now())
        _settle(
            step.lease,
            lambda: stream_state.fail(step.lease, Outcome.THROTTLED, due, counts=False),
            now(),
        )
        return None
    except Exception as error:  # whatever it is, it is this stream's alone  # noqa: BLE001
        _failed(step, error, now())
        return None
    return step.lease


def _failed(step: SyncStep, error: Exception, at: datetime) -> None:
    outcome, first, longest = next(
        (verdict for kind, verdict in _VERDICTS if isinstance(error, kind)), _OURS
    )
    wait = min(first * 2 ** min(step.lease.failures_in_row, 16), longest)
    if isinstance(error, (amazon.UnavailableError, amazon.LWAUnavailableError)):
        wait = max(wait, timedelta(seconds=error.retry_after or 0))
    # Only our own and Amazon's error texts are free of values; of any other only the type is
    # logged.
    message = (
        str(error)
        if isinstance(error, (amazon.AmazonError, KeyStoreError, SecretProviderError))
        else type(error).__name__
    )
    log_line = log.error if outcome in _OPERATORS else log.warning
    log_line("stream_stopped", stream=step.lease.key.name, outcome=outcome.value, reason=message)

    def write() -> None:
        stream_state.fail(step.lease, outcome, at + wait, counts=True)
        if isinstance(error, amazon.OtherSellerError):
            record_check(
                SellerCheck.MISMATCH, connection=step.connection, tenant=step.tenant, at=at
            )
        if isinstance(error, amazon.DriftedError):
            note_drift(
                [error.path],
                operation=error.operation,
                tenant=step.tenant,
                connection=step.connection,
                at=at,
            )

    _settle(step.lease, write, at)


def _settle(lease: Lease, write: Callable[[], None], at: datetime) -> None:
    """Give a lease back, if the connection is still there to have streams."""
    try:
        with open_connection(lease.key.tenant, lease.key.connection, at=at):
            write()
    except ConnectionClosedError:
        return
