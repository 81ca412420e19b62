"""The operators' page of requests for deletion."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from theseller.accounts.authorization import operator_required
from theseller.accounts.types import Operator
from theseller.edge.translate_marked_texts import translated_error
from theseller.erasure.certificate_download import certificate_response
from theseller.erasure.failure_records import LONGEST_PAUSE, failed_erasures
from theseller.erasure.queries import subject_certificate, tenant_and_user_erasures
from theseller.lib import clock
from theseller.operators.deletion_requests.forms import AmazonRequestForm
from theseller.privacy.deletion_requests.operations import record_amazon_request
from theseller.privacy.deletion_requests.queries import all_requests
from theseller.privacy.deletion_requests.types import DeletionRequestRefusedError


@require_http_methods(["GET", "POST"])
@operator_required(step_up=True)
def requests(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show every request with its clock, and take one of Amazon's."""
    at = clock.now()
    form = AmazonRequestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            done = record_amazon_request(
                seller=given["seller"],
                reference=given["reference"],
                received_at=form.received_at(),
                actor=operator.actor,
                at=at,
            )
        except DeletionRequestRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            messages.success(
                request,
                _("Recorded: %(connections)d connection(s) closed; the erasure has started.")
                % {"connections": sum(one.ended for one in done)},
            )
            return redirect("operators:deletion-requests")
    shown = [(one, one.overdue(at), (one.due_at - at).days) for one in all_requests()]
    context = {
        "operator": operator,
        "form": form,
        "requests": shown,
        "ends": tenant_and_user_erasures(),
        "failing": failed_erasures(),
        "longest_pause": LONGEST_PAUSE // timedelta(minutes=1),
        "at": at,
        "overdue": sum(late for _, late, _ in shown),
    }
    return render(
        request,
        "operators/deletion_requests.html",
        context,
        status=200 if request.method == "GET" else 422,
    )


@require_GET
@operator_required()
def end_certificate_file(request: HttpRequest, operator: Operator, subject: UUID) -> HttpResponse:
    """Return the certificate of a deleted shop or account as a file.

    It is for those who lost their link.
    """
    del request, operator
    issued = subject_certificate(subject)
    if issued is None:
        raise Http404
    return certificate_response(*issued)
