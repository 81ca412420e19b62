"""The page, derived: from the catalogue, the newest evidence, the time and the running program. There is no way to set a colour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from theseller.controls import source
from theseller.controls.catalogue import CATALOGUE, SECTIONS
from theseller.controls.catalogue.pending import PENDING
from theseller.controls.queries import latest_evidence
from theseller.controls.types import DECLARED, Board, Control, Evidence, Pending, Section, Shown, Status
from theseller.edge.status import look_of

#: Clocks of two machines may differ by this much; evidence from further ahead is believed by nobody.
_SKEW = timedelta(minutes=1)

#: What a visitor is told at the top, the worst first: of controls that have a probe.
_ATTENTION = (Status.BROKEN, Status.STALE, Status.UNKNOWN)


def colour(evidence: Evidence | None, freshness: timedelta, *, at: datetime, version: str) -> tuple[Status, str]:
    """Return what may be said of a control, and why where it is not simply the evidence's own word.

    Met needs all of: evidence that says so, no older than `freshness`, not from the future, gathered by the program of `version`.
    """
    if evidence is None:
        return Status.UNKNOWN, "It has not been checked on this deployment yet."
    if evidence.outcome in {Status.BROKEN, Status.UNKNOWN}:
        return evidence.outcome, ""  # Bad news does not get better with age.
    if evidence.collected_at > at + _SKEW:
        return Status.UNKNOWN, "The newest evidence is dated in the future, so it is not believed."
    if evidence.code_version != version:
        return Status.STALE, "The program has changed since; the evidence speaks of another version."
    if at - evidence.collected_at > freshness:
        return Status.STALE, "The newest evidence is too old to count."
    declared = evidence.outcome is Status.MET and declared_in(evidence)
    return Status.DECLARED if declared else evidence.outcome, ""


def declared_in(evidence: Evidence) -> tuple[str, ...]:
    """Return what the probe took from the operator's word, one sentence each."""
    said = evidence.observations.get(DECLARED, ())
    return tuple(map(str, said)) if isinstance(said, list | tuple) else (str(said),)


def board(at: datetime, *, using: str = "default") -> Board:
    """Return the whole page as of `at`."""
    version = source.code_version()
    newest = latest_evidence(list(CATALOGUE), using=using)
    shown = [_shown(entry.control, newest.get(name), at, version) for name, entry in CATALOGUE.items()]
    shown += [_not_built(one) for one in PENDING]
    return Board(
        at,
        version,
        tuple(Section(number, title, intro, tuple(_in(number, shown))) for number, (title, intro) in SECTIONS.items()),
    )


def certificate_keys(*, using: str = "default") -> list[str]:
    """Return the public keys that deletion certificates were signed with, hexadecimal, newest first, as the probe saw them."""
    evidence = latest_evidence(["life-purge-30"], using=using).get("life-purge-30")
    keys = evidence.observations.get("certificate_public_keys", ()) if evidence else ()
    return [str(key) for key in keys] if isinstance(keys, list) else []


def context(shown: Board, *, public_keys: Sequence[str]) -> dict[str, Any]:
    """Return what the template draws from."""
    return {
        "board": shown,
        "at": shown.at,
        "public_keys": public_keys,
        "tally": [(status, f"{shown.count(status)} {look_of(status).label.lower()}") for status in Status if shown.count(status)],
        "not_built": sum(not one.built for one in shown.shown),
        "tested": sum(one.built for one in shown.shown),
        "attention": [(look_of(status).label, one) for status in _ATTENTION for one in shown.shown if one.built and one.outcome is status],
        "has_broken": bool(shown.count(Status.BROKEN)),
        "total": len(shown.shown),
    }


def as_document(shown: Board) -> dict[str, Any]:
    """Return the page as a JSON document, format ``theseller.org/security-page/v1``."""
    return {
        "format": "theseller.org/security-page/v1",
        "as_of": shown.at.isoformat(),
        "last_evidence_at": shown.refreshed_at.isoformat() if shown.refreshed_at else None,
        "code_version": shown.code_version,
        "controls": [_document(one) for one in shown.shown],
    }


def _document(one: Shown) -> dict[str, Any]:
    return {
        "id": one.id,
        "section": one.section,
        "title": one.title,
        "statement": one.statement,
        "outcome": one.outcome.value,
        "evidence": one.evidence,
        "note": one.note,
        "declared": list(one.declared),
        "checked": one.checked,
        "checked_at": one.checked_at.isoformat() if one.checked_at else None,
        "freshness_seconds": int(one.freshness.total_seconds()) if one.freshness else None,
        "citation": one.citation,
        "owner": one.owner,
        "kind": one.kind.value,
        "enforced_by": list(one.enforced_by),
        "probe": one.built,
    }


def _in(section: int, shown: Sequence[Shown]) -> Sequence[Shown]:
    return sorted((one for one in shown if one.section == section), key=lambda one: not one.built)


def _shown(control: Control, evidence: Evidence | None, at: datetime, version: str) -> Shown:
    outcome, note = colour(evidence, control.freshness, at=at, version=version)
    return Shown(
        id=control.id,
        section=control.section,
        title=control.title,
        statement=control.statement,
        citation=control.citation,
        owner=control.owner,
        kind=control.kind,
        enforced_by=control.enforced_by,
        freshness=control.freshness,
        outcome=outcome,
        evidence=evidence.summary if evidence else "",
        note=note,
        declared=declared_in(evidence) if evidence else (),
        checked=evidence.checked if evidence else 0,
        checked_at=evidence.collected_at if evidence else None,
        built=True,
    )


def _not_built(pending: Pending) -> Shown:
    return Shown(
        id=pending.id,
        section=pending.section,
        title=pending.title,
        statement=pending.statement,
        citation="",
        owner="",
        kind=pending.kind,
        enforced_by=(),
        freshness=None,
        outcome=Status.UNKNOWN,
        evidence="",
        note=pending.why,
        declared=(),
        checked=0,
        checked_at=None,
        built=False,
    )
