"""Pages to request a link for a new password, and to use one."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from theseller.accounts.forms import ChosenPasswordForm
from theseller.accounts.members.join_views import link_wait, refused_link
from theseller.accounts.one_time_link_tokens import LinkRefusedError, token_in_path, without_traces
from theseller.accounts.password_reset.forms import ResetForm
from theseller.accounts.password_reset.operations import (
    person_of_link,
    request_password_link,
    use_password_link,
)
from theseller.edge.error_pages import too_many_requests
from theseller.edge.rate_limits import Rate, by_ip, limited
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.mail.types import MailMode


@login_not_required
@require_http_methods(["GET", "POST"])
@limited("password-reset", {by_ip: Rate.per_minute(2, burst=30)})
def password_reset(request: HttpRequest) -> HttpResponse:
    """Take a request for a link.

    The answer is the same whether there is an account.
    """
    form = ResetForm(request.POST or None)
    done = request.method == "POST" and form.is_valid()
    if done:
        address = form.cleaned_data["email"]
        seconds = link_wait(request, address)
        if seconds:
            return too_many_requests(request, seconds)
        request_password_link(email=address, at=clock.now())
    return render(
        request,
        "accounts/password_reset.html",
        {"form": form, "done": done, "by_mail": settings.MAIL.mode is not MailMode.OFF},
        status=200 if done or request.method == "GET" else 422,
    )


@login_not_required
@without_traces
@sensitive_post_parameters("new", "again")
@sensitive_variables("token", "link")
@require_http_methods(["GET", "POST"])
@limited("link-page", {by_ip: Rate.per_minute(30, burst=60)}, methods=("GET", "POST"))
def new_password(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form for a new password (GET), or set the password (POST).

    All sessions of the person end.
    """
    link = token_in_path(token)
    person = person_of_link(link, at=clock.now()) if link is not None else None
    if link is None or person is None:
        return refused_link(request)
    seconds = link_wait(request, person.email)
    if seconds:
        return too_many_requests(request, seconds)
    form = ChosenPasswordForm(request.POST or None, email=person.email, name=person.name)
    if request.method == "POST" and form.is_valid():
        try:
            use_password_link(token=link, password=Secret(form.cleaned_data["new"]), at=clock.now())
        except LinkRefusedError:
            return redirect(request.path)  # shows why
        messages.success(request, _("Your password was changed. Sign in with it."))
        return redirect("accounts:sign-in")
    return render(
        request,
        "accounts/new_password.html",
        {"form": form, "email": person.email},
        status=200 if request.method == "GET" else 422,
    )
