"""Values of probers and their reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.controls.prober_reports.message_format import Plan, Report

#: A report counts for so long after its measurements. A prober runs every ten minutes.
REPORT_LASTS = timedelta(minutes=25)
#: Tries to sign in leave lines in the audit log, so they are made once in so long, and count for
#: longer.
LIMITS_EVERY, LIMITS_LAST = timedelta(hours=5), timedelta(hours=12)
#: How long a run may take, from the issue of its challenge to its report.
RUN_LASTS = timedelta(minutes=15)
#: How much the clocks of prober and deployment may differ.
CLOCKS_DIFFER = timedelta(minutes=2)


class ProberRefusedError(Exception):
    """A prober, or one of its messages, is refused.

    The text is for the operator of the prober; `status` is that of the HTTP answer.
    """

    def __init__(self, reason: str, *, status: int = 403) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class RegisteredProber:
    """A prober that an operator registered.

    `last_report_at` is when its newest report arrived.
    """

    name: str
    public_key: bytes
    added_at: datetime
    last_report_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedReport:
    """A report whose signature, challenge and times were verified.

    Attributes:
        report: what the prober observed.
        plan: what the deployment issued for its run.
        arrived: the numbers of its marked requests that reached the application.
        measured_at: when the run ended.
    """

    report: Report
    plan: Plan
    arrived: frozenset[int]
    measured_at: datetime
