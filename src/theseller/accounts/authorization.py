"""From a request to the seat it speaks from: the guard of every view of a tenant, and the guard of every view of the operator's area."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Protocol, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from theseller.accounts.mfa.proofs import note_activity
from theseller.accounts.models import User
from theseller.accounts.operator_session import OperatorAuthState, operator_auth_state
from theseller.accounts.queries import tenants_of
from theseller.accounts.types import Operator, Permission, TenantContext
from theseller.lib import clock

ACTIVE_TENANT_KEY = "tenant"


class AccessProvider(Protocol):
    """Seats of people who are no members. `operators.access` has the one kind there is, and puts itself into VISITS."""

    def tenant_context(self, request: HttpRequest, *, at: datetime) -> TenantContext | str | None:
        """Return the seat that this request visits, where to go instead if the visit is over, or None if it is no visit."""

    def record_view(self, request: HttpRequest, tenant_context: TenantContext, *, at: datetime) -> None:
        """Write down that a page is about to be seen; if that fails, nothing is shown."""


ACCESS_PROVIDERS: list[AccessProvider] = []


def tenant_context_of(request: HttpRequest) -> TenantContext | None:
    """Return the seat of the signed-in person, or None if they belong to no tenant.

    Membership is read anew for each request: a person who was removed a second ago has no seat now.
    """
    person = cast(User, request.user)
    places = tenants_of(person.id)
    if not places:
        return None
    chosen = request.session.get(ACTIVE_TENANT_KEY)
    tenant, name, role = next((place for place in places if str(place[0]) == chosen), places[0])
    return TenantContext(person=person.id, person_name=person.name, tenant=tenant, tenant_name=name, role=role)


def account_frame(request: HttpRequest) -> str:
    """Return the template around a page of the person's own account: with the navigation of their shop, if they have one."""
    tenant_context = tenant_context_of(request)
    if tenant_context is None:
        return "edge/bare.html"
    request.tenant_context = tenant_context  # type: ignore[attr-defined]  # base templates show the shop's name
    return "edge/base.html"


def tenant_permission_required(permission: Permission) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for a member who has `permission`; the view gets the seat as its second argument."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401  # whatever the URL carries
            tenant_context = _operator_access(request) or tenant_context_of(request)
            if not isinstance(tenant_context, TenantContext):
                return redirect(tenant_context or "accounts:no-shop")
            request.tenant_context = tenant_context  # type: ignore[attr-defined]  # base templates show the shop's name
            if not tenant_context.may(permission):
                raise PermissionDenied("Your role in this shop does not allow that. Ask an owner of the shop.")
            _restrict_operator_access(request, tenant_context)
            answer = view(request, tenant_context, *args, **kwargs)
            if tenant_context.access_session is not None and answer.get("Content-Disposition", "").startswith("attachment"):
                raise PermissionDenied("A visit is for looking: nothing can be taken away as a file.")
            return answer

        guarded.theseller_permission = permission  # type: ignore[attr-defined]  # read by the completeness test of all URLs
        return guarded

    return decorate


def _operator_access(request: HttpRequest) -> TenantContext | str | None:
    at = clock.now()
    return next((found for provider in ACCESS_PROVIDERS if (found := provider.tenant_context(request, at=at)) is not None), None)


def _restrict_operator_access(request: HttpRequest, tenant_context: TenantContext) -> None:
    """Let a visitor only look, and write down at what before anything is read for it."""
    if tenant_context.access_session is None:
        return
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied("A visit is for looking: nothing can be changed.")
    for provider in ACCESS_PROVIDERS:
        provider.record_view(request, tenant_context, at=clock.now())


def operator_required(*, step_up: bool = False) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for an operator whose session has proven a second factor; the view gets the `Operator` as its second argument.

    The proof is good for 12 hours, and for 30 minutes of silence; with `step_up` it must be of the last five minutes: for what
    can't be undone, or opens what is closed. Who is no operator gets "not found".
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401  # whatever the URL carries
            person, at = cast(User, request.user), clock.now()
            # The probe asks by a connection of its own; no request from outside can set an attribute.
            using = getattr(request, "theseller_probe_database", None)
            found = operator_auth_state(person.pk, request.session, at=at, step_up=step_up, using=using)
            if found is not OperatorAuthState.AUTHENTICATED:
                return _refuse(request, found)
            note_activity(request.session, at)
            operator = Operator(person.pk, person.name)
            request.operator = operator  # type: ignore[attr-defined]  # base templates show the area's own places
            return view(request, operator, *args, **kwargs)

        guarded.theseller_operator_required = "step_up" if step_up else "session"  # type: ignore[attr-defined]  # read by test and control
        return guarded

    return decorate


def _refuse(request: HttpRequest, found: OperatorAuthState) -> HttpResponseBase:
    if found is OperatorAuthState.NOT_OPERATOR:
        raise Http404
    # A form can't be sent again by a redirect: the person comes back to the page that it stood on, and nothing was changed.
    back = request.path if request.method == "GET" else urlsplit(request.headers.get("referer", "")).path or "/operate/"
    where = "accounts:security" if found is OperatorAuthState.NO_FACTOR else "accounts:second-factor"
    return redirect(f"{reverse(where)}?{urlencode({'next': back, 'why': found.value})}")


def set_active_tenant(request: HttpRequest, tenant: UUID) -> bool:
    """Take another of the person's own seats; False if they have none there."""
    person = cast(User, request.user)
    if tenant not in {place[0] for place in tenants_of(person.id)}:
        return False
    request.session[ACTIVE_TENANT_KEY] = str(tenant)
    return True
