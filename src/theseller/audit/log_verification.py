"""Check the log against its checkpoints, and those against their copy.

Each line that was changed, is missing, was added or is out of order is named.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from theseller.audit import (
    checkpoint_copy_file,
    checkpoint_copy_shortfalls,
    signed_checkpoint_document,
)
from theseller.audit.checkpoint_copy_completion import complete_copy
from theseller.audit.checkpointing import checkpoint_lock
from theseller.audit.log_line_digests import line_of, pack, unpack
from theseller.audit.queries import (
    READER,
    checkpoints,
    leaves_of,
    lines_at,
    lines_between,
    unsealed,
)
from theseller.audit.signing_keys import is_current
from theseller.audit.types import (
    NOWHERE,
    Checkpoint,
    CopyConflictError,
    Fault,
    Finding,
    Line,
    Mark,
    Verdict,
)

#: A kill between database and copy is mended by the next sealing; until then a new checkpoint may
#: be in the database alone.
COPY_MAY_LAG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Span:
    """The lines that one accepted checkpoint covers.

    Its leaves are at `offset` of the copy; None if they are in the database only.
    """

    number: int
    rows: int
    total: int
    after: Mark
    until: Mark
    offset: int | None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """A checkpoint as the copy or the database has it.

    `read` is the checkpoint, or the reason why it can't be read.
    """

    number: int
    document: bytes
    leaves: bytes
    read: Checkpoint | str
    offset: int | None = None


@dataclass(slots=True)
class _Chain:
    """The accepted checkpoints, in order, and what is wrong with the others."""

    at: datetime
    head: Checkpoint | None = None
    spans: list[_Span] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def complain(self, fault: Fault, message: str) -> None:
        """Add a finding about a checkpoint or the copy."""
        self.findings.append(Finding(fault, message))

    def take(self, number: int, ours: _Entry | None, theirs: _Entry | None) -> bool:
        """Add checkpoint `number`; return False if it does not continue the chain.

        Args:
            number: the number that is due.
            ours: what the copy has; None if it has none of this number.
            theirs: what the database has; None if it has none of this number.
        """
        if theirs is None:
            self.complain(Fault.CHECKPOINT, f"Checkpoint {number} is missing from the database.")
        elif ours is not None and (ours.document, ours.leaves) != (theirs.document, theirs.leaves):
            self.complain(
                Fault.CHECKPOINT,
                f"Checkpoint {number} in the database is not the one that the copy outside has.",
            )
        refusals = []
        for entry in (ours, theirs):
            if entry is None:
                continue
            refusal = self._add(entry)
            if not refusal:
                if (
                    ours is None
                    and self.at - datetime.fromisoformat(str(self.head and self.head.sealed_at))
                    >= COPY_MAY_LAG
                ):
                    self.complain(
                        Fault.COPY,
                        f"Checkpoint {number} is missing from the copy outside the database.",
                    )
                return True
            refusals.append(refusal)
        self.complain(
            Fault.CHECKPOINT,
            f"Checkpoint {number}"
            f" {refusals[0] if refusals else 'is nowhere, and later ones are there'}.",
        )
        return False

    def _add(self, entry: _Entry) -> str:
        """Add the entry if it continues the chain; else return why it does not."""
        if isinstance(entry.read, str):
            return entry.read
        found = entry.read
        counted = self.spans[: found.lost_from - 1 if found.lost_from else None]
        rows, until = (counted[-1].total, counted[-1].until) if counted else (0, NOWHERE)
        refusal = signed_checkpoint_document.follows(
            found, self.head, entry.leaves, rows_before=rows, until_before=until
        )
        if not refusal:
            if found.lost_from:
                self._lose(found)
            self.spans.append(
                _Span(entry.number, found.rows, found.rows_total, until, found.until, entry.offset)
            )
            self.head = found
        return refusal

    def _lose(self, restored: Checkpoint) -> None:
        lost = [span for span in self.spans[restored.lost_from - 1 :] if not span.lost]
        self.spans[restored.lost_from - 1 :] = [
            replace(span, lost=True) for span in self.spans[restored.lost_from - 1 :]
        ]
        self.lost.append(
            f"{sum(span.rows for span in lost)} line(s) under checkpoints {restored.lost_from} to"
            f" {restored.number - 1} were lost when the database was restored, as an operator said"
            f" on {restored.sealed_at[:10]}."
        )


def complete_and_verify(
    *,
    at: datetime,
    rows_most: int | None = None,
    since: int = 0,
    choose: Callable[[int], int] = lambda _: 0,
    using: str = READER,
    writer: str = "default",
) -> Verdict:
    """Complete this machine's copy, then check the log like `verify_log`.

    Other machines may have sealed since. `writer` is the worker's connection, as in
    `complete_copy`.
    """
    with (
        checkpoint_lock(shared=True, using=using),
        contextlib.suppress(CopyConflictError),
    ):  # What does not continue the copy is named below.
        complete_copy(at=at, using=using, writer=writer)
    return verify_log(at=at, rows_most=rows_most, since=since, choose=choose, using=using)


def verify_log(
    *,
    at: datetime,
    rows_most: int | None = None,
    since: int = 0,
    choose: Callable[[int], int] = lambda _: 0,
    using: str = READER,
) -> Verdict:
    """Check every checkpoint's chain, copy and signature, and the lines.

    A log of more than `rows_most` lines is checked in part. Then only the signatures of checkpoints
    after number `since` and of the last one are checked; the last vouches for the chain before it.
    The lines of every checkpoint after number `since` are compared, and of as many others as fill
    `rows_most`, beginning with the one that `choose` picks of that many and continuing with the
    first after the last. `Verdict.rows_checked` says how many lines were compared.
    """
    with checkpoint_lock(shared=True, using=using):
        chain = _read_chain(at, 0 if rows_most is None else since, using)
        head = chain.head
        if head is not None and isinstance(refusal := _read(head.document), str):
            chain.complain(Fault.CHECKPOINT, f"Checkpoint {head.number} {refusal}.")
        if head is not None and not is_current(head.key_after):
            chain.complain(
                Fault.CHECKPOINT,
                "The newest checkpoint is signed by a key that the key store does not hold.",
            )
        chosen = _chosen([span for span in chain.spans if not span.lost], rows_most, since, choose)
        findings = [*chain.findings]
        for span in chosen:
            findings += _compare(span, using)
        findings += checkpoint_copy_shortfalls.findings(using=using)
        count, oldest, impossible = unsealed(head.until if head else NOWHERE, using=using)
    if impossible is not None:
        findings.append(
            Finding(
                Fault.ADDED,
                f"Position {impossible} was added: no transaction of its number has been yet.",
                impossible,
            )
        )
    return Verdict(
        findings=tuple(findings),
        checkpoints=len(chain.spans),
        rows_sealed=head.rows_total if head else 0,
        rows_checked=sum(span.rows for span in chosen),
        unsealed=count,
        oldest_unsealed_at=oldest,
        lost=tuple(chain.lost),
    )


def notices_changes() -> bool:
    """Return whether the comparison detects changes, gaps and additions.

    A line that was changed in any column, one that is missing and one that was added: the positive
    control of a probe that finds no fault in the log. The lines are made here; none is read or
    written.
    """
    row: list[object] = [1, 1, "id", "at", "tag", "actor", "tenant", "subject", "{}", "role"]
    sealed = dict(unpack(pack([line_of(row)])))
    changed = []
    for column, value in enumerate(row):
        if column != 1:  # the position names the line
            other = 2 if value == 1 else '{"a": 1}' if value == "{}" else "other"
            changed.append({1: line_of([*row[:column], other, *row[column + 1 :]])})
    faults = [[one.fault for one in _differences(sealed, present)] for present in changed]
    missing = [one.fault for one in _differences(sealed, {})]
    added = [one.fault for one in _differences({}, {1: line_of(row)})]
    return (
        all(one == [Fault.CHANGED] for one in faults)
        and missing == [Fault.MISSING]
        and added == [Fault.ADDED]
    )


def _read_chain(at: datetime, proven: int, using: str) -> _Chain:
    """Read database and copy side by side and accept what continues the chain.

    Where they differ, the copy is tried first.
    """
    chain = _Chain(at)
    copy_shortfalls, stored = _copies(chain, proven), _stored(proven, using)
    ours, theirs = next(copy_shortfalls, None), next(stored, None)
    for number in itertools.count(1):
        if ours is None and theirs is None:
            break
        here = ours if ours is not None and ours.number == number else None
        there = theirs if theirs is not None and theirs.number == number else None
        if here is not None and there is not None and here.document == there.document:
            there = replace(there, read=here.read)
        if not chain.take(number, here, there):
            break  # Nothing after it can be accepted.
        ours = next(copy_shortfalls, None) if here is not None else ours
        theirs = next(stored, None) if there is not None else theirs
    return chain


def _copies(chain: _Chain, proven: int) -> Iterator[_Entry]:
    """Yield the lines of the copy, the first of each number.

    A later line of the same number may have been added to hide the first.
    """
    last = 0
    if checkpoint_copy_file.is_open_to_others():
        chain.complain(
            Fault.COPY,
            "The copy outside the database is open to other users of the machine: chmod 600.",
        )
    with contextlib.suppress(
        FileNotFoundError
    ):  # Then each checkpoint of the database is missing from it, and is named.
        for place, (offset, document, leaves) in enumerate(checkpoint_copy_file.entries(), start=1):
            found = _read(document, proven)
            if isinstance(found, str):
                chain.complain(
                    Fault.COPY, f"Line {place} of the copy outside the database {found}."
                )
            elif found.number <= last:
                chain.complain(
                    Fault.COPY,
                    f"Line {place} of the copy outside the database repeats checkpoint"
                    f" {found.number}.",
                )
            else:
                last = found.number
                yield _Entry(found.number, document, leaves, found, offset)


def _stored(proven: int, using: str) -> Iterator[_Entry]:
    for number, document, leaves in checkpoints(using=using):
        yield _Entry(number, document, leaves, _read(document, proven))


def _read(document: bytes, proven: int = 0) -> Checkpoint | str:
    try:
        return signed_checkpoint_document.read(document, proven=proven)
    except signed_checkpoint_document.CheckpointRefusedError as refusal:
        return str(refusal)


def _chosen(
    spans: list[_Span], rows_most: int | None, since: int, choose: Callable[[int], int]
) -> list[_Span]:
    if rows_most is None or sum(one.rows for one in spans) <= rows_most:
        return spans
    chosen = [one for one in spans if one.number > since]
    older = [one for one in spans if one.number <= since]
    start = choose(len(older)) if older else 0
    rows = sum(one.rows for one in chosen)
    for one in [*older[start:], *older[:start]]:
        if rows >= rows_most:
            break
        chosen.append(one)
        rows += one.rows
    return chosen


def _compare(span: _Span, using: str) -> Iterator[Finding]:
    """Compare the lines that a checkpoint covers with what it says of them."""
    leaves = (
        leaves_of(span.number, using=using)
        if span.offset is None
        else checkpoint_copy_file.leaves_at(span.offset)
    )
    sealed = dict(unpack(leaves))
    present = {line.position: line for line in lines_between(span.after, span.until, using=using)}
    for line in lines_at(sorted(set(sealed) - set(present)), using=using):
        present[line.position] = line
    yield from _differences(sealed, present)


def _differences(sealed: Mapping[int, bytes], present: Mapping[int, Line]) -> Iterator[Finding]:
    """Compare digests by position with lines by position."""
    origins = {digest: position for position, digest in sealed.items()}
    for position in sorted(set(sealed) | set(present)):
        finding = _judge(position, sealed.get(position), present.get(position), origins)
        if finding is not None:
            yield finding


def _judge(
    position: int, sealed: bytes | None, present: Line | None, origins: dict[bytes, int]
) -> Finding | None:
    if present is None:
        return Finding(Fault.MISSING, f"Position {position} is missing.", position)
    if sealed is None:
        return Finding(
            Fault.ADDED, f"Position {position} was added to what was sealed already.", position
        )
    if present.digest == sealed:
        return None
    origin = origins.get(present.digest)
    if origin is not None:
        return Finding(
            Fault.OUT_OF_ORDER,
            f"Position {position} is out of order: it holds the line of position {origin}.",
            position,
        )
    return Finding(Fault.CHANGED, f"Position {position} was changed.", position)
