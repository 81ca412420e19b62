"""The security page of an account: set up, remove and prove factors."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from theseller.accounts import safe_redirect, sessions
from theseller.accounts.authorization import account_frame
from theseller.accounts.mfa import (
    operations,
    passkey_challenges,
    recent_proof,
    second_factor_verification,
    session_proofs,
    totp,
    webauthn_protocol,
)
from theseller.accounts.mfa.decorators import step_up_required
from theseller.accounts.mfa.forms import CodeForm, PasskeyForm, PasswordForm
from theseller.accounts.mfa.qr import qr_svg
from theseller.accounts.mfa.queries import has_factor, own_factors, recovery_codes
from theseller.accounts.mfa.types import CannotRemoveError, FactorKind, Proof, RefusedError
from theseller.accounts.oidc.queries import linked_identity, may_use_provider
from theseller.accounts.queries import is_operator, memberships_of
from theseller.accounts.sign_in_rate_limits import SECOND_FACTOR, own_subject
from theseller.edge.error_pages import too_many_requests
from theseller.edge.rate_limits import RetryAfter, refill
from theseller.lib import clock
from theseller.lib.secret_type import Secret

_WHY = {
    "again": (
        gettext_noop(
            "This action requires that you confirmed your identity in the last five minutes."
            " Nothing has been done yet; repeat the action afterwards."
        )
    ),
    "idle": gettext_noop(
        "You were inactive for more than 30 minutes. Confirm your identity to continue."
    ),
    "stale": (
        gettext_noop(
            "This action requires that you confirmed your identity in the last five minutes."
            " Nothing has been changed yet."
        )
    ),
    "unproven": gettext_noop("The operator area requires a second factor."),
}


@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """Show a person their second factors."""
    return _security(request)


def _security(request: HttpRequest, *, codes: tuple[Secret, ...] = ()) -> HttpResponse:
    person = sessions.current_user(request).pk
    context = {
        "factors": own_factors(person),
        "has_app": _has_app(person),
        "codes_set": recovery_codes(person),
        "codes": [_spaced(code) for code in codes],
        "is_operator": is_operator(person),
        "has_shop": bool(memberships_of(person)),
        "frame": account_frame(request),
        "sso_allowed": may_use_provider(person),
        "identity": linked_identity(person),
        "languages": settings.LANGUAGES,
        "chosen_language": sessions.current_user(request).language,
        "passkeys_possible": webauthn_protocol.supported_at(request),
        "localhost": settings.ENVIRONMENT.public_url.replace("//127.0.0.1", "//localhost"),
        "next": safe_redirect.safe_next(request, ""),
        "at": clock.now(),
    }
    return render(request, "accounts/security.html", context)


def _has_app(person: UUID) -> bool:
    return any(factor.kind is FactorKind.AUTHENTICATOR for factor in own_factors(person))


def _code_help(person: UUID) -> str:
    if _has_app(person):
        return _(
            "The six digits that the app shows now. This replaces an app that you set up before."
        )
    return _("The six digits that the app shows now.")


@require_http_methods(["GET", "POST"])
@step_up_required
def authenticator(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app.

    POST begins, GET shows the QR code, POST with a code activates the app.
    """
    person, at = sessions.current_user(request), clock.now()
    if request.method == "POST" and "code" not in request.POST:
        operations.begin_authenticator(person=person.pk, at=at)
        return redirect(request.get_full_path())
    secret = operations.pending_authenticator(person=person.pk, at=at)
    if secret is None:
        return redirect("accounts:security")
    form = CodeForm(request.POST or None, help_text=_code_help(person.pk))
    if request.method == "POST" and form.is_valid():
        limit = second_factor_verification.allowance(request, person, at)
        if isinstance(limit, RetryAfter):
            return too_many_requests(request, limit.seconds)
        try:
            return _added(
                request,
                operations.confirm_authenticator(
                    person=person.pk,
                    code=form.cleaned_data["code"],
                    at=at,
                    keep=sessions.session_key(request),
                ),
            )
        except RefusedError as error:
            form.add_error("code", str(error))
    address = totp.enrollment_uri(
        secret, account=person.email, issuer=f"TheSeller {settings.ENVIRONMENT.kind.value}"
    )
    context = {
        "form": form,
        "qr": qr_svg(address),
        "secret": _spaced(secret),
        "next": safe_redirect.safe_next(request, ""),
    }
    return render(
        request,
        "accounts/authenticator.html",
        {**context, "frame": account_frame(request)},
        status=200 if request.method == "GET" else 422,
    )


@require_http_methods(["GET", "POST"])
@step_up_required
def passkey(request: HttpRequest) -> HttpResponse:
    """Create a passkey: GET sends the challenge, POST brings the response."""
    person, at = sessions.current_user(request), clock.now()
    if not webauthn_protocol.supported_at(request):
        return redirect("accounts:security")
    form = PasskeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            state, _person = passkey_challenges.take_challenge(request, "create", at)
            answer = webauthn_protocol.verify_registration(
                request, state, form.cleaned_data["answer"]
            )
            return _added(
                request,
                operations.add_passkey(
                    person=person.pk,
                    answer=answer,
                    name=form.cleaned_data["name"],
                    at=at,
                    keep=sessions.session_key(request),
                ),
            )
        except RefusedError as error:
            form.add_error(None, str(error))
    options, state = webauthn_protocol.registration_options(
        request, person.pk, person.email, person.name, passkey_challenges.known_passkeys(person.pk)
    )
    passkey_challenges.store_challenge(request, "create", state, at)
    context = {"form": form, "options": options, "next": safe_redirect.safe_next(request, "")}
    return render(
        request,
        "accounts/passkey.html",
        {**context, "frame": account_frame(request)},
        status=200 if request.method == "GET" else 422,
    )


@require_POST
@step_up_required
def remove(request: HttpRequest, factor: UUID) -> HttpResponse:
    """Remove a second factor."""
    try:
        removed = operations.remove_factor(
            person=sessions.current_user(request).pk,
            factor=factor,
            at=clock.now(),
            keep=sessions.session_key(request),
        )
        messages.success(
            request,
            _("%(name)s was removed. Your other browsers are signed out.") % {"name": removed.name},
        )
    except CannotRemoveError as error:
        messages.error(request, str(error))
    return redirect("accounts:security")


@require_POST
@step_up_required
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Create recovery codes and show them this once."""
    person = sessions.current_user(request).pk
    if not has_factor(person):
        messages.error(
            request,
            _("Set up an authenticator app or a passkey first. Recovery codes replace a lost one."),
        )
        return redirect("accounts:security")
    return _security(request, codes=operations.make_recovery_codes(person=person, at=clock.now()))


@sensitive_post_parameters("password", "code", "answer")
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Prove a second factor again, or the password without one."""
    person, at = sessions.current_user(request), clock.now()
    with_factor = has_factor(person.pk)
    error = ""
    if request.method == "POST":
        limit = second_factor_verification.allowance(request, person, at)
        if isinstance(limit, RetryAfter):
            return too_many_requests(request, limit.seconds)
        try:
            _prove(request, with_factor=with_factor)
            return redirect(safe_redirect.safe_next(request, "/account/security/"))
        except RefusedError as refusal:
            error = str(refusal)
    return proof_page(request, person.pk if with_factor else None, error=error)


def _prove(request: HttpRequest, *, with_factor: bool) -> None:
    person, at = sessions.current_user(request), clock.now()
    if with_factor:
        proof = second_factor_verification.verify_factor(request, person, at)
        session_proofs.store_proof(request, proof)
        warn_of_recovery(request, proof)
    elif (
        authenticate(
            request, username=person.email, password=request.POST.get("password", "")[:1000]
        )
        is None
    ):
        operations.note_refusal(person=person.pk, at=at)
        raise RefusedError(_("This is not your password."))
    else:
        refill(SECOND_FACTOR, own_subject(request, person.email))  # Only failures count here too.
        request.session.cycle_key()
        recent_proof.note_password(request, at)


def proof_page(
    request: HttpRequest, person: UUID | None, *, error: str = "", signing_in: bool = False
) -> HttpResponse:
    """Show the form that asks for a proof.

    It asks for a second factor of `person`, or for the password if that is None.
    """
    at = clock.now()
    kinds = {factor.kind for factor in own_factors(person)} if person else set()
    apps = _("The six digits that your authenticator app shows now, or a recovery code.")
    context = {
        "form": (
            CodeForm(help_text=apps if FactorKind.AUTHENTICATOR in kinds else _("A recovery code."))
            if person
            else PasswordForm()
        ),
        "error": error,
        "with_factor": person is not None,
        "sso_possible": not signing_in and _may_confirm_by_provider(request),
        "signing_in": signing_in,
        "options": passkey_challenges.passkey_challenge(request, person, at) if person else "",
        "kinds": {kind.value for kind in kinds},
        "passkeys_possible": webauthn_protocol.supported_at(request),
        "why": _(_WHY[why]) if (why := request.GET.get("why", "")) in _WHY else "",
        "next": safe_redirect.safe_next(request, ""),
    }
    return render(request, "accounts/second_factor.html", context, status=422 if error else 200)


def _may_confirm_by_provider(request: HttpRequest) -> bool:
    person = sessions.current_user(request).pk
    return may_use_provider(person) and linked_identity(person) is not None


def warn_of_recovery(request: HttpRequest, proof: Proof) -> None:
    """Tell a person who used a recovery code how many are left."""
    remaining = (
        recovery_codes(proof.person)
        if second_factor_verification.used_recovery_code(proof)
        else None
    )
    if remaining is not None:
        messages.warning(
            request,
            _(
                "You used a recovery code; %(left)s are left. If a device is lost, remove it on"
                " your security page."
            )
            % {"left": remaining.left},
        )


def _added(request: HttpRequest, proof: Proof) -> HttpResponse:
    """Report a new factor, and show recovery codes if there are none yet.

    A new factor has just been used, so it proves this session too.
    """
    session_proofs.store_proof(request, proof)
    messages.success(
        request,
        _(
            "%(factor)s is set up. From now on you sign in with your password and a second factor."
            " Your other browsers are signed out."
        )
        % {"factor": proof.kind.label},
    )
    existing = recovery_codes(proof.person)
    codes = (
        operations.make_recovery_codes(person=proof.person, at=clock.now())
        if existing is None
        else ()
    )
    if codes:
        return _security(request, codes=codes)
    return redirect(safe_redirect.safe_next(request, "/account/security/"))


def _spaced(secret: Secret) -> str:
    """Write a code in groups of four, as people copy it."""
    plain = secret.reveal()
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))
