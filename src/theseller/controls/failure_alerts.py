"""Tell operators by mail that a control has failed: once for each failure."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.probe_tools.probe_context import live_context
from theseller.controls.queries import latest_evidence
from theseller.controls.types import Status
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.mail.mail_kinds import OperatorAlert
from theseller.mail.operations import alert_operators

#: The first evidence of the present failure: none of another outcome came after it.
_BEGAN = """
select e.id from controls_evidence e
where e.control_id = %s and e.outcome = %s and e.position > coalesce((
    select max(o.position) from controls_evidence o
    where o.control_id = %s and o.outcome <> %s), 0)
order by e.position limit 1
"""


def alert_operators_of_failures(*, at: datetime) -> int:
    """Queue an alert for each operator about each failing control.

    Returns how many were queued.

    Every further run finds the alerts queued already, by the evidence that began the failure. Runs
    as the worker.
    """
    context = live_context(at)
    queued = 0
    for control, evidence in latest_evidence(list(CATALOGUE), using=context.probe).items():
        if evidence.outcome is not Status.FAILED:
            continue
        failed = Status.FAILED.value
        (began,) = context.rows(_BEGAN, [control, failed, control, failed])[0]
        alert = OperatorAlert(
            summary=marked(gettext_noop("control %(control)s failed"), control=control),
            details=marked(
                "%(title)s\n%(evidence)s",  # nothing to translate but the title
                title=marked(CATALOGUE[control].control.title),
                evidence=evidence.summary,
            ),
            link=f"{settings.ENVIRONMENT.public_url}/security/{control}/",
            noticed_at=evidence.collected_at,
        )
        queued += sum(
            one.id is not None
            for one in alert_operators(alert, idempotency_key=f"control:{control}:{began}", at=at)
        )
    return queued
