"""After the rows: write anew what they lay in, let the WAL that tells of them go, and look whether anything is left.

Each relation's mark in the ledger is written when its copy is done. A kill between the two has it copied once more, which harms nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from uuid import UUID

from theseller.connections.types import ConnectionView
from theseller.retention.backups.operations import keep_wal
from theseller.retention.backups.workplace import alone, is_configured, workplace
from theseller.retention.erasing import ERASER, note, progress_of
from theseller.retention.residue import database_files, older_wal, search
from theseller.retention.rewriting import (
    SAMPLES,
    NotNowError,
    await_horizon,
    checkpoint,
    may_rewrite,
    patience,
    relations_of,
    renew_samples,
    rewrite,
    sizes,
)
from theseller.retention.types import Progress, Proof, Residue

#: How often the WAL is looked at before the next run of the job goes on, and the rest between.
_LOOKS, _PAUSE_SECONDS = 20, 0.25
NOT_REWRITTEN = "PostgreSQL before 17 lets only a table's owner write it anew: deleted bytes stay until PostgreSQL writes over them"


def clean(erased: tuple[ConnectionView, ...], *, pause: Callable[[float], None] = time.sleep) -> dict[UUID, Proof]:
    """Clean up after these, whose rows are gone, and return the proof of each; one without a proof begins again at the next run.

    Raises:
        NotNowError: something has to be waited for. What was done is marked.
    """
    if not may_rewrite(using=ERASER):
        return {closed.id: Proof({}, NOT_REWRITTEN, _looked(closed, (), "")) for closed in erased}
    _rewrite(erased)
    begin = _begin_of_wal(erased)
    _let_wal_go(begin, pause)
    return {closed.id: proof for closed in erased if (proof := _prove(closed, begin)) is not None}


def _rewrite(erased: tuple[ConnectionView, ...]) -> None:
    """Write anew every relation that one of these may have left bytes in and that wasn't since its rows went."""
    known = {closed.id: _progress(closed) for closed in erased}
    wanted: dict[str, list[ConnectionView]] = {}
    before: dict[str, int] = {}
    for closed in erased:
        found = relations_of(closed.tenant, using=ERASER)
        before |= found
        for relation in found:
            if relation not in known[closed.id].rewritten:
                wanted.setdefault(relation, []).append(closed)
    unsampled = [closed for closed in erased if SAMPLES not in known[closed.id].rewritten]
    if not wanted and not unsampled:
        return
    await_horizon(max(progress.erased_xid or 0 for progress in known.values()), using=ERASER)
    with patience(using=ERASER):
        for relation in sorted(wanted, key=lambda name: (before[name], name)):
            _mark(relation, wanted[relation], before[relation], rewrite(relation, using=ERASER))
    marked = {name for progress in known.values() for name in progress.rewritten} - {SAMPLES}
    renew_samples(sorted(marked | set(wanted)), {closed.tenant for closed in erased}, using=ERASER)
    with patience(using=ERASER):
        size = sizes([SAMPLES], using=ERASER)[SAMPLES]
        _mark(SAMPLES, list(erased), size, rewrite(SAMPLES, using=ERASER))


def _mark(relation: str, concerned: list[ConnectionView], before: int, milliseconds: int) -> None:
    mark = json.dumps({"before": before, "ms": milliseconds})
    for closed in concerned:
        note(closed, "rewritten = rewritten || jsonb_build_object(%s::text, %s::jsonb), wal_from = null", [relation, mark])


def _begin_of_wal(erased: tuple[ConnectionView, ...]) -> str:
    """Return the file of WAL with which the time after the last rewriting begins, the same after a kill."""
    known = [_progress(closed).wal_from for closed in erased]
    if any(begin is None for begin in known):
        begin = checkpoint(using=ERASER)
        for closed in erased:
            note(closed, "wal_from = %s", [begin])
        return begin
    return max(begin for begin in known if begin is not None)


def _let_wal_go(begin: str, pause: Callable[[float], None]) -> None:
    """Have what tells of the deleted rows sealed into the newest backup, whose key ends it, or removed where there is none."""
    layout = database_files()
    if layout is None:
        return
    for _ in range(_LOOKS):
        if is_configured():
            place = workplace()
            with alone(place.lock) as ours:
                if ours:
                    keep_wal(place)
        if older_wal(layout, begin) == 0:
            return
        pause(_PAUSE_SECONDS)
        checkpoint(using=ERASER)
    raise NotNowError("the database still keeps WAL from before: it has not been archived, or something holds it")


def _prove(closed: ConnectionView, begin: str) -> Proof | None:
    rewritten = _progress(closed).rewritten
    found = _looked(closed, tuple(rewritten), begin)
    if found.clean:
        after = sizes(list(rewritten), using=ERASER)
        return Proof({name: {**one, "after": after[name]} for name, one in rewritten.items()}, "", found)
    note(closed, "rewritten = '{}', wal_from = null", [])
    return None


def _looked(closed: ConnectionView, relations: tuple[str, ...], begin: str) -> Residue:
    return search(closed.id, (one for one in relations if one != SAMPLES), begin, using=ERASER)


def _progress(closed: ConnectionView) -> Progress:
    found = progress_of(closed)
    if found is None:
        raise NotNowError("the ledger of this erasure has not been begun")
    return found
