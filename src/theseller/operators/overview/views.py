"""Overview page of the operator area: secrets, mail and operators.

Every secret of the deployment with its age, counts of undelivered mail, and the operators.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from theseller.accounts.authorization import operator_required
from theseller.accounts.types import Operator
from theseller.edge.database_routing import operators_database
from theseller.key_rotation.types import SecretState
from theseller.lib import clock
from theseller.mail.queries import undelivered_counts
from theseller.operators.overview.queries import operator_lines, secret_lines


@require_GET
@operator_required()
def overview(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show secrets, counts of undelivered mail, and operators."""
    at = clock.now()
    lines, trouble = secret_lines(at=at)
    context = {
        "operator": operator,
        "secrets": lines,
        "trouble": trouble,
        "red": sum(line.count for line in lines if line.state.red),
        "due": sum(line.count for line in lines if line.state is SecretState.DUE),
        "counts": undelivered_counts(at=at, using=operators_database()),
        "operators": operator_lines(),
        "at": at,
    }
    return render(request, "operators/overview.html", context)
