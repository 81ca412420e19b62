"""Pages: connect an Amazon account, show connections, disconnect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.types import Permission, TenantContext
from theseller.amazon.feature_requirements import FEATURES, Feature
from theseller.connections import refresh_token_store
from theseller.connections.forms import REGION_NAMES, ChoiceForm, DisconnectForm
from theseller.connections.operations import (
    complete_authorization,
    disconnect,
    is_open_attempt,
    start_authorization,
)
from theseller.connections.queries import (
    DISCONNECT_REASON_TEXT,
    STORES_WITH_DATA,
    all_connections,
    connection_view,
)
from theseller.connections.requested_roles import TEMPLATE, offered_features, review_context
from theseller.connections.types import (
    Authorized,
    ConnectionView,
    DisconnectReason,
    Origin,
    Refusal,
)
from theseller.edge.error_pages import too_many_requests
from theseller.edge.rate_limits import (
    Allowed,
    Rate,
    RetryAfter,
    Subject,
    by_account,
    by_ip,
    check,
    limited,
)
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

#: How often an authorization may be begun or completed.
AUTHORIZATION_RATES: Mapping[Subject, Rate] = {
    by_account: Rate.per_minute(6, burst=10),
    by_ip: Rate.per_minute(12, burst=20),
}
#: Title and advice for each refusal.
REFUSALS: dict[Refusal, tuple[str, str]] = {
    Refusal.ALREADY_CONNECTED: (
        gettext_noop("Another Amazon account of this region is connected"),
        (
            gettext_noop(
                "This shop already shows another seller account of the same region. Disconnect"
                " that one first, or use another shop for this one."
            )
        ),
    ),
    Refusal.AMAZON_UNAVAILABLE: (
        gettext_noop("Amazon did not answer"),
        gettext_noop("Nothing was stored. Wait a minute and connect again."),
    ),
    Refusal.CODE_REJECTED: (
        gettext_noop("Amazon did not accept the authorization code"),
        gettext_noop(
            "A code is valid for five minutes and works once. Nothing was stored. Connect again."
        ),
    ),
    Refusal.DECLINED: (
        gettext_noop("You did not authorize the connection"),
        gettext_noop("Nothing was stored and nothing was read. Connect again whenever you like."),
    ),
    Refusal.EXPIRED: (
        gettext_noop("That took longer than ten minutes"),
        gettext_noop(
            "The attempt has expired for your security. Nothing was stored. Connect again."
        ),
    ),
    Refusal.KEYS_UNAVAILABLE: (
        gettext_noop("Our key service is unavailable"),
        (
            gettext_noop(
                "Nothing was stored. The operator of this service finds the reason in the log."
                " Connect again later."
            )
        ),
    ),
    Refusal.MISCONFIGURED: (
        gettext_noop("This deployment's Amazon application is not set up correctly"),
        (
            gettext_noop(
                "Nothing was stored. Tell the operator of this service: the client id, client"
                " secret or redirect address do not fit what Amazon has."
            )
        ),
    ),
    Refusal.OTHER_SELLER: (
        gettext_noop("This authorization belongs to another seller"),
        (
            gettext_noop(
                "Your browser returned another seller ID than Amazon's response. Nothing was"
                " stored. Connect again with the right seller account."
            )
        ),
    ),
    Refusal.STATE_UNKNOWN: (
        gettext_noop("Unexpected response from Amazon"),
        gettext_noop("Nothing was stored. Start on the connection page."),
    ),
    Refusal.STATE_USED: (
        gettext_noop("This response from Amazon was used before"),
        gettext_noop("Nothing was stored a second time. See the connection page."),
    ),
    Refusal.WRONG_SESSION: (
        gettext_noop("This response from Amazon belongs to another browser session"),
        gettext_noop(
            "Nothing was stored. Start and finish in the same browser, signed in as the same user."
        ),
    ),
}


@require_GET
@tenant_permission_required(Permission.CONNECTION_READ)
def overview(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the tenant's connections, open ones first."""
    with tenant_scope(tenant_context.tenant):
        found, holders = (
            all_connections(),
            refresh_token_store.connections_with_token(tenant_context.tenant),
        )
        with_data = frozenset().union(*(stores() for stores in STORES_WITH_DATA))
    lost = {
        view.id
        for view in found
        if view.is_open and view.origin is Origin.LWA and view.id not in holders
    }
    context = {
        "open_connections": [
            _connection_context(view, with_data) | {"lost": view.id in lost}
            for view in found
            if view.is_open
        ],
        "closed_connections": [_connection_context(view) for view in found if not view.is_open],
        "restricted": settings.ENVIRONMENT.restricted_roles,
        "may_manage": tenant_context.may(Permission.CONNECTION_MANAGE),
        "at": clock.now(),
    }
    return render(request, "connections/overview.html", context)


@require_http_methods(["GET", "POST"])
@tenant_permission_required(Permission.CONNECTION_MANAGE)
def choose(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Choose features and store (GET), then review the roles (POST)."""
    with tenant_scope(tenant_context.tenant):
        regions = [
            _(REGION_NAMES[view.region])
            for view in all_connections()
            if view.is_open and view.origin is Origin.LWA
        ]
    store = request.GET.get("store", "")
    initial = {"features": list(offered_features())} | (
        {"marketplace": store} if store in MARKETPLACES else {}
    )
    form = ChoiceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        return render(
            request,
            TEMPLATE,
            review_context(form.cleaned_data["features"], form.cleaned_data["marketplace"]),
        )
    status = 422 if request.method == "POST" else 200
    context = {
        "form": form,
        "features": _feature_choices(form),
        "connected": " and ".join(regions),
        "connected_count": len(regions),
    }
    return render(request, "connections/choose.html", context, status=status)


@require_POST
@limited("authorisation", AUTHORIZATION_RATES)
@tenant_permission_required(Permission.CONNECTION_MANAGE)
def start(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Create an attempt and redirect the browser to Seller Central."""
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        return render(
            request,
            "connections/choose.html",
            {"form": form, "features": _feature_choices(form)},
            status=422,
        )
    started = start_authorization(
        features=form.cleaned_data["features"],
        marketplace_id=form.cleaned_data["marketplace"],
        session_key=_session_key(request),
        person=tenant_context.person,
        tenant=tenant_context.tenant,
        actor=tenant_context.actor,
        at=clock.now(),
    )
    response = HttpResponse(status=303, headers={"Location": started.consent_url})
    response["Referrer-Policy"] = "no-referrer"
    return response


def _sign_in_url() -> str:
    return f"{reverse('accounts:sign-in')}?{urlencode({'next': reverse('connections:overview')})}"


def _sign_in_without_query(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Redirect anonymous users to sign in without code and state.

    Django would pass the full address as `next`. Code and state belong to the session that
    requested them, so they could not be used after signing in.
    """
    # Attributes that Django's LoginRequiredMiddleware reads.
    view.login_url = lazy(_sign_in_url, str)()  # type: ignore[attr-defined]
    view.redirect_field_name = ""  # type: ignore[attr-defined]
    return view


def _callback_allowance(
    request: HttpRequest, state: Secret, tenant_context: TenantContext
) -> Allowed | RetryAfter:
    """Take a rate-limit token for one return from Amazon.

    Any site can link a user's browser to this address. Returns that match no attempt of this
    session have a limit of their own, so that such links can't use up the one of the user's own
    authorization.
    """
    own = is_open_attempt(
        state=state, session_key=_session_key(request), tenant=tenant_context.tenant, at=clock.now()
    )
    if own:
        return check(request, "authorisation", AUTHORIZATION_RATES, clock.now())
    return check(
        request, "authorisation-unknown", {by_account: Rate.per_minute(12, burst=20)}, clock.now()
    )


@_sign_in_without_query
@sensitive_variables()
@require_GET
@tenant_permission_required(Permission.CONNECTION_MANAGE)
def callback(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Handle the return from Seller Central.

    The response is a redirect, so that code and state leave the address bar.
    """
    state = Secret(request.GET.get("state", "")[:200] or "none")
    allowance = _callback_allowance(request, state, tenant_context)
    if isinstance(allowance, RetryAfter):
        return too_many_requests(request, allowance.seconds)
    code = request.GET.get("spapi_oauth_code", "")
    partner = request.GET.get("selling_partner_id", "")
    if len(partner) > 64 or not partner.isalnum():
        code, partner = "", "unknown"
    outcome = complete_authorization(
        state=state,
        code=Secret(code[:500]) if code else None,
        selling_partner_id=partner,
        session_key=_session_key(request),
        tenant=tenant_context.tenant,
        actor=tenant_context.actor,
        at=clock.now(),
    )
    if isinstance(outcome, Authorized):
        messages.success(request, _("Connected. Your history is being imported."))
        response = redirect("connections:overview")
    else:
        response = redirect("connections:refused", refusal=outcome.refusal.value)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_GET
@tenant_permission_required(Permission.CONNECTION_MANAGE)
def refused(request: HttpRequest, tenant_context: TenantContext, refusal: str) -> HttpResponse:
    """Explain why no connection was made, and what to do."""
    del tenant_context
    try:
        title, advice = REFUSALS[Refusal(refusal)]
    except ValueError:
        raise Http404 from None
    return render(request, "connections/refused.html", {"title": _(title), "advice": _(advice)})


@require_http_methods(["GET", "POST"])
@tenant_permission_required(Permission.CONNECTION_MANAGE)
@step_up_required
def disconnection(
    request: HttpRequest, tenant_context: TenantContext, connection: UUID
) -> HttpResponse:
    """Explain what disconnecting erases (GET), and disconnect (POST)."""
    with tenant_scope(tenant_context.tenant):
        view = connection_view(connection)
    if view is None:
        raise Http404
    if not view.is_open:
        return redirect("erasure:erasure", connection=connection)
    form = DisconnectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        disconnect(
            connection=connection,
            reason=DisconnectReason.SELLER_REQUEST,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
        )
        return redirect("erasure:erasure", connection=connection)
    status = 422 if request.method == "POST" else 200
    return render(
        request,
        "connections/disconnection.html",
        {"form": form, "connection": _connection_context(view)},
        status=status,
    )


def _session_key(request: HttpRequest) -> Secret:
    if request.session.session_key is None:
        request.session.create()
    return Secret(request.session.session_key or "")


def _feature_choices(form: ChoiceForm) -> list[tuple[Feature, bool]]:
    chosen = form["features"].value() or []
    return [(feature, feature.key in chosen) for feature in offered_features().values()]


def _connection_context(view: ConnectionView, with_data: Collection[str] = ()) -> dict[str, Any]:
    """Return the template context of one connection.

    Amazon authorizes a region: `with_data` are the stores with the seller's data.
    """
    stores = [
        store for store in view.marketplace_ids if store in MARKETPLACES and store in with_data
    ]
    return {
        "view": view,
        "stores": ", ".join(MARKETPLACES[store].sales_channel for store in stores) or _("none yet"),
        "stores_pending": not stores,
        "main_store": (stores or view.marketplace_ids)[0] if view.marketplace_ids else "",
        "reason": (
            _(DISCONNECT_REASON_TEXT[view.disconnect_reason]) if view.disconnect_reason else ""
        ),
        "features": [_(FEATURES[key].title) for key in view.features if key in FEATURES],
    }
