"""Owner pages: enable or disable packing slips, and the access log."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.mfa.decorators import step_up_required, step_up_required_to_change
from theseller.accounts.types import Permission, TenantContext
from theseller.buyer_pii.forms import AgreeForm
from theseller.buyer_pii.operations import (
    FeatureUnavailableError,
    disable_packing_slips,
    enable_packing_slips,
)
from theseller.buyer_pii.packing_slip_agreement_terms import TERMS, TERMS_VERSION
from theseller.buyer_pii.queries import (
    MAX_SLIP_VIEWS,
    count_recipients,
    features,
    has_restricted_role,
    slip_views,
)
from theseller.buyer_pii.recipient_encryption import USING
from theseller.buyer_pii.slip_state_texts import ROLE
from theseller.buyer_pii.types import DisableResult, FeatureState
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.queries import connection_view
from theseller.edge.rate_limits import Rate, by_account, limited
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope


def _feature(tenant: UUID, connection: UUID) -> FeatureState | None:
    """Return the connection's feature; None if it can't have one.

    Raises:
        Http404: the tenant has no such connection.
    """
    with tenant_scope(tenant):
        if connection_view(connection) is None:
            raise Http404
        return next(
            (feature for feature in features() if feature.connection.id == connection), None
        )


@require_http_methods(["GET", "POST"])
@limited("slips-switch", {by_account: Rate.per_minute(6, burst=20)})
@tenant_permission_required(Permission.BUYER_PII_MANAGE)
@step_up_required_to_change
def enable(request: HttpRequest, tenant_context: TenantContext, connection: UUID) -> HttpResponse:
    """Show the terms (GET) and enable packing slips (POST)."""
    feature = _feature(tenant_context.tenant, connection)
    if feature is None or feature.is_on or not has_restricted_role():
        return redirect("buyer_pii:orders")  # That page explains why.
    form = AgreeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            enable_packing_slips(
                connection=connection,
                tenant=tenant_context.tenant,
                actor=tenant_context.actor,
                at=clock.now(),
            )
        except (ConnectionClosedError, FeatureUnavailableError):
            return redirect("buyer_pii:orders")
        messages.success(
            request,
            _(
                "Packing slips are on. Nothing has been fetched yet: select orders and request"
                " their slips."
            ),
        )
        return redirect("buyer_pii:orders")
    context = {
        "feature": feature,
        "form": form,
        "terms": TERMS,
        "wording": TERMS_VERSION,
        "role": ROLE,
        "shop": tenant_context.tenant_name,
    }
    return render(
        request, "buyer_pii/enable.html", context, status=422 if request.method == "POST" else 200
    )


@require_http_methods(["GET", "POST"])
@limited("slips-switch", {by_account: Rate.per_minute(6, burst=20)})
@tenant_permission_required(Permission.BUYER_PII_MANAGE)
@step_up_required
def disable(request: HttpRequest, tenant_context: TenantContext, connection: UUID) -> HttpResponse:
    """Explain what disabling destroys (GET) and disable packing slips (POST)."""
    feature = _feature(tenant_context.tenant, connection)
    if feature is None:
        return redirect("buyer_pii:orders")
    if request.method == "POST":
        done = disable_packing_slips(
            connection=connection,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
        )
        messages.success(request, _destroyed(done))
        return redirect("buyer_pii:orders")
    if not feature.is_on:
        return redirect("buyer_pii:orders")
    with tenant_scope(tenant_context.tenant, using=USING):
        stored = count_recipients(connection)
    return render(request, "buyer_pii/disable.html", {"feature": feature, "stored": stored})


@require_GET
@tenant_permission_required(Permission.BUYER_PII_MANAGE)
def slip_view_log(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show owners who opened which slips."""
    with tenant_scope(tenant_context.tenant):
        found = slip_views()
    return render(
        request,
        "buyer_pii/slip_views.html",
        {"views": found, "full": sum(len(view.orders) for view in found) >= MAX_SLIP_VIEWS},
    )


def _destroyed(done: DisableResult) -> str:
    if not done.first and not done.rows_erased:
        return _("Packing slips were off already. No buyer data is stored.")
    keys = ngettext("%(keys)d key destroyed", "%(keys)d keys destroyed", done.keys_destroyed) % {
        "keys": done.keys_destroyed
    }
    rows = ngettext("%(rows)d recipient erased", "%(rows)d recipients erased", done.rows_erased) % {
        "rows": done.rows_erased
    }
    return _(
        "Packing slips are off: %(keys)s, %(rows)s. What was fetched can be read nowhere any more,"
        " in no backup either."
    ) % {"keys": keys, "rows": rows}
