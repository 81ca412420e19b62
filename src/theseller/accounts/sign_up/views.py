"""Pages to request a link, and to open a shop with it."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from theseller.accounts.authorization import set_active_tenant
from theseller.accounts.members.join_views import link_wait, refused_link
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import LinkRefusedError, token_in_path, without_traces
from theseller.accounts.queries import person_by_email
from theseller.accounts.sign_in_rate_limits import SIGN_UP, limits
from theseller.accounts.sign_up.forms import NewOwnerForm, ShopForm, SignUpForm
from theseller.accounts.sign_up.operations import (
    open_shop,
    open_shop_as_new_user,
    request_sign_up,
)
from theseller.accounts.sign_up.queries import address_of
from theseller.accounts.sign_up.types import OpenedShop, SignUpMode
from theseller.edge.error_pages import too_many_requests
from theseller.edge.optional_pages import page_exists_if
from theseller.edge.rate_limits import Rate, RetryAfter, by_ip, check, limited
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.lib.secret_type import Secret


def _by_deployment(request: HttpRequest) -> str:
    """Return the same subject for everyone: all requests together."""
    del request
    return "deployment"


def _is_allowed() -> bool:
    return settings.SIGN_UP is SignUpMode.VERIFIED


@login_not_required
@require_http_methods(["GET", "POST"])
@page_exists_if(_is_allowed)
@limited(
    "sign-up",
    {by_ip: Rate.per_minute(1, burst=10), _by_deployment: Rate.per_minute(10, burst=200)},
)
def sign_up(request: HttpRequest) -> HttpResponse:
    """Take an address, and mail it a link to open a shop.

    The answer is the same whether there is an account.
    """
    form = SignUpForm(request.POST or None)
    done = request.method == "POST" and form.is_valid()
    if done:
        address, at = form.cleaned_data["email"], clock.now()
        outcome = check(request, SIGN_UP, limits(request, SIGN_UP, address), at)
        if isinstance(outcome, RetryAfter):
            return too_many_requests(request, outcome.seconds)
        request_sign_up(email=address, at=at)
    return render(
        request,
        "accounts/sign_up.html",
        {"form": form, "done": done},
        status=200 if done or request.method == "GET" else 422,
    )


@login_not_required
@without_traces
@sensitive_post_parameters("new", "again")
@sensitive_variables("token", "link")
@require_http_methods(["GET", "POST"])
@page_exists_if(_is_allowed)
@limited("link-page", {by_ip: Rate.per_minute(30, burst=60)}, methods=("GET", "POST"))
def open_shop_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form of a link (GET), or open the shop (POST).

    A person who has an account with the address signs in to it first.
    """
    link = token_in_path(token)
    address = address_of(link, at=clock.now()) if link is not None else None
    if link is None or address is None:
        return refused_link(request)
    seconds = link_wait(request, address)
    if seconds:
        return too_many_requests(request, seconds)
    user = request.user if isinstance(request.user, User) else None
    if user is None and person_by_email(address) is not None:
        return _page(request, address, {"state": "has_account"})
    if user is not None and user.email != address:
        return _page(request, address, {"state": "other_account", "user_email": user.email})
    form: NewOwnerForm | ShopForm = (
        NewOwnerForm(request.POST or None, email=address)
        if user is None
        else ShopForm(request.POST or None)
    )
    return _open(request, link, address, user, form)


@sensitive_variables("link")
def _open(
    request: HttpRequest, link: Secret, address: str, user: User | None, form: forms.Form
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            return _opened(request, user, _act(link, user, form))
        except LinkRefusedError as refusal:
            messages.error(request, translated_error(refusal))
            return redirect(request.path)
        except MembershipRefusedError as refusal:
            form.add_error("shop", translated_error(refusal))
    return _page(request, address, {"state": "new" if user is None else "signed_in", "form": form})


@sensitive_variables("link")
def _act(link: Secret, user: User | None, form: forms.Form) -> OpenedShop:
    shop, at = form.cleaned_data["shop"], clock.now()
    if user is not None:
        return open_shop(token=link, shop=shop, person=user.pk, at=at)
    return open_shop_as_new_user(
        token=link,
        shop=shop,
        name=form.cleaned_data["name"],
        password=Secret(form.cleaned_data["new"]),
        at=at,
    )


def _opened(request: HttpRequest, user: User | None, opened: OpenedShop) -> HttpResponse:
    if user is not None:
        set_active_tenant(request, opened.tenant)
        messages.success(request, _("You are the owner of %(shop)s now.") % {"shop": opened.name})
        return redirect("/")
    messages.success(
        request,
        _("%(shop)s was created. Sign in with %(email)s and your new password.")
        % {"shop": opened.name, "email": opened.email},
    )
    return redirect("accounts:sign-in")


def _page(request: HttpRequest, address: str, context: dict[str, object]) -> HttpResponse:
    return render(
        request,
        "accounts/open_shop.html",
        {"email": address, **context},
        status=422 if request.method == "POST" else 200,
    )
