"""The page that ends a shop."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from theseller.accounts.mfa.views import stepped_up
from theseller.accounts.seats import seated
from theseller.accounts.types import Permission, Seat
from theseller.edge.ratelimit import Rate, by_account, limited
from theseller.erasure.responses import certificate_url
from theseller.erasure.tenants import shop_end_asked_at
from theseller.governance.shop_end.forms import EndForm
from theseller.governance.shop_end.operations import end_shop
from theseller.lib import clock
from theseller.retention.limits import CERTIFICATE_LINK_DAYS, ERASURE_DAYS_MAX, TENANT_GRACE_HOURS
from theseller.tenancy.scope import tenant_scope


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@limited("shop-end", {by_account: Rate.per_minute(3, burst=5)})
@seated(Permission.SHOP_END)
@stepped_up
def shop_end(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Explain what ending the shop erases (GET), and begin it (POST): the answer shows the link to the proof, this once."""
    form = EndForm(request.POST or None)
    context = {"form": form, "days": ERASURE_DAYS_MAX, "hours": TENANT_GRACE_HOURS, "link_days": CERTIFICATE_LINK_DAYS}
    if request.method == "POST" and form.is_valid():
        if cast(AbstractBaseUser, request.user).check_password(form.cleaned_data["password"]):
            link = end_shop(person=seat.person, tenant=seat.tenant, at=clock.now())
            return render(request, "held/shop_ending.html", {**context, "link": certificate_url(link)})
        form.add_error("password", "This is not your password. Nothing was changed.")
    with tenant_scope(seat.tenant):
        context["asked_at"] = shop_end_asked_at(seat.tenant)
    return render(request, "held/shop_end.html", context, status=200 if request.method == "GET" else 422)
