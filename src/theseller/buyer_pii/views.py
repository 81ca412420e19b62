"""List orders to ship, request their slips, and print them.

Only the print page shows buyer PII.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.buyer_pii.enqueue_fetch import enqueue_fetch
from theseller.buyer_pii.expiry_date import is_expired
from theseller.buyer_pii.forms import OrdersForm
from theseller.buyer_pii.operations import MAX_SLIPS_PER_REQUEST, open_slips, request_slips
from theseller.buyer_pii.order_list_page import OrderListQuery, OrdersPage, orders_page
from theseller.buyer_pii.queries import expiry_dates
from theseller.buyer_pii.recipient_encryption import USING
from theseller.buyer_pii.slip_print_layout import printed_slips
from theseller.buyer_pii.slip_state_texts import ROLE
from theseller.edge.rate_limits import Rate, by_account, limited
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope


@require_GET
@tenant_permission_required(Permission.SLIP_PRINT)
def orders(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """List orders with the state of their slips; for htmx only the states."""
    page = orders_page(tenant_context.tenant, OrderListQuery.read(request.GET), at=clock.now())
    partial = request.headers.get("HX-Request") == "true"
    response = render(
        request,
        "buyer_pii/_refresh.html" if partial else "buyer_pii/orders.html",
        _context(tenant_context, page),
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _context(tenant_context: TenantContext, page: OrdersPage, error: str = "") -> dict[str, object]:
    return {
        "page": page,
        "availability": page.availability.value,
        "error": error,
        "may_switch": tenant_context.may(Permission.BUYER_PII_MANAGE),
        "most": MAX_SLIPS_PER_REQUEST,
        "role": ROLE,
    }


def _show_list_again(
    request: HttpRequest, tenant_context: TenantContext, error: str, ticked: Collection[str]
) -> HttpResponse:
    """Show the list with the same selection and an error message."""
    page = orders_page(
        tenant_context.tenant, OrderListQuery.read(request.POST), ticked=ticked, at=clock.now()
    )
    return render(
        request, "buyer_pii/orders.html", _context(tenant_context, page, error), status=422
    )


@require_POST
@limited("slips", {by_account: Rate.per_minute(20, burst=20)})
@tenant_permission_required(Permission.SLIP_PRINT)
def request_slips_view(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Request the slips of the selected orders, except those already stored."""
    form, at = OrdersForm(request.POST), clock.now()
    if not form.is_valid():
        return _show_list_again(
            request, tenant_context, str(form.errors["order"][0]), request.POST.getlist("order")
        )
    chosen: tuple[str, ...] = form.cleaned_data["order"]
    with tenant_scope(tenant_context.tenant, using=USING):
        stored = {
            order
            for (_, order), expires_on in expiry_dates(chosen).items()
            if not is_expired(expires_on, at=at)
        }
    wanted = request_slips(
        ids=[one for one in chosen if one not in stored],
        tenant=tenant_context.tenant,
        actor=tenant_context.actor,
        at=at,
    )
    for connection in wanted:
        enqueue_fetch(tenant=tenant_context.tenant, connection=connection)
    requested = sum(map(len, wanted.values()))
    _add_messages(request, requested, len(stored), len(chosen) - requested - len(stored))
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    """Return the address of the list that the form came from."""
    query = OrderListQuery.read(request.POST).query_string
    return reverse("buyer_pii:orders") + (f"?{query}" if query else "")


def _add_messages(request: HttpRequest, requested: int, stored: int, left: int) -> None:
    if requested:
        messages.success(
            request,
            ngettext(
                "%(slips)d slip requested. This page shows each as it arrives.",
                "%(slips)d slips requested. This page shows each as it arrives.",
                requested,
            )
            % {"slips": requested},
        )
    if stored:
        messages.info(
            request,
            ngettext(
                "%(slips)d slip is here already: print it.",
                "%(slips)d slips are here already: print them.",
                stored,
            )
            % {"slips": stored},
        )
    if left:
        messages.warning(
            request,
            ngettext(
                "%(orders)d order is left out. Not an order that your shop ships now, or packing"
                " slips are off for its connection.",
                "%(orders)d orders are left out. Not an order that your shop ships now, or packing"
                " slips are off for its connection.",
                left,
            )
            % {"orders": left},
        )


@sensitive_variables()
@require_POST
@limited("slips-print", {by_account: Rate.per_minute(20, burst=20)})
@tenant_permission_required(Permission.SLIP_PRINT)
def print_slips(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the slips of the selected orders, one per printed page.

    By POST, so that no address contains an order number and no history stores the page.
    """
    form = OrdersForm(request.POST)
    if not form.is_valid():
        return _show_list_again(
            request, tenant_context, str(form.errors["order"][0]), request.POST.getlist("order")
        )
    chosen: tuple[str, ...] = form.cleaned_data["order"]
    slips = open_slips(
        ids=chosen, tenant=tenant_context.tenant, actor=tenant_context.actor, at=clock.now()
    )
    if not slips:
        return _show_list_again(
            request,
            tenant_context,
            _("None of the selected orders has a slip here. Request the slips first; then print."),
            chosen,
        )
    shown = {slip.order.id for slip in slips}
    context: Mapping[str, object] = {
        "slips": printed_slips(slips),
        "left": [one for one in chosen if one not in shown],
        "shop": tenant_context.tenant_name,
        "back": _back(request),
    }
    return render(
        request, "buyer_pii/print.html", context
    )  # Never cached, like every page of a session (middleware).
