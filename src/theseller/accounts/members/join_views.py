"""The page on which an invited person joins a shop."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from theseller.accounts.authorization import set_active_tenant
from theseller.accounts.members.join_form import JoinForm
from theseller.accounts.members.operations import join, join_as_new_user
from theseller.accounts.members.queries import invitation_of
from theseller.accounts.members.types import Joined, LinkedInvitation
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import LinkRefusedError, token_in_path, without_traces
from theseller.accounts.queries import person_by_email
from theseller.accounts.sign_in_rate_limits import ONE_TIME_LINK, limits
from theseller.edge.error_pages import too_many_requests
from theseller.edge.rate_limits import Rate, RetryAfter, by_ip, check, limited
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.lib.secret_type import Secret


@login_not_required
@without_traces
@sensitive_post_parameters("new", "again")
@sensitive_variables("token", "link")
@require_http_methods(["GET", "POST"])
@limited("link-page", {by_ip: Rate.per_minute(30, burst=60)}, methods=("GET", "POST"))
def join_shop(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation (GET), or use it (POST).

    A new person chooses a name and a password. A person with an account signs in to it first.
    """
    link = token_in_path(token)
    invitation = invitation_of(link, at=clock.now()) if link is not None else None
    if link is None or invitation is None:
        return refused_link(request)
    seconds = link_wait(request, invitation.email)
    if seconds:
        return too_many_requests(request, seconds)
    if isinstance(request.user, User):
        return _join_signed_in(request, request.user, link, invitation)
    if person_by_email(invitation.email) is not None:
        return _page(request, invitation, {"state": "has_account"})
    return _join_as_new(request, link, invitation)


def refused_link(request: HttpRequest) -> HttpResponse:
    """Return the page of a link that is not valid; it does not say why."""
    return render(request, "accounts/link_refused.html", status=404)


def link_wait(request: HttpRequest, email: str) -> int:
    """Count a use of a link to the account with this address.

    Returns:
        How many seconds to wait; 0 if the request may proceed.
    """
    if request.method != "POST":
        return 0
    outcome = check(request, ONE_TIME_LINK, limits(request, ONE_TIME_LINK, email), clock.now())
    return outcome.seconds if isinstance(outcome, RetryAfter) else 0


@sensitive_variables("link")
def _join_as_new(request: HttpRequest, link: Secret, invitation: LinkedInvitation) -> HttpResponse:
    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        try:
            joined = join_as_new_user(
                token=link,
                name=form.cleaned_data["name"],
                password=Secret(form.cleaned_data["new"]),
                at=clock.now(),
            )
        except LinkRefusedError:
            return redirect(request.path)  # shows why
        messages.success(
            request,
            _("You are a member of %(shop)s now. Sign in with %(email)s and your new password.")
            % {"shop": joined.tenant_name, "email": invitation.email},
        )
        return redirect("accounts:sign-in")
    return _page(request, invitation, {"state": "new", "form": form})


def _join_signed_in(
    request: HttpRequest, user: User, link: Secret, invitation: LinkedInvitation
) -> HttpResponse:
    if user.email != invitation.email:
        return _page(request, invitation, {"state": "other_account", "user_email": user.email})
    if request.method != "POST":
        return _page(request, invitation, {"state": "signed_in"})
    try:
        joined: Joined = join(token=link, person=user.pk, at=clock.now())
    except LinkRefusedError as refusal:
        messages.error(request, translated_error(refusal))
        return redirect("/")
    set_active_tenant(request, joined.tenant)
    messages.success(request, _("You are a member of %(shop)s now.") % {"shop": joined.tenant_name})
    return redirect("/")


def _page(
    request: HttpRequest, invitation: LinkedInvitation, context: dict[str, object]
) -> HttpResponse:
    failed = request.method == "POST"
    return render(
        request,
        "accounts/join.html",
        {"invitation": invitation, **context},
        status=422 if failed else 200,
    )
