"""Operations on second factors.

The caller has checked that the person gave a proof recently (`decorators.step_up_required`).
"""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from theseller.accounts.mfa import totp, totp_secret_sealing
from theseller.accounts.mfa.queries import factor_exists, has_factor, own_factors, recovery_codes
from theseller.accounts.mfa.types import CannotRemoveError, Factor, FactorKind, Proof, RefusedError
from theseller.accounts.mfa.webauthn_protocol import VerifiedCredential
from theseller.accounts.models import Authenticator, Passkey, RecoveryCode, User
from theseller.accounts.queries import is_operator
from theseller.accounts.security_notices import queue_security_notice
from theseller.accounts.sessions import end_other_sessions
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

#: How long the setup of an app may take before its secret is rejected.
ENROLLMENT_VALID_FOR = timedelta(minutes=15)
RECOVERY_CODES = 10
_CODE_BYTES = 10
_WRONG_CODE = gettext_lazy(
    "This code is wrong, expired, or already used. Wait for the next one, and check that your"
    " phone's clock is correct."
)


def begin_authenticator(*, person: UUID, at: datetime, secret: Secret | None = None) -> UUID:
    """Create the secret of a new app; return the id of its row.

    It replaces one that was never confirmed, and proves nothing until a code confirms it.
    """
    row = new_id()
    with transaction.atomic(using=accounts_database()):
        _lock(person)
        Authenticator.objects.filter(user_id=person, confirmed_at__isnull=True).delete()
        message, key = totp_secret_sealing.sealed(row, secret or totp.new_secret())
        Authenticator.objects.create(
            id=row, user_id=person, sealed=message, data_key_id=key, added_at=at
        )
    return row


def pending_authenticator(*, person: UUID, at: datetime) -> Secret | None:
    """Return the secret of the app that is being set up.

    None if there is none, or setup began more than 15 minutes ago.
    """
    # In one transaction: while the key is replaced, the old one lives until every transaction that
    # may have read the old row has ended.
    with transaction.atomic(using=accounts_database()):
        begun = Authenticator.objects.filter(
            user_id=person, confirmed_at__isnull=True, added_at__gt=at - ENROLLMENT_VALID_FOR
        ).first()
        return totp_secret_sealing.unsealed(begun.id, bytes(begun.sealed)) if begun else None


def confirm_authenticator(
    *, person: UUID, code: str, at: datetime, keep: str = "", notify: bool = True
) -> Proof:
    """Activate the app if `code` is its; it replaces a former app.

    The person's sessions end, except the one with the key `keep`: they began without this factor.
    They get a notice by mail, if `notify`.

    Raises:
        RefusedError: the code is wrong, or setup took too long.
    """
    with transaction.atomic(using=accounts_database()):
        _lock(person)
        begun = Authenticator.objects.filter(
            user_id=person, confirmed_at__isnull=True, added_at__gt=at - ENROLLMENT_VALID_FOR
        ).first()
        if begun is None:
            raise RefusedError(
                _("Setup took too long, or was started again elsewhere. Start over.")
            )
        step = totp.step_of(
            totp_secret_sealing.unsealed(begun.id, bytes(begun.sealed)), _digits(code), at
        )
        if step is None:
            raise RefusedError(_WRONG_CODE)
        replaced = Authenticator.objects.filter(
            user_id=person, confirmed_at__isnull=False
        ).delete()[0]
        Authenticator.objects.filter(id=begun.id).update(confirmed_at=at, last_step=step)
        _record(
            Tag.SECOND_FACTOR_ADDED,
            person,
            begun.id,
            FactorKind.AUTHENTICATOR,
            at,
            replaced=bool(replaced),
        )
        if notify:
            queue_security_notice(person, "second_factor_added", at=at)
        end_other_sessions(person, keep=keep)
    return Proof(person, begun.id, FactorKind.AUTHENTICATOR, at)


def add_passkey(
    *, person: UUID, answer: VerifiedCredential, name: str, at: datetime, keep: str = ""
) -> Proof:
    """Activate a new passkey and end the person's other sessions.

    `answer` has been verified. The session with the key `keep` continues.

    Raises:
        RefusedError: the passkey is in use already.
    """
    passkey = new_id()
    try:
        with transaction.atomic(using=accounts_database()):
            _lock(person)
            Passkey.objects.create(
                id=passkey,
                user_id=person,
                credential_id=answer.credential_id,
                credential=answer.credential,
                sign_count=answer.sign_count,
                name=name,
                added_at=at,
                answered=at,
            )
            _record(Tag.SECOND_FACTOR_ADDED, person, passkey, FactorKind.PASSKEY, at)
            queue_security_notice(person, "second_factor_added", at=at)
            end_other_sessions(person, keep=keep)
    except IntegrityError:
        raise RefusedError(
            _("This passkey is already in use. Choose another, or remove it first.")
        ) from None
    return Proof(person, passkey, FactorKind.PASSKEY, at)


def remove_factor(*, person: UUID, factor: UUID, at: datetime, keep: str = "") -> Factor:
    """Remove an app or a passkey and end the person's other sessions.

    With the last one, the recovery codes are deleted too. The session with the key `keep`
    continues.

    Raises:
        CannotRemoveError: it is an operator's last one, or there is no such factor.
    """
    with transaction.atomic(using=accounts_database()):
        _lock(person)
        factors = own_factors(person)
        found = next((one for one in factors if one.id == factor), None)
        if found is None:
            raise CannotRemoveError(_("This second factor was already removed."))
        if len(factors) == 1 and is_operator(person):
            raise CannotRemoveError(
                _(
                    "Operators must have at least one second factor. Add another one before you"
                    " remove this one."
                )
            )
        Authenticator.objects.filter(id=factor, user_id=person).delete()
        Passkey.objects.filter(id=factor, user_id=person).delete()
        if len(factors) == 1:
            RecoveryCode.objects.filter(user_id=person).delete()
        _record(Tag.SECOND_FACTOR_REMOVED, person, factor, found.kind, at)
        queue_security_notice(person, "second_factor_removed", at=at)
        end_other_sessions(person, keep=keep)
    return found


def remove_all_factors(*, person: UUID, actor: str, at: datetime) -> int:
    """Remove every second factor of a person who lost them all.

    Their sessions end.

    Returns:
        How many apps and passkeys there were.
    """
    with transaction.atomic(using=accounts_database()):
        _lock(person)
        factors = own_factors(person)
        Authenticator.objects.filter(user_id=person).delete()
        Passkey.objects.filter(user_id=person).delete()
        RecoveryCode.objects.filter(user_id=person).delete()
        for one in factors:
            _record(Tag.SECOND_FACTOR_REMOVED, person, one.id, one.kind, at, actor=actor)
        end_other_sessions(person)
    return len(factors)


def make_recovery_codes(*, person: UUID, at: datetime) -> tuple[Secret, ...]:
    """Create a new set of recovery codes, which replaces the former one.

    Only their hashes are stored: this is the only time that they can be shown.
    """
    codes = tuple(
        Secret(base64.b32encode(os.urandom(_CODE_BYTES)).decode().lower())
        for _ in range(RECOVERY_CODES)
    )
    made = new_id()
    with transaction.atomic(using=accounts_database()):
        _lock(person)
        replaced = RecoveryCode.objects.filter(user_id=person).delete()[0]
        RecoveryCode.objects.bulk_create(
            RecoveryCode(set_id=made, code_hash=_hash(person, code), user_id=person, made_at=at)
            for code in codes
        )
        _record(
            Tag.RECOVERY_CODES_MADE, person, made, FactorKind.RECOVERY_CODE, at, codes=len(codes)
        )
        if replaced:  # the first ones come with a second factor, which has a notice
            queue_security_notice(person, "recovery_codes_made", at=at)
    return codes


def prove_by_code(*, person: UUID, code: str, at: datetime) -> Proof:
    """Verify a code of the person's app, or one of their recovery codes.

    Raises:
        RefusedError: it is neither.
    """
    plain = _digits(code)
    if len(plain) == totp.DIGITS and plain.isdigit():
        return _prove_by_app(person, plain, at)
    return _prove_by_recovery_code(person, plain, at)


def prove_by_passkey(
    *, person: UUID, answer: VerifiedCredential, issued_at: datetime, at: datetime
) -> Proof:
    """Accept a verified response of a passkey as the person's second factor.

    Args:
        person: the user's id.
        answer: the verified response.
        issued_at: when its challenge was issued; a challenge counts once.
        at: the current time.

    Raises:
        RefusedError: the challenge was used already, or the passkey's counter did not rise.
    """
    with transaction.atomic(using=accounts_database()):
        mine = Passkey.objects.filter(user_id=person, credential_id=answer.credential_id)
        # A challenge counts once. One statement: of two processes with the same response, one
        # finds the row unchanged.
        taken = mine.filter(answered__lt=issued_at)
        # WebAuthn §6.1.1: a counter that does not rise means that the key was copied; many
        # authenticators keep none, and say 0.
        taken = (
            taken.filter(sign_count__lt=answer.sign_count)
            if answer.sign_count
            else taken.filter(sign_count=0)
        )
        if not taken.update(answered=issued_at, sign_count=answer.sign_count):
            raise RefusedError(
                _("This passkey was not accepted. Try again, or use another second factor.")
            )
        passkey = mine.values_list("id", flat=True).get()
        _record(Tag.SECOND_FACTOR_PROVEN, person, passkey, FactorKind.PASSKEY, at)
    return Proof(person, passkey, FactorKind.PASSKEY, at)


def note_refusal(*, person: UUID, at: datetime) -> None:
    """Record that a second factor was refused after a correct password."""
    record(
        Tag.SECOND_FACTOR_REFUSED,
        actor=f"user:{person}",
        tenant=None,
        subject=f"user:{person}",
        at=at,
        using=accounts_database(),
    )


def _prove_by_app(person: UUID, code: str, at: datetime) -> Proof:
    with transaction.atomic(using=accounts_database()):
        app = Authenticator.objects.filter(user_id=person, confirmed_at__isnull=False).first()
        step = (
            totp.step_of(totp_secret_sealing.unsealed(app.id, bytes(app.sealed)), code, at)
            if app
            else None
        )
        # A code is used once. One statement: of two processes with the same code, one finds the
        # row unchanged.
        if (
            app is None
            or step is None
            or not Authenticator.objects.filter(id=app.id, last_step__lt=step).update(
                last_step=step
            )
        ):
            raise RefusedError(_WRONG_CODE)
        _record(Tag.SECOND_FACTOR_PROVEN, person, app.id, FactorKind.AUTHENTICATOR, at)
    return Proof(person, app.id, FactorKind.AUTHENTICATOR, at)


def _prove_by_recovery_code(person: UUID, code: str, at: datetime) -> Proof:
    with transaction.atomic(using=accounts_database()):
        codes = recovery_codes(person)
        unused = RecoveryCode.objects.filter(
            user_id=person, code_hash=_hash(person, Secret(code)), used_at__isnull=True
        )
        if codes is None or not unused.update(used_at=at):
            raise RefusedError(_("This recovery code is invalid or was already used."))
        _record(
            Tag.SECOND_FACTOR_PROVEN,
            person,
            codes.id,
            FactorKind.RECOVERY_CODE,
            at,
            codes_left=(codes.left or 1) - 1,
        )
    return Proof(person, codes.id, FactorKind.RECOVERY_CODE, at)


def sign_in_holds(person: UUID, proof: Proof | None) -> bool:
    """Return whether a person may be signed in with `proof`.

    None is enough only while they have no second factor. Call it in the transaction that creates
    the session. It waits for a change of the person's factors that is under way, and such a change
    waits for it, so that no session that began with the former factors outlives the change.
    """
    _lock(person)
    if proof is None:
        return not has_factor(person)
    return factor_exists(proof.factor, proof.kind, person)


def _lock(person: UUID) -> None:
    """Allow one change of a person's factors at a time.

    Two removals must not each leave what the other removes.
    """
    User.objects.select_for_update().only("id").get(pk=person)


def _digits(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _hash(person: UUID, code: Secret) -> bytes:
    # A plain hash is enough: a code has 80 random bits, so there is nothing to guess from.
    return hashlib.sha256(
        b"theseller recovery code\0" + person.bytes + code.reveal_bytes()
    ).digest()


def _record(
    tag: Tag,
    person: UUID,
    factor: UUID,
    kind: FactorKind,
    at: datetime,
    *,
    actor: str = "",
    **details: str | int | bool,
) -> None:
    recorded = {"kind": kind.value, "factor": str(factor), **details}
    record(
        tag,
        actor=actor or f"user:{person}",
        tenant=None,
        subject=f"user:{person}",
        at=at,
        details=recorded,
        using=accounts_database(),
    )
