"""Pages that delete an account or transfer its shops."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from theseller.accounts.authorization import account_frame
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.operations import make_owner
from theseller.accounts.queries import is_operator, memberships_of
from theseller.edge.rate_limits import Rate, by_account, limited
from theseller.erasure.certificate_download import certificate_url
from theseller.lib import clock
from theseller.privacy.account_deletion.operations import delete_account
from theseller.privacy.account_deletion.queries import is_last_operator, sole_ownerships
from theseller.privacy.account_deletion.types import AccountDeletionRefusedError
from theseller.privacy.forms import DeletionForm
from theseller.retention.retention_limits import CERTIFICATE_LINK_DAYS, ERASURE_DAYS_MAX


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@limited("account-end", {by_account: Rate.per_minute(3, burst=5)})
@step_up_required
def delete_account_page(request: HttpRequest) -> HttpResponse:
    """Explain (GET) and start (POST) the deletion of the account.

    GET shows what is deleted with the account, or what prevents it. The answer to POST shows the
    link to the certificate.
    """
    person = cast(AbstractBaseUser, request.user)
    form = DeletionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not person.check_password(form.cleaned_data["password"]):
            form.add_error("password", _("This is not your password. Nothing was changed."))
        else:
            try:
                link = delete_account(person=person.pk, at=clock.now())
            except AccountDeletionRefusedError as refusal:
                form.add_error(None, str(refusal))
            else:
                logout(request)
                return render(
                    request,
                    "privacy/account_deletion_started.html",
                    {"link": certificate_url(link), "link_days": CERTIFICATE_LINK_DAYS},
                )
    context = {
        "form": form,
        "frame": account_frame(request),
        "alone": sole_ownerships(person.pk),
        "last_operator": is_last_operator(person.pk),
        "is_operator": is_operator(person.pk),
        "shop_names": get_text_list([shop.name for shop in memberships_of(person.pk)], _("and")),
        "days": ERASURE_DAYS_MAX,
    }
    return render(
        request,
        "privacy/delete_account.html",
        context,
        status=200 if request.method == "GET" else 422,
    )


@require_POST
@step_up_required
def transfer_ownership(request: HttpRequest, tenant: UUID) -> HttpResponse:
    """Make another member of a shop that only this person owns an owner of it."""
    person = cast(AbstractBaseUser, request.user)
    shop = next((one for one in sole_ownerships(person.pk) if one.tenant == tenant), None)
    if shop is None:
        raise Http404
    chosen = next((one for one in shop.others if str(one[0]) == request.POST.get("person")), None)
    if chosen is None:
        messages.error(
            request,
            _("Choose who of %(shop)s should own it. Nothing was changed.") % {"shop": shop.name},
        )
    elif make_owner(person=chosen[0], tenant=tenant, actor=f"user:{person.pk}", at=clock.now()):
        messages.success(
            request,
            _("%(person)s is now an owner of %(shop)s too.")
            % {"person": chosen[1], "shop": shop.name},
        )
    return redirect("account-deletion:delete-account")
