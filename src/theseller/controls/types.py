"""Values of the controls.

Control, outcome of a probe, evidence, and the security page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.audit.event_types import Tag

if TYPE_CHECKING:
    from theseller.controls.probe_tools.probe_context import ProbeContext

Observations = Mapping[str, int | str | Sequence[str]]


class EnforcementKind(StrEnum):
    """What enforces a control.

    The software, a recorded procedure of people, or the deployment.
    """

    SOFTWARE = "M"
    PROCEDURE = "C"
    DEPLOYMENT = "D"
    SOFTWARE_AND_PROCEDURE = "M/C"
    SOFTWARE_AND_DEPLOYMENT = "M/D"


class HostScope(StrEnum):
    """Where a control has to hold.

    One run anywhere proves what is in the database. What is on a host's disk or in its process is
    proven by that host only.
    """

    DEPLOYMENT = "deployment"  # one run on any host proves it
    WORKERS = "workers"  # on each host that runs a worker
    ALL = "all"  # on each host; those without a worker run no probe, and the page says so


class Status(StrEnum):
    """What the page can say of a control.

    The first four are a probe's answers and are stored. The page derives the others: `STALE` from
    age or another version of the program, `DECLARED` from evidence that rests in part on a
    statement of the operator's that no probe can check.
    """

    PASSED = "met"
    FAILED = "broken"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    STALE = "stale"
    DECLARED = "declared"


class NothingCheckedError(ValueError):
    """A probe passed without checking anything. It is recorded as unknown."""

    def __init__(self) -> None:
        super().__init__("nothing was there to check")


class BlindProbeError(Exception):
    """A probe did not find its own test item, so it proves nothing.

    `what` names the test item. The outcome is recorded as unknown.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The probe did not find its own test item ({what}), so it proves nothing."
        )


def must_find(found: object, what: str) -> None:
    """Check the positive control of a search.

    Raises:
        BlindProbeError: `found` is false.
    """
    if not found:
        raise BlindProbeError(what)


@dataclass(frozen=True, slots=True)
class Passed:
    """The control holds for the `checked` items.

    Raises:
        NothingCheckedError: nothing was checked, which proves nothing.
    """

    checked: int
    summary: str = ""
    observations: Observations = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.checked < 1:
            raise NothingCheckedError


@dataclass(frozen=True, slots=True)
class Failed:
    """The control does not hold.

    `evidence` is public: counts and names of tables, never a row or an ID.
    """

    evidence: str
    checked: int = 0
    observations: Observations = field(default_factory=dict)

    def of_host(self, name: str) -> Failed:
        """Return the same, said of another host."""
        return replace(self, evidence=f"On host {name}: {self.evidence}")


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Result of a control that has nothing to apply to here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The probe could not tell."""

    reason: str

    def of_host(self, name: str) -> Unknown:
        """Return the same, said of another host."""
        return replace(self, reason=f"On host {name}: {self.reason}")


Outcome = Passed | Failed | NotApplicable | Unknown


#: The observation under which a probe lists what it took from the operator's word.
DECLARED = "declared"


def verdict(
    checked: int, failures: Sequence[str], summary: str, **observations: int | str | Sequence[str]
) -> Outcome:
    """Return Failed, Passed, or Unknown if nothing was checked.

    Failed shows the first three findings. The observation `declared` lists, one sentence each, what
    was taken from the operator's word: with one, the page shows the control as partly declared and
    not as passed.
    """
    if failures:
        shown = list(dict.fromkeys(failures))
        more = f" And {len(shown) - 3} more." if len(shown) > 3 else ""
        return Failed(" ".join(shown[:3]) + more, checked, {**observations, "findings": shown[:20]})
    if checked < 1:
        return Unknown("There is nothing to check yet, so nothing is proven.")
    if not observations.get(DECLARED, True):
        observations.pop(DECLARED)
    return Passed(checked, summary, observations)


@dataclass(frozen=True, slots=True)
class Control:
    """One clause.

    `id` is the clause's ID and the element's ID on the page; `section` is the page's section
    number. `freshness` is how old evidence may be before it no longer counts; a probe runs six
    times as often, and within a minute of an event of `after`. `enforced_by` are module paths.
    `compares_schema` says that the probe compares the database with lists of this release: on the
    schema of a later one a difference proves nothing.
    `hosts` says where it has to hold.
    """

    id: str
    section: int
    title: str
    statement: str
    citation: str
    owner: str
    freshness: timedelta
    enforced_by: tuple[str, ...]
    after: tuple[Tag, ...] = ()
    kind: EnforcementKind = EnforcementKind.SOFTWARE
    compares_schema: bool = False
    hosts: HostScope = HostScope.DEPLOYMENT

    @property
    def interval(self) -> timedelta:
        """Time between two runs of the probe."""
        return self.freshness / 6


@dataclass(frozen=True, slots=True)
class Pending:
    """A clause without a probe.

    The page lists it, never as passed.
    """

    id: str
    section: int
    title: str
    statement: str
    kind: EnforcementKind
    reason: str


Probe = Callable[["ProbeContext"], Outcome]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A control with its probe."""

    control: Control
    probe: Probe


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence as it was stored."""

    position: int
    id: UUID
    control_id: str
    outcome: Status
    checked: int
    summary: str
    observations: Observations
    code_version: str
    collected_at: datetime


@dataclass(frozen=True, slots=True)
class DisplayedControl:
    """A control as the page shows it.

    `outcome` is derived, never stored; `note` says why it is not the last outcome.
    """

    id: str
    section: int
    title: str
    statement: str
    citation: str
    owner: str
    kind: EnforcementKind
    enforced_by: tuple[str, ...]
    freshness: timedelta | None
    outcome: Status
    evidence: str
    note: str
    declared: tuple[str, ...]
    checked: int
    checked_at: datetime | None
    has_probe: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page, with its controls."""

    number: int
    title: str
    intro: str
    controls: tuple[DisplayedControl, ...]

    @property
    def anchor(self) -> str:
        """ID of the section's element on the page."""
        return f"section-{self.number}"

    @property
    def passed(self) -> int:
        """Number of controls of the section that passed."""
        return sum(one.outcome is Status.PASSED for one in self.controls)


@dataclass(frozen=True, slots=True)
class SecurityPage:
    """The whole page at one instant."""

    at: datetime
    code_version: str
    sections: tuple[Section, ...]

    @property
    def controls(self) -> tuple[DisplayedControl, ...]:
        """All controls, section by section."""
        return tuple(one for section in self.sections for one in section.controls)

    @property
    def refreshed_at(self) -> datetime | None:
        """Time of the newest evidence, None if there is none."""
        return max((one.checked_at for one in self.controls if one.checked_at), default=None)

    def count(self, status: Status, *, has_probe: bool = True) -> int:
        """Return how many controls have this status.

        Only controls with a probe, or only those without.
        """
        return sum(one.outcome is status and one.has_probe is has_probe for one in self.controls)
