"""From a request to the seat it speaks from, and the guard that every view of a tenant stands behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from theseller.accounts.models import User
from theseller.accounts.queries import tenants_of
from theseller.accounts.types import Permission, Seat

SESSION_TENANT = "tenant"


def seat_of(request: HttpRequest) -> Seat | None:
    """Return the seat of the signed-in person, or None if they belong to no tenant.

    Membership is read anew for each request: a person who was removed a second ago has no seat now.
    """
    person = cast(User, request.user)
    places = tenants_of(person.id)
    if not places:
        return None
    chosen = request.session.get(SESSION_TENANT)
    tenant, name, role = next((place for place in places if str(place[0]) == chosen), places[0])
    return Seat(person=person.id, person_name=person.name, tenant=tenant, tenant_name=name, role=role)


def seated(permission: Permission) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for a member who has `permission`; the view gets the seat as its second argument."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401  # whatever the URL carries
            seat = seat_of(request)
            if seat is None:
                return redirect("accounts:no-shop")
            request.seat = seat  # type: ignore[attr-defined]  # base templates show the shop's name
            if not seat.may(permission):
                raise PermissionDenied("Your role in this shop does not allow that. Ask an owner of the shop.")
            return view(request, seat, *args, **kwargs)

        guarded.theseller_permission = permission  # type: ignore[attr-defined]  # read by the completeness test of all URLs
        return guarded

    return decorate


def switch_seat(request: HttpRequest, tenant: UUID) -> bool:
    """Take another of the person's own seats; False if they have none there."""
    person = cast(User, request.user)
    if tenant not in {place[0] for place in tenants_of(person.id)}:
        return False
    request.session[SESSION_TENANT] = str(tenant)
    return True
