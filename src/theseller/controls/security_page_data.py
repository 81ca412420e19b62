"""Derive each control's status and the public security page.

There is no way to set a status.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.controls.catalogue import CATALOGUE, SECTIONS
from theseller.controls.catalogue.clauses_without_probe import PENDING
from theseller.controls.queries import latest_evidence
from theseller.controls.types import (
    DECLARED,
    Control,
    DisplayedControl,
    Evidence,
    Pending,
    Section,
    SecurityPage,
    Status,
)
from theseller.edge.control_outcome_labels import badge_for
from theseller.lib import code_version

#: Clocks of two machines may differ by this much; evidence from further ahead is not accepted.
_SKEW = timedelta(minutes=1)

#: What the page lists at its top, the worst first: controls that have a probe.
_ATTENTION = (Status.FAILED, Status.STALE, Status.UNKNOWN)


def displayed_status(
    evidence: Evidence | None, freshness: timedelta, *, at: datetime, version: str
) -> tuple[Status, str]:
    """Return the status to display, and why it is not the evidence's own.

    Passed needs all of: evidence that says so, no older than `freshness`, not from the future,
    collected by the program of `version`. With statements of the operator in it, it is Declared
    instead.
    """
    if evidence is None:
        return Status.UNKNOWN, gettext_noop("It has not been checked on this deployment yet.")
    if evidence.outcome in {Status.FAILED, Status.UNKNOWN}:
        return evidence.outcome, ""  # A failure does not become stale.
    if evidence.collected_at > at + _SKEW:
        return Status.UNKNOWN, gettext_noop(
            "The newest evidence is dated in the future, so it is not accepted."
        )
    if evidence.code_version != version:
        return (
            Status.STALE,
            gettext_noop("The program has changed since; the evidence speaks of another version."),
        )
    if at - evidence.collected_at > freshness:
        return Status.STALE, gettext_noop("The newest evidence is too old to count.")
    declared = evidence.outcome is Status.PASSED and declared_statements(evidence)
    return Status.DECLARED if declared else evidence.outcome, ""


def declared_statements(evidence: Evidence) -> tuple[str, ...]:
    """Return what the probe took from the operator's word, one sentence each."""
    said = evidence.observations.get(DECLARED, ())
    return tuple(map(str, said)) if isinstance(said, list | tuple) else (str(said),)


def security_page(at: datetime, *, using: str = "default") -> SecurityPage:
    """Return the whole page as of `at`."""
    version = code_version.code_version()
    newest = latest_evidence(list(CATALOGUE), using=using)
    shown = [
        _displayed(entry.control, newest.get(name), at, version)
        for name, entry in CATALOGUE.items()
    ]
    shown += [_without_probe(one) for one in PENDING]
    return SecurityPage(
        at,
        version,
        tuple(
            Section(number, title, intro, tuple(_in(number, shown)))
            for number, (title, intro) in SECTIONS.items()
        ),
    )


def certificate_keys(*, using: str = "default") -> list[str]:
    """Return the public keys of deletion certificates, newest first.

    Hexadecimal, as the probe saw them.
    """
    evidence = latest_evidence(["life-purge-30"], using=using).get("life-purge-30")
    keys = evidence.observations.get("certificate_public_keys", ()) if evidence else ()
    return [str(key) for key in keys] if isinstance(keys, list) else []


def template_context(shown: SecurityPage, *, public_keys: Sequence[str]) -> dict[str, Any]:
    """Return the context of the page's template."""
    return {
        "page": shown,
        "at": shown.at,
        "public_keys": public_keys,
        "tally": [
            (
                status,
                _("%(count)d %(outcome)s")
                % {"count": shown.count(status), "outcome": _(badge_for(status).label).lower()},
            )
            for status in Status
            if shown.count(status)
        ],
        "without_probe": sum(not one.has_probe for one in shown.controls),
        "tested": sum(one.has_probe for one in shown.controls),
        "attention": [
            (_(badge_for(status).label), one)
            for status in _ATTENTION
            for one in shown.controls
            if one.has_probe and one.outcome is status
        ],
        "has_broken": bool(shown.count(Status.FAILED)),
        "total": len(shown.controls),
    }


def as_json_document(shown: SecurityPage) -> dict[str, Any]:
    """Return the page as a JSON document.

    Its format is ``theseller.org/security-page/v1``.
    """
    return {
        "format": "theseller.org/security-page/v1",
        "as_of": shown.at.isoformat(),
        "last_evidence_at": shown.refreshed_at.isoformat() if shown.refreshed_at else None,
        "code_version": shown.code_version,
        "controls": [_document(one) for one in shown.controls],
    }


def _document(one: DisplayedControl) -> dict[str, Any]:
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
        "probe": one.has_probe,
    }


def _in(section: int, shown: Sequence[DisplayedControl]) -> Sequence[DisplayedControl]:
    return sorted(
        (one for one in shown if one.section == section), key=lambda one: not one.has_probe
    )


def _displayed(
    control: Control, evidence: Evidence | None, at: datetime, version: str
) -> DisplayedControl:
    outcome, note = displayed_status(evidence, control.freshness, at=at, version=version)
    return DisplayedControl(
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
        declared=declared_statements(evidence) if evidence else (),
        checked=evidence.checked if evidence else 0,
        checked_at=evidence.collected_at if evidence else None,
        has_probe=True,
    )


def _without_probe(pending: Pending) -> DisplayedControl:
    return DisplayedControl(
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
        note=pending.reason,
        declared=(),
        checked=0,
        checked_at=None,
        has_probe=False,
    )
