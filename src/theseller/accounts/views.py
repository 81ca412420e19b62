"""Sign in, sign out, select a shop, change the password."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from theseller.accounts.authorization import account_frame, set_active_tenant
from theseller.accounts.complete_sign_in import complete_sign_in
from theseller.accounts.forms import LanguageForm, NewPasswordForm, SignInForm
from theseller.accounts.language_choice import activate_choice
from theseller.accounts.mfa import pending_sign_in
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.mfa.recent_proof import note_password
from theseller.accounts.mfa.second_factor_verification import allowance, verify_factor
from theseller.accounts.mfa.types import Proof, RefusedError
from theseller.accounts.mfa.views import proof_page
from theseller.accounts.models import User
from theseller.accounts.operations import change_password, choose_language
from theseller.accounts.queries import is_operator
from theseller.accounts.sessions import current_user, session_key
from theseller.accounts.sign_in_rate_limits import SIGN_IN, limits
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.edge.error_pages import too_many_requests
from theseller.edge.rate_limits import Rate, RetryAfter, by_account, check, limited
from theseller.lib import clock
from theseller.lib.secret_type import Secret


@login_not_required
@sensitive_post_parameters("password", "code", "answer")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the form, or sign the person in.

    A wrong password and an unknown address get the same response.
    """
    if request.user.is_authenticated:
        return redirect(_next(request))
    pending = pending_sign_in.pending_user(request, clock.now())
    if pending is not None:
        return _second_step(request, pending)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["email"]
        allowance = check(request, SIGN_IN, limits(request, SIGN_IN, address), clock.now())
        if isinstance(allowance, RetryAfter):
            return too_many_requests(request, allowance.seconds)
        user = authenticate(request, username=address, password=form.cleaned_data["password"])
        if isinstance(user, User) and has_factor(user.pk):
            pending_sign_in.begin(request, user, clock.now())
            return redirect(request.get_full_path())
        if isinstance(user, User):
            return _signed_in(request, user)
        record(
            Tag.ACCOUNT_SIGN_IN_FAILED,
            actor="process:web",
            tenant=None,
            subject="session",
            at=clock.now(),
            using=accounts_database(),
        )
        form.add_error(None, _("That email and password do not match an account."))
    return render(
        request,
        "accounts/sign_in.html",
        {"form": form, "next": _next(request)},
        status=200 if request.method == "GET" else 422,
    )


def _second_step(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for the second factor after a correct password.

    It is asked at the same URL: no other is open to visitors who are not signed in.
    """
    error = ""
    if request.method == "POST" and "again" in request.POST:
        pending_sign_in.clear(request)
        return redirect("accounts:sign-in")
    if request.method == "POST":
        limit = allowance(request, user, clock.now())
        if isinstance(limit, RetryAfter):
            return too_many_requests(request, limit.seconds)
        try:
            return _signed_in(request, user, verify_factor(request, user, clock.now()))
        except RefusedError as refusal:
            error = str(refusal)
    return proof_page(request, user.pk, error=error, signing_in=True)


def _signed_in(request: HttpRequest, user: User, proof: Proof | None = None) -> HttpResponse:
    return complete_sign_in(request, user, proof, onward=_next(request))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return "/"


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, here and in the database."""
    with transaction.atomic(using=accounts_database()):
        record(
            Tag.ACCOUNT_SIGNED_OUT,
            actor=f"user:{request.user.pk}",
            tenant=None,
            subject="session",
            at=clock.now(),
            using=accounts_database(),
        )
        logout(request)
    return redirect("accounts:sign-in")


@require_GET
def no_shop(request: HttpRequest) -> HttpResponse:
    """Tell a person who belongs to no shop what to do; an operator needs none."""
    if is_operator(cast(User, request.user).pk):
        return redirect("/operate/")
    return render(request, "accounts/no_shop.html")


@require_POST
def switch_tenant(request: HttpRequest, tenant: UUID) -> HttpResponse:
    """Switch to another of the person's shops."""
    if not set_active_tenant(request, tenant):
        raise Http404
    return redirect("/")


@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "POST"])
@limited("password", {by_account: Rate.per_minute(3, burst=10)})
@step_up_required
def password(request: HttpRequest) -> HttpResponse:
    """Change the person's own password and end their other sessions."""
    person = cast(User, request.user)
    form = NewPasswordForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        change_password(
            person=person.pk,
            password=Secret(form.cleaned_data["new"]),
            at=clock.now(),
            keep=session_key(request),
        )
        update_session_auth_hash(request, User.objects.get(pk=person.pk))
        note_password(request, clock.now())
        messages.success(
            request, _("Your password was changed. Your other browsers are signed out.")
        )
        return redirect("accounts:security")
    return render(
        request,
        "accounts/password.html",
        {"form": form, "frame": account_frame(request)},
        status=200 if request.method == "GET" else 422,
    )


@require_POST
@limited("language", {by_account: Rate.per_minute(10, burst=20)})
def choose_account_language(request: HttpRequest) -> HttpResponse:
    """Store the language of the person's pages and mails."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        chosen = form.cleaned_data["language"]
        choose_language(person=current_user(request).pk, language=chosen, at=clock.now())
        # The answer to the choice is in the language that was chosen.
        translation.activate(translation.get_language_from_request(request))
        activate_choice(chosen)
        messages.success(request, _("The language was saved."))
    return redirect("accounts:security")
