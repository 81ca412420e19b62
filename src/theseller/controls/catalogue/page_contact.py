"""Security page §13: who answers for the service is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.prober_reports.message_format import ContactAtAddress
from theseller.controls.prober_reports.outcome_of_reports import (
    NOT_MEASURED,
    Judgment,
    outcome_of_reports,
)
from theseller.controls.prober_reports.types import VerifiedReport
from theseller.controls.types import Control, Outcome, must_find
from theseller.lib.placeholder_detection import is_placeholder
from theseller.lib.translation_marks import gettext_noop
from theseller.tenancy.host_reports_and_clocks import hosts
from theseller.tenancy.host_types import Host, setting_hash

CONTROL = Control(
    id="page-contact",
    section=13,
    title=gettext_noop("The security officer, the legal entity and its address are named"),
    statement=gettext_noop(
        "This page names the security officer, the mail address for security reports, the legal"
        " entity and its registered address. Production does not start without them, or with"
        " placeholders. A prober on another machine reads the page over the public address; what"
        " it says must be no placeholder, and equal to the settings of every web and worker"
        " process. That the texts are true is the operator's word."
    ),
    citation="Security page §13",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.config.operator_on_security_page:require_operator_identity",
        "theseller/controls/templates/controls/page.html",
    ),
    after=(Tag.PROBER_ADDED, Tag.PROBER_REMOVED),
)

#: The setting of each part, and how findings name it.
_PARTS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "officer": ("THESELLER_SECURITY_OFFICER", "security officer"),
    "contact": ("THESELLER_SECURITY_CONTACT", "mail address for reports"),
    "legal_entity": ("THESELLER_LEGAL_ENTITY", "legal entity"),
    "legal_address": ("THESELLER_LEGAL_ADDRESS", "registered address"),
})  # fmt: skip
#: A process that has not reported its settings for so long does not count.
_REPORTED_SECONDS = 600
_PROCESSES = ("web", "worker")


def probe(context: ProbeContext) -> Outcome:
    """Compare what probers read with the settings that each process reported."""
    processes = [one for one in hosts(using=context.probe) if one.age <= _REPORTED_SECONDS]
    must_find(
        is_placeholder("security@example.com") and not is_placeholder("Ada Lovelace"),
        "a placeholder, and a text that is none",
    )

    def judge(verified: VerifiedReport, at: datetime) -> Judgment:
        del at
        return judge_contact(verified, processes)

    return outcome_of_reports(
        context,
        judge,
        "{checked} texts of the public page name its operator, and equal the settings of"
        f" {len(processes)} web and worker process(es).",
    )


def judge_contact(verified: VerifiedReport, processes: Sequence[Host]) -> Judgment:
    """Judge the texts of one report."""
    judgment, section = Judgment(), verified.report.contact
    if section is None or not section.addresses:
        judgment.unseen.append(NOT_MEASURED)
        return judgment
    running = {one.process for one in processes}
    judgment.unseen += [
        f"no {name} process has reported its settings in the last {_REPORTED_SECONDS // 60} minutes"
        for name in _PROCESSES
        if name not in running
    ]
    for one in section.addresses:
        if one.status != 200 or not one.clauses:
            judgment.unseen.append(
                f"{one.address} did not show the security page (status {one.status})"
            )
            continue
        judgment.checked += len(_PARTS)
        judgment.failures += _texts(one, processes)
    return judgment


def _texts(one: ContactAtAddress, processes: Sequence[Host]) -> Iterator[str]:
    for part, (variable, name) in _PARTS.items():
        text = str(getattr(one, part))
        if not text:
            yield f"The page at {one.address} shows no {name}."
            continue
        if is_placeholder(text):
            yield f"The {name} that the page at {one.address} shows is a placeholder."
        for other in processes:
            if other.settings.get(variable) != setting_hash(text):
                yield (
                    f"The page at {one.address} shows another {name} than the {other.process} on"
                    f" {other.name} has in its settings."
                )
