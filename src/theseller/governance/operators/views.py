"""The operator's first page: every secret of the deployment with its age, and who operates it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from theseller.accounts.seats import operated
from theseller.accounts.types import Operator
from theseller.governance.operators.queries import operator_lines, secret_lines
from theseller.governance.rotation.types import State
from theseller.lib import clock


@require_GET
@operated()
def overview(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show the inventory of secrets and the operators with their second factors."""
    at = clock.now()
    lines, trouble = secret_lines(at=at)
    context = {
        "operator": operator,
        "secrets": lines,
        "trouble": trouble,
        "red": sum(line.count for line in lines if line.state.red),
        "due": sum(line.count for line in lines if line.state is State.DUE),
        "operators": operator_lines(),
        "at": at,
    }
    return render(request, "operate/overview.html", context)
