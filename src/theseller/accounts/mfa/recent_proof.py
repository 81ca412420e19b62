"""Check whether a person gave a proof lately, or redirect to one."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from theseller.accounts.mfa.queries import has_factor
from theseller.accounts.mfa.session_proofs import STEP_UP_WITHIN, proven, within
from theseller.accounts.safe_redirect import safe_next
from theseller.accounts.sessions import current_user

_PASSWORD_AT = "password_at"  # noqa: S105 - a key of the session
#: URLs that change or send something and show no page, and the page that each is used from.
_PAGE_OF_ACTION = {
    "remove-factor": "accounts:security",
    "recovery-codes": "accounts:security",
    "transfer-ownership": "account-deletion:delete-account",
    "export": "privacy:data-inventory",
    "member-role": "accounts:members",
    "member-ownership": "accounts:members",
    "remove-member": "accounts:members",
    "withdraw-invitation": "accounts:members",
}


def note_password(request: HttpRequest, at: datetime) -> None:
    """Store in the session when the password was given."""
    request.session[_PASSWORD_AT] = at.isoformat()


def recently_proven(request: HttpRequest, at: datetime) -> bool:
    """Return whether the person gave a proof in the last five minutes.

    The proof is a second factor, or a sign-in at the identity provider, or the password while they
    have no second factor.
    """
    person = current_user(request)
    if proven(person.pk, request.session, at=at, longest=STEP_UP_WITHIN):
        return True
    if has_factor(person.pk):
        return False
    try:
        given = datetime.fromisoformat(request.session.get(_PASSWORD_AT, ""))
    except (TypeError, ValueError):
        return False
    return within(given, at, STEP_UP_WITHIN)


def redirect_to_proof(request: HttpRequest) -> HttpResponse:
    """Redirect the person to a proof, and back to where they can start again.

    Nothing has been changed.
    """
    found = request.resolver_match
    page = _PAGE_OF_ACTION.get((found.url_name or "") if found else "remove-factor")
    back = reverse(page) if page else request.path
    # Where they were going after all of it is carried through.
    onward = safe_next(request, "")
    back += f"?{urlencode({'next': onward})}" if onward else ""
    query = urlencode({"next": back, "why": "again" if page else "stale"})
    return redirect(f"{reverse('accounts:second-factor')}?{query}")
