"""The page that deletes a shop."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.types import Permission, TenantContext
from theseller.edge.rate_limits import Rate, by_account, limited
from theseller.erasure.certificate_download import certificate_url
from theseller.erasure.tenant_erasure import tenant_erasure_requested_at
from theseller.lib import clock
from theseller.privacy.forms import DeletionForm
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.retention.retention_limits import (
    CERTIFICATE_LINK_DAYS,
    ERASURE_DAYS_MAX,
    TENANT_GRACE_HOURS,
)
from theseller.tenancy.tenant_scope import tenant_scope


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@limited("shop-end", {by_account: Rate.per_minute(3, burst=5)})
@tenant_permission_required(Permission.SHOP_DELETE)
@step_up_required
def delete_shop(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Explain (GET) and start (POST) the deletion of the shop.

    The answer to POST shows the link to the certificate, only once.
    """
    form = DeletionForm(request.POST or None)
    context = {
        "form": form,
        "days": ERASURE_DAYS_MAX,
        "hours": TENANT_GRACE_HOURS,
        "link_days": CERTIFICATE_LINK_DAYS,
    }
    if request.method == "POST" and form.is_valid():
        if cast(AbstractBaseUser, request.user).check_password(form.cleaned_data["password"]):
            link = delete_tenant(
                person=tenant_context.person, tenant=tenant_context.tenant, at=clock.now()
            )
            return render(
                request,
                "privacy/shop_deletion_started.html",
                {**context, "link": certificate_url(link)},
            )
        form.add_error("password", _("This is not your password. Nothing was changed."))
    with tenant_scope(tenant_context.tenant):
        context["asked_at"] = tenant_erasure_requested_at(tenant_context.tenant)
    return render(
        request, "privacy/delete_shop.html", context, status=200 if request.method == "GET" else 422
    )
