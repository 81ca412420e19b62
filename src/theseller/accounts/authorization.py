"""Guards of views: permissions in a tenant, and the operator area.

A member needs a permission in a tenant; an operator needs a proven second factor.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Protocol, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.module_loading import import_string

from theseller.accounts.mfa.session_proofs import note_activity
from theseller.accounts.models import User
from theseller.accounts.operator_session_authorization import OperatorAuthState, operator_auth_state
from theseller.accounts.queries import memberships_of
from theseller.accounts.sessions import ACTIVE_TENANT_KEY
from theseller.accounts.types import (
    LIMITED_PERMISSIONS,
    PERMISSIONS,
    Operator,
    Permission,
    TenantContext,
)
from theseller.lib import clock
from theseller.tenancy.visible_marketplaces import limited_to


class AccessProvider(Protocol):
    """Gives a person who is not a member access to a tenant.

    `settings.TENANT_ACCESS_PROVIDER` names the class.
    """

    def tenant_context(self, request: HttpRequest, *, at: datetime) -> TenantContext | str | None:
        """Return the context of the request's access session, None without one.

        If the session is over, return the URL to redirect to instead.
        """

    def record_view(
        self, request: HttpRequest, tenant_context: TenantContext, *, at: datetime
    ) -> None:
        """Record that a page is about to be shown.

        If this fails, the page is not shown.
        """


def _access_provider() -> AccessProvider:
    provider: AccessProvider = import_string(settings.TENANT_ACCESS_PROVIDER)()
    return provider


def tenant_context_of(request: HttpRequest) -> TenantContext | None:
    """Return the context of the signed-in person; None if they have no tenant.

    Membership is read at each request, so a removal takes effect at once.
    """
    person = cast(User, request.user)
    shops = memberships_of(person.id)
    if not shops:
        return None
    chosen = request.session.get(ACTIVE_TENANT_KEY)
    shop = next((shop for shop in shops if str(shop.tenant) == chosen), shops[0])
    return TenantContext(
        person=person.id,
        person_name=person.name,
        tenant=shop.tenant,
        tenant_name=shop.name,
        role=shop.role,
        marketplaces=shop.marketplaces,
    )


def account_frame(request: HttpRequest) -> str:
    """Return the base template of a page of the person's own account.

    It has the navigation of their shop, if they have one.
    """
    tenant_context = tenant_context_of(request)
    if tenant_context is None:
        return "edge/bare.html"
    # base templates show the shop's name
    request.tenant_context = tenant_context  # type: ignore[attr-defined]
    return "edge/base.html"


def tenant_permission_required(
    permission: Permission,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Allow a view only for members who have `permission`.

    The view gets the `TenantContext` as its second argument.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        # whatever the URL carries
        def guarded(
            request: HttpRequest,
            *args: Any,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> HttpResponseBase:
            tenant_context = _operator_access(request) or tenant_context_of(request)
            if not isinstance(tenant_context, TenantContext):
                return redirect(tenant_context or "accounts:no-shop")
            # base templates show the shop's name
            request.tenant_context = tenant_context  # type: ignore[attr-defined]
            if not tenant_context.may(permission):
                if permission in PERMISSIONS[tenant_context.role] - LIMITED_PERMISSIONS and (
                    tenant_context.marketplaces is not None
                ):
                    raise PermissionDenied(
                        "You are limited to some marketplaces of this shop, and this page is about"
                        " the whole shop. Ask an owner of the shop."
                    )
                raise PermissionDenied(
                    "Your role in this shop does not allow that. Ask an owner of the shop."
                )
            _restrict_operator_access(request, tenant_context)
            # The one place that applies a member's limit: every query of the view is bound by it.
            with limited_to(tenant_context.marketplaces):
                answer = view(request, tenant_context, *args, **kwargs)
                if answer.streaming and tenant_context.marketplaces is not None:
                    # Its content would be read after this block, without the limit.
                    raise RuntimeError("an answer to a limited member can't be streamed")
            if tenant_context.access_session is not None and answer.get(
                "Content-Disposition", ""
            ).startswith("attachment"):
                raise PermissionDenied(
                    "An operator's session is read-only: nothing can be downloaded."
                )
            return answer

        # read by the completeness test of all URLs
        guarded.theseller_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def _operator_access(request: HttpRequest) -> TenantContext | str | None:
    return _access_provider().tenant_context(request, at=clock.now())


def _restrict_operator_access(request: HttpRequest, tenant_context: TenantContext) -> None:
    """Restrict an operator's access session to reads.

    Each page is recorded before it is read.
    """
    if tenant_context.access_session is None:
        return
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied("An operator's session is read-only: nothing can be changed.")
    _access_provider().record_view(request, tenant_context, at=clock.now())


def operator_required(
    *, step_up: bool = False
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Allow a view only for operators with a proven second factor.

    The view gets the `Operator` as its second argument. A proof is valid for 12 hours, and 30
    minutes without a request. With `step_up` it must be from the last five minutes: for actions
    that can't be undone or give access. Anyone else gets "not found".
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        # whatever the URL carries
        def guarded(
            request: HttpRequest,
            *args: Any,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> HttpResponseBase:
            person, at = cast(User, request.user), clock.now()
            # The probe reads by a connection of its own; no request from outside can set an
            # attribute.
            using = getattr(request, "theseller_probe_database", None)
            found = operator_auth_state(
                person.pk, request.session, at=at, step_up=step_up, using=using
            )
            if found is not OperatorAuthState.AUTHENTICATED:
                return _refuse(request, found)
            note_activity(request.session, at)
            operator = Operator(person.pk, person.name)
            # base templates show the navigation of the operator area
            request.operator = operator  # type: ignore[attr-defined]
            return view(request, operator, *args, **kwargs)

        # read by test and control
        guarded.theseller_operator_required = (  # type: ignore[attr-defined]
            "step_up" if step_up else "session"
        )
        return guarded

    return decorate


def _refuse(request: HttpRequest, found: OperatorAuthState) -> HttpResponseBase:
    if found is OperatorAuthState.NOT_OPERATOR:
        raise Http404
    # A form can't be sent again by a redirect: the person comes back to the page that showed it,
    # and nothing was changed.
    back = (
        request.path
        if request.method == "GET"
        else urlsplit(request.headers.get("referer", "")).path or "/operate/"
    )
    where = (
        "accounts:security" if found is OperatorAuthState.NO_FACTOR else "accounts:second-factor"
    )
    return redirect(f"{reverse(where)}?{urlencode({'next': back, 'why': found.value})}")


def set_active_tenant(request: HttpRequest, tenant: UUID) -> bool:
    """Switch to another tenant; return False if the person is not a member."""
    person = cast(User, request.user)
    if tenant not in {shop.tenant for shop in memberships_of(person.id)}:
        return False
    request.session[ACTIVE_TENANT_KEY] = str(tenant)
    return True
