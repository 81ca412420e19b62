"""Access of an operator to a tenant while an access session is open.

Only in the browser that opened it. `accounts.authorization` asks the provider before it looks for a
person's own memberships.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from typing_extensions import override

from theseller.accounts.authorization import AccessProvider
from theseller.accounts.mfa.session_proofs import note_activity
from theseller.accounts.operator_session_authorization import OperatorAuthState, operator_auth_state
from theseller.accounts.types import AccessSessionRef, MemberRole, TenantContext
from theseller.operators.shop_access.operations import record_view
from theseller.operators.shop_access.queries import current_session
from theseller.operators.shop_access.types import OpenSession

#: The value is in stored browser sessions.
ACCESS_SESSION_KEY = "visit"


def bind_to_browser(request: HttpRequest, opened: OpenSession) -> None:
    """Bind the access session to this browser."""
    request.session[ACCESS_SESSION_KEY] = str(opened.id)


def unbind_from_browser(request: HttpRequest) -> None:
    """Remove the access session from the browser's session."""
    request.session.pop(ACCESS_SESSION_KEY, None)


class AccessSessionProvider(AccessProvider):
    """Contexts of open access sessions, as a viewer of the tenant."""

    @override
    def tenant_context(self, request: HttpRequest, *, at: datetime) -> TenantContext | str | None:
        """Return the tenant context of the open access session.

        Returns:
            None without an access session in this browser. The URL to redirect to if the access
            session has ended, or if the operator must sign in again first.
        """
        bound = request.session.get(ACCESS_SESSION_KEY)
        if bound is None:
            return None
        person = cast("UUID", request.user.pk)
        found = current_session(person, at=at)
        if found is None or str(found.id) != bound:
            unbind_from_browser(request)
            messages.info(request, _("Your session for this shop has ended."))
            return reverse("operators:sessions")
        if (
            operator_auth_state(person, request.session, at=at, step_up=False)
            is not OperatorAuthState.AUTHENTICATED
        ):
            return reverse("operators:sessions")  # its guard requires what is missing
        note_activity(request.session, at)
        name = str(getattr(request.user, "name", ""))
        access_session = AccessSessionRef(found.id, found.expires_at)
        return TenantContext(
            person, name, found.tenant, found.tenant_name, MemberRole.VIEWER, access_session
        )

    @override
    def record_view(
        self, request: HttpRequest, tenant_context: TenantContext, *, at: datetime
    ) -> None:
        """Record that the request's page will be shown in the access session."""
        # the guard calls it for access sessions only
        assert tenant_context.access_session is not None  # noqa: S101
        record_view(
            session=tenant_context.access_session.id,
            tenant=tenant_context.tenant,
            page=page_of(request),
            actor=tenant_context.actor,
            at=at,
        )


def page_of(request: HttpRequest) -> str:
    """Return the requested route with its parameters' names, never values."""
    route = request.resolver_match.route if request.resolver_match else ""
    names = sorted(name for name in request.GET if name.isidentifier())
    return f"/{route}" + (f"?{'&'.join(names)}" if names else "")
