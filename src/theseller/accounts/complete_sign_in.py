"""Complete the sign-in of a person whose proofs were accepted."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from theseller.accounts.known_browser_cookie import remember_browser
from theseller.accounts.mfa import pending_sign_in
from theseller.accounts.mfa.operations import sign_in_holds
from theseller.accounts.mfa.recent_proof import note_password
from theseller.accounts.mfa.session_proofs import store_proof
from theseller.accounts.mfa.types import Proof
from theseller.accounts.mfa.views import warn_of_recovery
from theseller.accounts.models import User
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib import clock


def complete_sign_in(
    request: HttpRequest, user: User, proof: Proof | None, *, onward: str, method: str = "password"
) -> HttpResponse:
    """Create the session and lead on.

    Args:
        request: the request.
        user: the person.
        proof: of a second factor; None if they have none.
        onward: where they go.
        method: how they signed in: `password` or `oidc`.
    """
    with transaction.atomic(using=accounts_database()):
        pending_sign_in.clear(request)
        if not sign_in_holds(user.pk, proof):
            return redirect("accounts:sign-in")  # Their second factors were changed just now.
        login(request, user, backend="theseller.accounts.password_backend.PasswordBackend")
        if method == "password":
            note_password(request, clock.now())
        if proof is not None:
            store_proof(request, proof, seen=clock.now())
            warn_of_recovery(request, proof)
        record(
            Tag.ACCOUNT_SIGNED_IN,
            actor=f"user:{user.id}",
            tenant=None,
            subject="session",
            at=clock.now(),
            details={} if method == "password" else {"method": method},
            using=accounts_database(),
        )
        # Stored here and not after the answer: the next change of the person's factors or password
        # must find it.
        request.session.save()
    response = redirect(onward)
    remember_browser(request, response, user.email)
    return response
