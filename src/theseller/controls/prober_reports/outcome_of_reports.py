"""Make a control's outcome of what probers reported.

A finding in any current report fails the control. Without one, it passes only if every registered
prober has a current report in which everything was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.queries import current_reports
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Outcome, Unknown, verdict

#: What a part of a report says that was not measured.
NOT_MEASURED = "the newest report has no such measurements"


@dataclass(slots=True)
class Judgment:
    """What one report says of one control.

    Attributes:
        checked: how many things were measured.
        failures: findings, one sentence each.
        unseen: what could not be measured, one sentence each.
    """

    checked: int = 0
    failures: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def outcome_of_reports(
    context: ProbeContext,
    judge: Callable[[VerifiedReport, datetime], Judgment],
    summary: str,
    *,
    inside: Sequence[str] = (),
    limits: bool = False,
) -> Outcome:
    """Return the outcome of all probers' current reports.

    `judge` gets a report and the present time. `summary` says what was found good; `{checked}` in
    it is the number of things measured. `inside` are findings of the control's own. With `limits`,
    the newest reports of runs that tried limits are used.
    """
    found = current_reports(context, limits=limits)
    judgments = [(one, judge(one, context.at)) for one in found.reports]
    failures = [
        *inside,
        *(
            f"Seen by prober {one.report.prober}: {failure}"
            for one, judgment in judgments
            for failure in judgment.failures
        ),
    ]
    unseen = [
        *found.problems,
        *(
            f"Prober {one.report.prober}: {reason}."
            for one, judgment in judgments
            for reason in judgment.unseen
        ),
    ]
    if unseen and not failures:
        return Unknown(" ".join(unseen[:3]))
    checked = sum(judgment.checked for _, judgment in judgments)
    names = [one.report.prober for one, _ in judgments]
    oldest = min((one.measured_at for one, _ in judgments), default=context.at)
    minutes = max(int((context.at - oldest).total_seconds() // 60), 0)
    return verdict(
        checked,
        failures,
        f"{summary.format(checked=checked)} Measured {minutes} minute(s) ago by {len(names)}"
        " prober(s) on other machines.",
        probers=names,
        measured_at=oldest.isoformat(),
    )
