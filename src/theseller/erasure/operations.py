"""Erase what a closed connection left, prove it, certify it.

The ledger entry comes before the first deletion; each chunk of work and its mark in the ledger are one transaction, so a kill at any
point loses nothing and repeats nothing; the count at the end is made by another database role than the one that deleted. Then what was
touched is written anew and looked through (`cleaning.py`), and only then is there a certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.types import ConnectionView
from theseller.erasure.certificates import certify
from theseller.erasure.connections import closed_connection, erase_rows, progress_of, still_left, subject_of
from theseller.erasure.failures import Failures
from theseller.erasure.locks import ErasureLock, exclusive_erasure
from theseller.erasure.records import restart_erasure
from theseller.erasure.sanitization import sanitize
from theseller.erasure.throttle import UNTHROTTLED, Throttle
from theseller.erasure.types import ClosedConnection, Purged, SanitizationProof, Subject, SubjectKind
from theseller.erasure.vacuum import RetryLaterError
from theseller.tenancy.scope import tenant_scope


def purge(*, connection: UUID, tenant: UUID, at: datetime, throttle: Throttle = UNTHROTTLED) -> Purged:
    """Erase everything derived from a closed connection and certify it. Call it again after a kill: it goes on where it was.

    `pace` says how much of the time it may work beside those who are served.

    Raises:
        StillOpenError: the connection is open or unknown.
    """
    closed = closed_connection(tenant, connection)
    with exclusive_erasure(ErasureLock.CONNECTIONS, wait=True):
        left = erase_rows(closed, at=at, throttle=throttle)
        if any(left.values()):
            return _told(closed, left, completed=False)
        failures = Failures()
        told = _finish((closed,), failures, now=lambda: at, throttle=throttle)
        failures.settle(at=at)
        return told[0]


def purge_all(
    due: Sequence[ClosedConnection],
    *,
    at: datetime,
    gather: timedelta = timedelta(0),
    throttle: Throttle = UNTHROTTLED,
    now: Callable[[], datetime] | None = None,
    wait: bool = True,
) -> tuple[Purged, ...]:
    """Erase several, and write anew once for all of them what they touched, when the first of them has waited `gather` for others.

    `pace` says how much of the time it may work beside those who are served, `now` what time it is when it is done with that: a
    certificate that bore the time of the beginning would say of a backup taken meanwhile that it holds nothing. Only one process at a time
    erases; with `wait` this one takes its turn, else it does nothing while another is at it.

    Each is erased and certified on its own: one that fails holds up no other. What failed is logged at once, and raised when the others
    are done: the error itself, or an ExceptionGroup of several.

    Raises:
        StillOpenError: one of them is open or unknown.
    """
    with exclusive_erasure(ErasureLock.CONNECTIONS, wait=wait) as alone:
        return _purge_all(due, at=at, gather=gather, throttle=throttle, now=now) if alone else ()


def _purge_all(
    due: Sequence[ClosedConnection], *, at: datetime, gather: timedelta, throttle: Throttle, now: Callable[[], datetime] | None
) -> tuple[Purged, ...]:
    told: list[Purged] = []
    erased: list[ConnectionView] = []
    failures = Failures()
    for one in due:
        with failures.caught(Subject(SubjectKind.CONNECTION, one.connection, one.tenant)):
            closed = closed_connection(one.tenant, one.connection)
            known = progress_of(closed)
            left = erase_rows(closed, at=at, throttle=throttle) if known is None or known.erased_at is None else {}
            if any(left.values()):
                told.append(_told(closed, left, completed=False))
            else:
                erased.append(closed)
    since = [known.erased_at for closed in erased if (known := progress_of(closed)) is not None and known.erased_at is not None]
    if since and at - min(since) >= gather:
        told += _finish(tuple(erased), failures, now=now or (lambda: at), throttle=throttle)
    failures.settle(at=now() if now else at)
    return tuple(told)


def _finish(erased: tuple[ConnectionView, ...], failures: Failures, *, now: Callable[[], datetime], throttle: Throttle) -> list[Purged]:
    """Rewrite, search, count once more, certify, each on its own. What can't be done now is done by the next run."""
    try:
        proofs = sanitize(tuple(subject_of(closed) for closed in erased), throttle, failures=failures)
    except RetryLaterError as error:
        return [_told(closed, {}, completed=False, waiting=str(error)) for closed in erased]
    except Exception as error:  # noqa: BLE001  # it is noted, and raised when the others are done
        # What they share failed. It may be for one of them only: each alone then shows which.
        if len(erased) > 1:
            return [told for one in erased for told in _finish((one,), failures, now=now, throttle=throttle)]
        failures.note(subject_of(erased[0]), error)
        return []
    told = []
    for closed in erased:
        with failures.caught(subject_of(closed)):
            told.append(_certify_if_proven(closed, proofs.get(closed.id), failures, at=now(), throttle=throttle))
    return told


def _certify_if_proven(
    closed: ConnectionView, proof: SanitizationProof | None, failures: Failures, *, at: datetime, throttle: Throttle
) -> Purged:
    left = still_left(closed, throttle)
    waiting = failures.waiting.get(closed.id, "")
    if any(left.values()):
        restart_erasure(subject_of(closed))
    elif proof is not None:
        certify(closed, left, proof, at=at)
    return _told(closed, left, completed=proof is not None and not any(left.values()), waiting=waiting)


def _told(closed: ConnectionView, left: dict[str, int], *, completed: bool, waiting: str = "") -> Purged:
    known = progress_of(closed)
    return Purged(closed.id, known.deleted if known else {}, left, completed, waiting)


def record_download(*, connection: UUID, certificate: UUID, tenant: UUID, actor: str, at: datetime) -> None:
    """Note in the audit log that a certificate was downloaded."""
    with tenant_scope(tenant):
        record(
            Tag.CERTIFICATE_DOWNLOADED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={"certificate": str(certificate)},
        )


def record_proof_download(*, certificate: UUID, at: datetime) -> None:
    """Note in the audit log that a certificate was downloaded by a person who has the link to it and needs no account."""
    with transaction.atomic():
        record(Tag.CERTIFICATE_DOWNLOADED, actor="process:end-proof", tenant=None, subject=f"certificate:{certificate}", at=at)
