"""The operators' pages of shops."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from theseller.accounts.authorization import operator_required
from theseller.accounts.members.operations import add_shop, invite_first_owner
from theseller.accounts.members.queries import shops
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.one_time_link_tokens import IssuedLink
from theseller.accounts.password_reset.operations import password_requests
from theseller.accounts.types import Operator
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.mail.types import MailMode
from theseller.operators.shops.forms import OwnerForm, ShopForm


@require_GET
@operator_required()
def shops_page(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show all shops with counts, and requests for new passwords."""
    at = clock.now()
    context = {
        "operator": operator,
        "shops": shops(at=at),
        "requests": password_requests(at=at),
        "at": at,
    }
    return render(request, "operators/shops.html", context)


@require_http_methods(["GET", "POST"])
@operator_required(step_up=True)
def new_shop(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Add a shop, and mail its first owner a link.

    If the link can't be mailed, the answer shows it, this once.
    """
    form = ShopForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            shop = add_shop(
                name=form.cleaned_data["name"],
                owner=form.cleaned_data["owner"],
                actor=operator.actor,
                at=clock.now(),
                inviter=operator.person_name,
            )
        except MembershipRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            return _invited(request, operator, form, shop.link)
    return _page(request, operator, form)


@require_http_methods(["GET", "POST"])
@operator_required(step_up=True)
def first_owner(request: HttpRequest, operator: Operator, tenant: UUID) -> HttpResponse:
    """Mail or show a new link for the first owner of a shop that has none."""
    found = next((one for one in shops(at=clock.now()) if one.tenant == tenant), None)
    if found is None or found.owners:
        raise Http404
    form = OwnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            link = invite_first_owner(
                email=form.cleaned_data["owner"],
                tenant=tenant,
                actor=operator.actor,
                at=clock.now(),
                inviter=operator.person_name,
            )
        except MembershipRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            return _invited(request, operator, form, link, shop_name=found.name)
    return _page(request, operator, form, shop_name=found.name)


def _invited(
    request: HttpRequest,
    operator: Operator,
    form: OwnerForm,
    link: IssuedLink,
    *,
    shop_name: str = "",
) -> HttpResponse:
    """Show the shops if the link is mailed, else the link."""
    if not link.mailed:
        return _page(request, operator, form, link, shop_name=shop_name)
    messages.success(
        request,
        _("The invitation is sent to %(email)s.") % {"email": form.cleaned_data["owner"]},
    )
    return redirect("operators:shops")


def _page(
    request: HttpRequest,
    operator: Operator,
    form: OwnerForm,
    link: IssuedLink | None = None,
    *,
    shop_name: str = "",
) -> HttpResponse:
    context = {
        "operator": operator,
        "form": form,
        "shop_name": shop_name,
        "mail": settings.MAIL.mode is not MailMode.OFF,
        "link": link.address.reveal() if link is not None else "",
        "link_expires_at": link.expires_at if link is not None else None,
        "link_email": request.POST.get("owner", ""),
    }
    status = 200 if link is not None or request.method == "GET" else 422
    response = render(request, "operators/new_shop.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
