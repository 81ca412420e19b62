"""Run erasures of connections, tenants and users alike.

The phases are journal, plan, deletion in steps, recount, sanitization and certificate.

The journal entry comes before the first deletion. Each step and its mark in the record are one
transaction, so that a kill at any point loses nothing and repeats nothing. The recount is made by
another database role than the one that deleted. Then what was touched is rewritten and searched
(`disk_sanitization.py`), counted once more, and only then is there a certificate.

What differs between a connection, a tenant and a user is in a subclass of `Erasure` each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from theseller.erasure.certificate_creation import certify
from theseller.erasure.disk_sanitization import sanitize
from theseller.erasure.erasure_base_class import Erasure, Step
from theseller.erasure.erasure_records import (
    mark_erased_within,
    mark_steps_within,
    progress,
    record_scope,
)
from theseller.erasure.failure_collection import Failures
from theseller.erasure.journal import journal
from theseller.erasure.types import ErasureResult, SanitizationProof, Subject
from theseller.erasure.vacuum import RetryLaterError
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.retention.database_aliases import ERASER
from theseller.tenancy.schema_release import schema_is_newer
from theseller.tenancy.tenant_scope import tenant_scope


def erase_rows(
    erasure: Erasure, *, at: datetime, failures: Failures, throttle: Throttle = UNTHROTTLED
) -> dict[str, int]:
    """Delete what no earlier run deleted; return what another role counts.

    All zero: the rows are deleted, and the record says so. Else something was written after its
    step: the record is put back to the beginning, and the next run deletes and counts again.
    """
    subject = erasure.subject
    journal().write(erasure.journal_entry(at))
    with throttle.work():
        erasure.begin(at)
    known = progress(subject)
    done = known.deleted if known else {}
    for step in erasure.steps(at, throttle):
        if not step.name or step.name not in done:
            with throttle.work():
                _delete(subject, step)
    erasure.after_steps(at, failures, throttle)
    with throttle.work():
        left = erasure.count()
    if any(left.values()):
        erasure.restart()
    else:
        with record_scope(subject):
            mark_erased_within(subject, at=at)
            erasure.when_erased(at)
    return left


def erase_all(
    due: Sequence[tuple[Subject, Callable[[], Erasure]]],
    *,
    at: datetime,
    gather: timedelta = timedelta(0),
    throttle: Throttle = UNTHROTTLED,
    now: Callable[[], datetime] | None = None,
    then: Callable[[Failures], Sequence[Erasure]] | None = None,
) -> tuple[ErasureResult, ...]:
    """Erase several subjects, sanitize once for all of them, and certify each.

    Each is erased and certified on its own: one that fails holds up no other. What failed is logged
    at once, and raised when the others are done: the error itself, or an ExceptionGroup of several.
    The caller holds the lock.

    Args:
        due: the subjects, each with what makes its erasure. That may fail, for the one subject.
        at: when this run began.
        gather: sanitize when the first of them has waited this long for others.
        throttle: how much of the time this may work beside the requests of users.
        now: returns the time when this is done with its work. A certificate that bore the time of
            the beginning would say of a backup taken meanwhile that it holds nothing.
        then: called after the rows of `due` are deleted; returns further erasures whose rows are
            deleted.
    """
    now = now or (lambda: at)
    results: list[ErasureResult] = []
    erased: list[Erasure] = []
    failures = Failures()
    for subject, make in due:
        with failures.caught(subject):
            erasure = make()
            known = progress(subject)
            left = (
                {}
                if known and known.erased_at
                else erase_rows(erasure, at=at, failures=failures, throttle=throttle)
            )
            if any(left.values()):
                results.append(_result(subject, left, completed=False))
            else:
                erasure.load_related()
                erased.append(erasure)
    erased += then(failures) if then else ()
    since = [
        known.erased_at
        for one in erased
        if (known := progress(one.subject)) is not None and known.erased_at is not None
    ]
    if since and (not gather or at - min(since) >= gather):
        results += _finish(tuple(erased), failures, now, throttle)
    failures.settle(at=now())
    return tuple(results)


def _delete(subject: Subject, step: Step) -> None:
    """Run one step and mark it in the record, both or neither."""
    with tenant_scope(step.tenant or subject.scope, using=ERASER):
        mark_steps_within(subject, step.delete())


def _finish(
    erased: tuple[Erasure, ...], failures: Failures, now: Callable[[], datetime], throttle: Throttle
) -> list[ErasureResult]:
    """Sanitize, count once more and certify, each on its own.

    What can't be done now is done by the next run.
    """
    try:
        proofs = sanitize(tuple(one.subject for one in erased), throttle, failures=failures)
    except RetryLaterError as error:
        return [_result(one.subject, {}, completed=False, waiting=str(error)) for one in erased]
    except Exception as error:  # it is noted, and raised when the others are done  # noqa: BLE001
        # What they share failed. It may be for one of them only: each alone then shows which.
        if len(erased) > 1:
            return [result for one in erased for result in _finish((one,), failures, now, throttle)]
        failures.note(erased[0].subject, error)
        return []
    results = []
    for one in erased:
        with failures.caught(one.subject):
            results.append(
                _certify_if_proven(one, proofs.get(one.subject.id), failures, throttle, at=now())
            )
    return results


def _certify_if_proven(
    erasure: Erasure,
    proof: SanitizationProof | None,
    failures: Failures,
    throttle: Throttle,
    *,
    at: datetime,
) -> ErasureResult:
    subject = erasure.subject
    with throttle.work():
        left = erasure.count()
    if any(left.values()):
        erasure.restart()
        return _result(subject, left, completed=False, waiting=failures.waiting.get(subject.id, ""))
    if schema_is_newer(ERASER):
        # Migrated meanwhile: there may be rows in tables that this program doesn't count.
        return _result(subject, left, completed=False, waiting="schema_of_later_release")
    if proof is not None:
        certify(erasure, left, proof, at=at)
    waiting = failures.waiting.get(subject.id, "")
    return _result(subject, left, completed=proof is not None, waiting=waiting)


def _result(
    subject: Subject, left: dict[str, int], *, completed: bool, waiting: str = ""
) -> ErasureResult:
    known = progress(subject)
    return ErasureResult(subject, known.deleted if known else {}, left, completed, waiting)
