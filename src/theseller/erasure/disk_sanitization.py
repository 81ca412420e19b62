"""Sanitize the disk after rows were deleted.

Their relations are rewritten, old WAL is sealed or removed, and what is left is searched for.
Each relation's mark in the record is written when its copy is done. A kill between the two has it
copied once more, which harms nothing.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.utils.module_loading import import_string

from theseller.erasure.erasable_tables import tables_of
from theseller.erasure.erasure_records import note, progress
from theseller.erasure.failure_collection import Failures
from theseller.erasure.relation_and_orphaned_files import (
    database_files,
    remove_stray_files,
    stray_names,
)
from theseller.erasure.residual_scan import older_wal, search
from theseller.erasure.types import Progress, ResidualScan, SanitizationProof, Subject
from theseller.erasure.vacuum import (
    SAMPLES,
    RetryLaterError,
    await_horizon,
    checkpoint,
    patience,
    rebuild_statistics,
    relations_of,
    sizes,
    vacuum_alias,
    vacuum_full,
)
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.retention.database_aliases import ERASER

#: How often the WAL is checked before this is left to the next run, and the seconds between.
_CHECKS, _PAUSE_SECONDS = 20, 0.25
_STRAY = (
    "a crash of the database has left a file of no table, and what is to be erased is in it:"
    " restart the service once, with its database; the next run removes the file"
)


def sanitize(
    erased: tuple[Subject, ...],
    throttle: Throttle = UNTHROTTLED,
    *,
    pause: Callable[[float], None] = time.sleep,
    failures: Failures | None = None,
) -> dict[UUID, SanitizationProof]:
    """Sanitize the disk after these deletions; return the proof of each.

    One without a proof restarts at the next run.

    With `failures`, what goes wrong in the search for one of these is noted there, and the others
    get their proofs.

    Raises:
        RetryLaterError: something has to be waited for. What was done is marked.
    """
    by = vacuum_alias(using=ERASER)
    try:
        _rewrite(erased, throttle, by)
    finally:
        if by != ERASER:
            databases[by].close()  # The owner's connection lasts no longer than its work.
    remove_stray_files(using=ERASER)
    with throttle.work():
        begin = _begin_of_wal(erased)
    _await_old_wal(begin, pause)
    proofs: dict[UUID, SanitizationProof] = {}
    for subject in erased:
        with failures.caught(subject) if failures else contextlib.nullcontext():
            proof = _prove(subject, begin, throttle)
            if proof is not None:
                proofs[subject.id] = proof
    return proofs


def _rewrite(erased: tuple[Subject, ...], throttle: Throttle, by: str) -> None:
    """Rewrite every relation in which one of these may have left bytes.

    Not those that were rewritten since its rows were deleted.
    """
    known = {subject.id: _progress(subject) for subject in erased}
    wanted: dict[str, list[Subject]] = {}
    before: dict[str, int] = {}
    for subject in erased:
        found = relations_of(tables_of(subject.kind), subject.tenant, using=ERASER)
        before |= found
        for relation in found:
            if relation not in known[subject.id].rewritten:
                wanted.setdefault(relation, []).append(subject)
    unsampled = [subject for subject in erased if SAMPLES not in known[subject.id].rewritten]
    if not wanted and not unsampled:
        return
    await_horizon(max(one.erased_xid or 0 for one in known.values()), using=by)
    with patience(using=by):
        for relation in sorted(wanted, key=lambda name: (before[name], name)):
            with throttle.work():
                _mark(relation, wanted[relation], before[relation], vacuum_full(relation, using=by))
    marked = {name for one in known.values() for name in one.rewritten} - {SAMPLES}
    grounds = [(tables_of(subject.kind), subject.tenant) for subject in erased]
    rebuild_statistics(
        sorted(marked | set(wanted)), grounds, using=by, eraser=ERASER, throttle=throttle
    )
    with throttle.work(), patience(using=by):
        size = sizes([SAMPLES], using=ERASER)[SAMPLES]
        _mark(SAMPLES, list(erased), size, vacuum_full(SAMPLES, using=by))


def _mark(relation: str, concerned: list[Subject], before: int, milliseconds: int) -> None:
    mark = json.dumps({"before": before, "ms": milliseconds})
    for subject in concerned:
        note(
            subject,
            "rewritten = rewritten || jsonb_build_object(%s::text, %s::jsonb), wal_from = null",
            [relation, mark],
        )


def _begin_of_wal(erased: tuple[Subject, ...]) -> str:
    """Return the first WAL file after the rewriting, the same after a kill."""
    known = [_progress(subject).wal_from for subject in erased]
    if any(begin is None for begin in known):
        begin = checkpoint(using=ERASER)
        for subject in erased:
            note(subject, "wal_from = %s", [begin])
        return begin
    return max(begin for begin in known if begin is not None)


def _await_old_wal(begin: str, pause: Callable[[float], None]) -> None:
    """Have the WAL of the deleted rows sealed, or removed.

    It is sealed into the newest backup, and removed if there is none.
    """
    layout = database_files()
    if layout is None:
        return
    for _ in range(_CHECKS):
        # Backups are above this package in the import law, so that the settings name what seals WAL
        # into them.
        import_string(settings.ERASURE_WAL_SEALER)()
        if older_wal(layout, begin) == 0:
            return
        pause(_PAUSE_SECONDS)
        checkpoint(using=ERASER)
    raise RetryLaterError(
        "the database still keeps WAL from before: it has not been archived, or something holds it"
    )


def _prove(subject: Subject, begin: str, throttle: Throttle) -> SanitizationProof | None:
    rewritten = _progress(subject).rewritten
    found = _search(subject, tuple(rewritten), begin, throttle)
    if found.sanitize:
        after = sizes(list(rewritten), using=ERASER)
        return SanitizationProof(
            {name: {**one, "after": after[name]} for name, one in rewritten.items()}, "", found
        )
    if found.older_wal == 0 and stray_names(using=ERASER).issuperset(found.places):
        raise RetryLaterError(_STRAY)
    note(subject, "rewritten = '{}', wal_from = null", [])
    return None


def _search(
    subject: Subject, relations: tuple[str, ...], begin: str, throttle: Throttle
) -> ResidualScan:
    ids = (subject.id, *subject.others)
    return search(
        ids, (one for one in relations if one != SAMPLES), begin, using=ERASER, throttle=throttle
    )


def _progress(subject: Subject) -> Progress:
    found = progress(subject)
    if found is None:
        raise RetryLaterError("the record of this erasure has not been begun")
    return found
