"""Pages of access sessions and reviews, and a shop's support access log."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from theseller.accounts.authorization import operator_required, tenant_permission_required
from theseller.accounts.queries import operators
from theseller.accounts.types import Operator, Permission, TenantContext
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.operators.shop_access import queries, session_authorization
from theseller.operators.shop_access.forms import OpenSessionForm, ReviewForm
from theseller.operators.shop_access.operations import close_access, confirm_review, open_access
from theseller.operators.shop_access.types import AccessRefusedError, SessionEnd
from theseller.tenancy.tenant_scope import tenant_scope


@require_GET
@operator_required()
def sessions_page(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show all operators' sessions, and the one that is open to this one."""
    at = clock.now()
    context = {
        "operator": operator,
        "own": queries.current_session(operator.person, at=at),
        "inside": session_authorization.ACCESS_SESSION_KEY in request.session,
        "sessions": queries.sessions(),
        "at": at,
    }
    return render(request, "operators/sessions.html", context)


@require_http_methods(["GET", "POST"])
@operator_required(step_up=True)
def open_session(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Open an access session and go to the shop's dashboard.

    The form asks for shop, reason, ticket and time.
    """
    form = OpenSessionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            opened = open_access(
                actor=operator,
                tenant=given["shop"],
                reason=given["reason"],
                ticket=given["ticket"],
                minutes=given["minutes"],
                at=clock.now(),
            )
        except AccessRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            session_authorization.bind_to_browser(request, opened)
            return redirect("analytics:dashboard")
    context = {"operator": operator, "form": form}
    return render(
        request,
        "operators/open_session.html",
        context,
        status=200 if request.method == "GET" else 422,
    )


@require_POST
@operator_required()
def close_session(request: HttpRequest, operator: Operator, session: UUID) -> HttpResponse:
    """End the operator's own session."""
    at = clock.now()
    own = queries.current_session(operator.person, at=at)
    session_authorization.unbind_from_browser(request)
    if own is None or own.id != session:
        raise Http404
    close_access(
        session=session, tenant=own.tenant, ended=SessionEnd.LEFT, actor=operator.actor, at=at
    )
    messages.success(request, _("The session has ended. It will be listed in the next review."))
    return redirect("operators:sessions")


@require_http_methods(["GET", "POST"])
@operator_required(step_up=True)
def review(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show access events that no review covers, and take the confirmation."""
    at = clock.now()
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = confirm_review(
                actor=operator, until=form.position(), note=form.cleaned_data["note"], at=at
            )
        except AccessRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            messages.success(
                request, _("Confirmed: %(events)d event(s).") % {"events": done.events}
            )
            return redirect("operators:review")
    events, state = queries.events_to_review(), queries.review_state()
    if request.method == "GET":
        until = events[-1].position if events else (0, 0)
        form = ReviewForm(initial={"until": f"{until[0]}:{until[1]}"})
    context = {
        "operator": operator,
        "form": form,
        "groups": queries.grouped(events, queries.reasons()),
        "events": len(events),
        "more": len(events) == queries.EVENTS_SHOWN,
        "refusals": queries.refused_sign_ins_since(state.last_at),
        "state": state,
        "overdue": state.overdue(at),
        "age": at - state.last_at if state.last_at else None,
        "alone": len(operators()) < 2,
        "own": sum(one.actor in {operator.actor, f"user:{operator.person}"} for one in events),
        "reviews": queries.reviews(),
        "at": at,
    }
    return render(
        request, "operators/review.html", context, status=200 if request.method == "GET" else 422
    )


@require_GET
@tenant_permission_required(Permission.ACTIVITY_READ)
def access_log(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show a shop's owner its access sessions.

    Operator, time, reason and pages.
    """
    with tenant_scope(tenant_context.tenant):
        sessions = queries.sessions_of_tenant()
    return render(request, "operators/access_log.html", {"sessions": sessions, "at": clock.now()})
