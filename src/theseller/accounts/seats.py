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

from theseller.accounts.mfa.proofs import note_visit
from theseller.accounts.models import User
from theseller.accounts.queries import tenants_of
from theseller.accounts.standing import Standing, standing
from theseller.accounts.types import Operator, Permission, Seat
from theseller.lib import clock

SESSION_TENANT = "tenant"


class Visits(Protocol):
    """Seats of people who are no members. `governance.access` has the one kind there is, and puts itself into VISITS."""

    def seat(self, request: HttpRequest, *, at: datetime) -> Seat | str | None:
        """Return the seat that this request visits, where to go instead if the visit is over, or None if it is no visit."""

    def viewed(self, request: HttpRequest, seat: Seat, *, at: datetime) -> None:
        """Write down that a page is about to be seen; if that fails, nothing is shown."""


VISITS: list[Visits] = []


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


def account_frame(request: HttpRequest) -> str:
    """Return the template around a page of the person's own account: with the navigation of their shop, if they have one."""
    seat = seat_of(request)
    if seat is None:
        return "edge/bare.html"
    request.seat = seat  # type: ignore[attr-defined]  # base templates show the shop's name
    return "edge/base.html"


def seated(permission: Permission) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for a member who has `permission`; the view gets the seat as its second argument."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401  # whatever the URL carries
            seat = _visiting(request) or seat_of(request)
            if not isinstance(seat, Seat):
                return redirect(seat or "accounts:no-shop")
            request.seat = seat  # type: ignore[attr-defined]  # base templates show the shop's name
            if not seat.may(permission):
                raise PermissionDenied("Your role in this shop does not allow that. Ask an owner of the shop.")
            _before_visitor(request, seat)
            answer = view(request, seat, *args, **kwargs)
            if seat.visit is not None and answer.get("Content-Disposition", "").startswith("attachment"):
                raise PermissionDenied("A visit is for looking: nothing can be taken away as a file.")
            return answer

        guarded.theseller_permission = permission  # type: ignore[attr-defined]  # read by the completeness test of all URLs
        return guarded

    return decorate


def _visiting(request: HttpRequest) -> Seat | str | None:
    at = clock.now()
    return next((found for visits in VISITS if (found := visits.seat(request, at=at)) is not None), None)


def _before_visitor(request: HttpRequest, seat: Seat) -> None:
    """Let a visitor only look, and write down at what before anything is read for it."""
    if seat.visit is None:
        return
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied("A visit is for looking: nothing can be changed.")
    for visits in VISITS:
        visits.viewed(request, seat, at=clock.now())


def operated(*, step_up: bool = False) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for an operator whose session has proven a second factor; the view gets the `Operator` as its second argument.

    The proof is good for 12 hours, and for 30 minutes of silence; with `step_up` it must be of the last five minutes: for what
    can't be undone, or opens what is closed. Who is no operator gets "not found".
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401  # whatever the URL carries
            person, at = cast(User, request.user), clock.now()
            # The probe asks by a connection of its own; no request from outside can set an attribute.
            using = getattr(request, "theseller_reads_from", None)
            found = standing(person.pk, request.session, at=at, step_up=step_up, using=using)
            if found is not Standing.INSIDE:
                return _turn_away(request, found)
            note_visit(request.session, at)
            operator = Operator(person.pk, person.name)
            request.operator = operator  # type: ignore[attr-defined]  # base templates show the area's own places
            return view(request, operator, *args, **kwargs)

        guarded.theseller_operated = "step_up" if step_up else "entered"  # type: ignore[attr-defined]  # read by test and control
        return guarded

    return decorate


def _turn_away(request: HttpRequest, found: Standing) -> HttpResponseBase:
    if found is Standing.STRANGER:
        raise Http404
    # A form can't be sent again by a redirect: the person comes back to the page that it stood on, and nothing was changed.
    back = request.path if request.method == "GET" else urlsplit(request.headers.get("referer", "")).path or "/operate/"
    where = "accounts:security" if found is Standing.NO_FACTOR else "accounts:second-factor"
    return redirect(f"{reverse(where)}?{urlencode({'next': back, 'why': found.value})}")


def switch_seat(request: HttpRequest, tenant: UUID) -> bool:
    """Take another of the person's own seats; False if they have none there."""
    person = cast(User, request.user)
    if tenant not in {place[0] for place in tenants_of(person.id)}:
        return False
    request.session[SESSION_TENANT] = str(tenant)
    return True
