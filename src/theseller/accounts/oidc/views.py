"""Pages of single sign-on: go to the identity provider, and come back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from theseller.accounts.authorization import account_frame
from theseller.accounts.complete_sign_in import complete_sign_in
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.mfa.session_proofs import store_proof
from theseller.accounts.models import User
from theseller.accounts.oidc import begun_requests
from theseller.accounts.oidc.id_token_validation import identity_of_code, max_age_of
from theseller.accounts.oidc.operations import (
    link_identity,
    note_refused,
    proof_by_identity,
    unlink_identity,
)
from theseller.accounts.oidc.provider_client import authorization_url, provider
from theseller.accounts.oidc.queries import may_use_provider, person_of
from theseller.accounts.oidc.types import (
    BegunRequest,
    Purpose,
    Refusal,
    SsoRefusedError,
    VerifiedIdentity,
)
from theseller.accounts.safe_redirect import safe_next
from theseller.accounts.sessions import current_user, session_key
from theseller.crypto.errors import SecretNotFoundError
from theseller.edge.optional_pages import page_exists_if
from theseller.edge.rate_limits import Rate, Subject, by_ip, limited
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

SECRET_NAME = "oidc-client-secret"  # a name  # noqa: S105
_RATES: dict[Subject, Rate] = {by_ip: Rate.per_minute(10, burst=30)}
_TEXT_MAX = 4096


def _is_configured() -> bool:
    return bool(settings.OIDC.configured)


@login_not_required
@require_GET
@page_exists_if(_is_configured)
@limited("single-sign-on", _RATES, methods=("GET",))
def begin_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a person to the provider to sign in."""
    if request.user.is_authenticated:
        return redirect(safe_next(request, "/"))
    return _begin(request, Purpose.SIGN_IN, None)


@require_GET
@page_exists_if(_is_configured)
@limited("single-sign-on", _RATES, methods=("GET",))
def begin_step_up(request: HttpRequest) -> HttpResponse:
    """Send a signed-in person to the provider to confirm their identity."""
    return _begin(request, Purpose.STEP_UP, current_user(request).pk)


@require_http_methods(["GET", "POST"])
@page_exists_if(_is_configured)
@step_up_required
@limited("single-sign-on", _RATES, methods=("GET", "POST"))
def link(request: HttpRequest) -> HttpResponse:
    """Send a person to the provider (GET), or link what they confirm (POST)."""
    person, at = current_user(request).pk, clock.now()
    if request.method == "GET":
        if not may_use_provider(person):
            raise Http404
        return _begin(request, Purpose.LINK, person)
    try:
        subject = begun_requests.take_found(request.session, at=at)
        link_identity(person=person, subject=subject, at=at, keep=session_key(request))
    except SsoRefusedError as refused:
        return _refused(request, refused, Purpose.LINK, person, at)
    messages.success(request, _("Your account is linked. Your other browsers are signed out."))
    return redirect("accounts:security")


@require_POST
@step_up_required
def unlink(request: HttpRequest) -> HttpResponse:
    """Remove the link to the provider."""
    removed = unlink_identity(
        person=current_user(request).pk, at=clock.now(), keep=session_key(request)
    )
    if removed:
        messages.success(request, _("The link was removed. Your other browsers are signed out."))
    return redirect("accounts:security")


@login_not_required
@require_GET
@page_exists_if(_is_configured)
@limited("single-sign-on-return", _RATES, methods=("GET",))
def come_back(request: HttpRequest) -> HttpResponse:
    """Receive the provider's response, and do what the person began."""
    at, user = clock.now(), request.user if isinstance(request.user, User) else None
    begun: BegunRequest | None = None
    try:
        begun = begun_requests.take(request.session, _value(request, "state"), at=at)
        identity = _identity(request, begun, user, at)
        match begun.purpose:
            case Purpose.SIGN_IN:
                return _sign_in(request, begun, identity, at)
            case Purpose.STEP_UP:
                return _step_up(request, begun, identity, at)
            case Purpose.LINK:
                return _confirm_link(request, identity, at)
    except SsoRefusedError as refused:
        purpose = begun.purpose if begun is not None else None
        return _refused(request, refused, purpose, user.pk if user is not None else None, at)


def _value(request: HttpRequest, name: str) -> str:
    """Return a parameter that is given once; "" if it is not, or is too long."""
    found = request.GET.getlist(name)
    return found[0] if len(found) == 1 and len(found[0]) <= _TEXT_MAX else ""


def _back() -> str:
    return settings.ENVIRONMENT.public_url + reverse("accounts:sso-return")


def _begin(request: HttpRequest, purpose: Purpose, person: UUID | None) -> HttpResponse:
    at = clock.now()
    try:
        found = provider(settings.OIDC, at=at)
    except SsoRefusedError as refused:
        return _refused(request, refused, purpose, person, at)
    begun = begun_requests.begin(
        request.session,
        purpose,
        person=str(person) if person is not None else "",
        onward=safe_next(request, ""),
        at=at,
    )
    return redirect(
        authorization_url(found, settings.OIDC, begun, back=_back(), max_age=max_age_of(purpose))
    )


def _identity(
    request: HttpRequest, begun: BegunRequest, user: User | None, at: datetime
) -> VerifiedIdentity:
    """Return who signed in at the provider.

    Raises:
        SsoRefusedError: the response is not valid.
    """
    if begun.person != (str(user.pk) if user is not None else ""):
        raise SsoRefusedError(Refusal.STATE, "person")
    # RFC 9207: a response of another provider is not accepted as this one's.
    issuer = _value(request, "iss")
    names_issuer = provider(settings.OIDC, at=at).names_issuer
    if issuer != settings.OIDC.issuer and (names_issuer or "iss" in request.GET):
        raise SsoRefusedError(Refusal.ISSUER)
    code = _value(request, "code")
    if "error" in request.GET or not code:
        raise SsoRefusedError(Refusal.DENIED)
    try:
        secret: Secret = settings.SECRETS.get(SECRET_NAME)
    except SecretNotFoundError:
        raise SsoRefusedError(Refusal.PROVIDER, "no_client_secret") from None
    return identity_of_code(settings.OIDC, begun, code=code, secret=secret, back=_back(), at=at)


def _sign_in(
    request: HttpRequest, begun: BegunRequest, identity: VerifiedIdentity, at: datetime
) -> HttpResponse:
    found = person_of(identity.issuer, identity.subject)
    if found is None:
        raise SsoRefusedError(Refusal.NOT_LINKED)
    person, link_id = found
    if not may_use_provider(person.pk):
        raise SsoRefusedError(Refusal.NOT_ALLOWED)
    proof = proof_by_identity(person=person.pk, link=link_id, identity=identity, at=at)
    return complete_sign_in(request, person, proof, onward=begun.next or "/", method="oidc")


def _step_up(
    request: HttpRequest, begun: BegunRequest, identity: VerifiedIdentity, at: datetime
) -> HttpResponse:
    found = person_of(identity.issuer, identity.subject)
    if found is None or found[0].pk != current_user(request).pk:
        raise SsoRefusedError(Refusal.OTHER_ACCOUNT if found else Refusal.NOT_LINKED)
    if not may_use_provider(found[0].pk):
        raise SsoRefusedError(Refusal.NOT_ALLOWED)
    proof = proof_by_identity(person=found[0].pk, link=found[1], identity=identity, at=at)
    store_proof(request, proof, seen=at)
    return redirect(begun.next or reverse("accounts:security"))


def _confirm_link(request: HttpRequest, identity: VerifiedIdentity, at: datetime) -> HttpResponse:
    """Ask the person whether to link the identity.

    Nothing is linked before: another site can send a browser here, and on from a provider where
    someone else is signed in.
    """
    user = current_user(request)
    if not may_use_provider(user.pk):
        raise SsoRefusedError(Refusal.NOT_ALLOWED)
    other = person_of(identity.issuer, identity.subject)
    if other is not None and other[0].pk != user.pk:
        raise SsoRefusedError(Refusal.OTHER_ACCOUNT)
    begun_requests.store_found(request.session, identity.subject, at=at)
    context = {"sso": settings.OIDC, "subject": identity.subject, "email": user.email}
    return render(request, "accounts/sso_link.html", context | {"frame": account_frame(request)})


def _refused(
    request: HttpRequest,
    refused: SsoRefusedError,
    purpose: Purpose | None,
    person: UUID | None,
    at: datetime,
) -> HttpResponse:
    log.warning("single_sign_on_refused", reason=refused.refusal.value, detail=refused.detail)
    note_refused(refused=refused, purpose=purpose, person=person, at=at)
    context = {"text": _(refused.refusal.text), "signed_in": person is not None}
    return render(request, "accounts/sso_refused.html", context, status=403)
