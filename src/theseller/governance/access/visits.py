"""The seat of an operator in a shop that is none of theirs: there while a session is open, in the browser that opened it, and not a moment
longer. `accounts.seats` asks here before it looks for a person's own shops.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from typing_extensions import override

from theseller.accounts.mfa.proofs import note_visit
from theseller.accounts.seats import Visits
from theseller.accounts.standing import Standing, standing
from theseller.accounts.types import MemberRole, Seat, Visit
from theseller.governance.access.operations import note_view
from theseller.governance.access.queries import open_session
from theseller.governance.access.types import OpenSession

SESSION_VISIT = "visit"


def enter(request: HttpRequest, opened: OpenSession) -> None:
    """Let this browser, and no other of the operator's, into the shop."""
    request.session[SESSION_VISIT] = str(opened.id)


def leave(request: HttpRequest) -> None:
    request.session.pop(SESSION_VISIT, None)


class AccessVisits(Visits):
    """Seats by sessions of this slice."""

    @override
    def seat(self, request: HttpRequest, *, at: datetime) -> Seat | str | None:
        held = request.session.get(SESSION_VISIT)
        if held is None:
            return None
        person = cast("UUID", request.user.pk)
        found = open_session(person, at=at)
        if found is None or str(found.id) != held:
            leave(request)
            messages.info(request, "Your session in this shop is over.")
            return reverse("operate:access")
        if standing(person, request.session, at=at, step_up=False) is not Standing.INSIDE:
            return reverse("operate:access")  # whose guard asks for what is missing
        note_visit(request.session, at)
        name = str(getattr(request.user, "name", ""))
        visit = Visit(found.id, found.expires_at)
        return Seat(person, name, found.tenant, found.tenant_name, MemberRole.VIEWER, visit)

    @override
    def viewed(self, request: HttpRequest, seat: Seat, *, at: datetime) -> None:
        assert seat.visit is not None  # noqa: S101  # the guard asks only for visits
        note_view(session=seat.visit.id, tenant=seat.tenant, page=page_of(request), actor=seat.actor, at=at)


def page_of(request: HttpRequest) -> str:
    """Return the address that is asked for as the product knows it: names of what varies and of what is asked, never a value."""
    route = request.resolver_match.route if request.resolver_match else ""
    asked = sorted(name for name in request.GET if name.isidentifier())
    return f"/{route}" + (f"?{'&'.join(asked)}" if asked else "")
