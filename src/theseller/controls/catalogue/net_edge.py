"""Security page §4: a web application firewall refuses known attacks."""

from __future__ import annotations

from datetime import datetime, timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.message_format import SentRequest
from theseller.controls.prober_reports.outcome_of_reports import (
    NOT_MEASURED,
    Judgment,
    outcome_of_reports,
)
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Control, EnforcementKind, Outcome
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-edge",
    section=4,
    title=gettext_noop("A firewall refuses known attacks before the service sees them"),
    statement=gettext_noop(
        "A prober on another machine sends attacks and legitimate requests, drawn by lot, over the"
        " public address, each with a mark. None of the attacks may reach the service, which"
        " records the marks that it sees; every legitimate request must. No other open port may"
        " lead to the service. The mitigation of denial of service is not tested."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "deploy/edge/theseller.conf",
        "deploy/edge/waf/rules.conf",
        "theseller.controls.prober_reports.arrived_prober_requests:ProberArrivalMiddleware",
    ),
    after=(Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
    kind=EnforcementKind.DEPLOYMENT,
)

#: How many of each a report must have sent.
_SAMPLE = 20
#: Statuses by which an edge refuses a request.
_REFUSALS = frozenset({400, 403, 405, 406, 414, 415, 431, 501})


def probe(context: ProbeContext) -> Outcome:
    """Judge what probers sent, by what arrived."""
    return outcome_of_reports(
        context,
        judge,
        "{checked} attacks and legitimate requests, drawn by lot: every attack was refused before"
        " the service, every other request reached it.",
    )


def judge(verified: VerifiedReport, at: datetime) -> Judgment:
    """Judge the requests of one report."""
    del at
    judgment, section = Judgment(), verified.report.edge
    if section is None:
        judgment.unseen.append(NOT_MEASURED)
        return judgment
    attacks = [one for one in section.requests if one.attack]
    others = [one for one in section.requests if not one.attack]
    judgment.checked = len(section.requests)
    arrived = verified.arrived
    reached = [one for one in attacks if one.number in arrived]
    answered = [one for one in attacks if one.number not in arrived and one.status not in _REFUSALS]
    refused = [one for one in others if one.number not in arrived and one.status in _REFUSALS]
    missing = [one for one in others if one.number not in arrived and one not in refused]
    if reached:
        judgment.failures.append(
            f"{len(reached)} of {len(attacks)} attacks reached the service ({_kinds(reached)})."
        )
    if refused and arrived:
        judgment.failures.append(
            f"{len(refused)} of {len(others)} legitimate requests were refused."
        )
    if any(one.number in arrived for one in section.other_ports):
        judgment.failures.append("The service answers at a port that has no firewall.")
    if len(attacks) < _SAMPLE or len(others) < _SAMPLE:
        judgment.unseen.append(f"it sent fewer than {_SAMPLE} attacks and legitimate requests")
    if not arrived:
        judgment.unseen.append(
            "no marked request reached the service, so no refusal proves anything"
        )
    elif answered or missing:
        judgment.unseen.append(
            f"{len(answered) + len(missing)} request(s) were neither refused by the edge nor seen"
            " by the service"
        )
    return judgment


def _kinds(requests: list[SentRequest]) -> str:
    return ", ".join(sorted({one.kind for one in requests})[:3])
