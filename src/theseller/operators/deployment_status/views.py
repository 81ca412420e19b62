"""The operators' page of how the deployment does."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_GET

from theseller.accounts.authorization import operator_required
from theseller.accounts.types import Operator
from theseller.edge.database_routing import operators_database
from theseller.lib import clock
from theseller.operators.deployment_status.status_lines import problems_of, status_lines
from theseller.operators.deployment_status.types import DeploymentState


@require_GET
@operator_required()
def status(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show workers, queue, streams, backups, controls and disk."""
    # Controls are in a package above this one: a setting names the function.
    measure: Callable[..., DeploymentState] = import_string(settings.DEPLOYMENT_STATE)
    at = clock.now()
    state = measure(at, measured_by=operators_database(), read_by="default")
    lines = status_lines(state)
    context = {
        "operator": operator,
        "at": at,
        "lines": lines,
        "problems": problems_of(state),
        "streams": sorted((*key, count) for key, count in state.streams.items()),
        "jobs": sorted((*key, count) for key, count in state.jobs.items()),
    }
    return render(request, "operators/status.html", context)
