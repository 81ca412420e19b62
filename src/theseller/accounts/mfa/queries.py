"""Read second factors.

Each query takes the connection to read by, since the probe reads too, by a role of its own.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Max

from theseller.accounts.mfa.types import Factor, FactorKind
from theseller.accounts.models import Authenticator, OidcIdentity, Passkey, RecoveryCode


def own_factors(person: UUID, *, using: str | None = None) -> tuple[Factor, ...]:
    """Return the apps and passkeys of `person`, oldest first.

    One of these makes a second factor; recovery codes alone do not.
    """
    apps = (
        Authenticator.objects.using(using)
        .filter(user_id=person, confirmed_at__isnull=False)
        .values_list("id", "added_at")
    )
    passkeys = (
        Passkey.objects.using(using).filter(user_id=person).values_list("id", "name", "added_at")
    )
    found = [
        Factor(one, FactorKind.AUTHENTICATOR, FactorKind.AUTHENTICATOR.label, added)
        for one, added in apps
    ]
    found += [Factor(one, FactorKind.PASSKEY, name, added) for one, name, added in passkeys]
    return tuple(sorted(found, key=lambda factor: (factor.added_at, factor.id)))


def recovery_codes(person: UUID, *, using: str | None = None) -> Factor | None:
    """Return the person's set of recovery codes, used up or not.

    None if none was ever made.
    """
    sets = RecoveryCode.objects.using(using).filter(user_id=person).values("set_id")
    row = (
        sets.annotate(made=Max("made_at"), codes=Count("code_hash"), used=Count("used_at"))
        .order_by("-made")
        .first()
    )
    if row is None:
        return None
    left = int(row["codes"]) - int(row["used"])
    return Factor(
        row["set_id"], FactorKind.RECOVERY_CODE, FactorKind.RECOVERY_CODE.label, row["made"], left
    )


def has_factor(person: UUID, *, using: str | None = None) -> bool:
    """Return whether `person` has an app or a passkey.

    Recovery codes alone are not a second factor: they replace a lost one.
    """
    apps = Authenticator.objects.using(using).filter(user_id=person, confirmed_at__isnull=False)
    return (
        apps.values("id").exists()
        or Passkey.objects.using(using).filter(user_id=person).values("id").exists()
    )


def factor_exists(
    factor: UUID, kind: FactorKind, person: UUID, *, using: str | None = None
) -> bool:
    """Return whether a factor that once gave a proof is still this person's."""
    match kind:
        case FactorKind.AUTHENTICATOR:
            return (
                Authenticator.objects.using(using)
                .filter(id=factor, user_id=person, confirmed_at__isnull=False)
                .values("id")
                .exists()
            )
        case FactorKind.PASSKEY:
            return (
                Passkey.objects.using(using).filter(id=factor, user_id=person).values("id").exists()
            )
        case FactorKind.OIDC:
            return (
                OidcIdentity.objects.using(using)
                .filter(id=factor, user_id=person)
                .values("id")
                .exists()
            )
        case FactorKind.RECOVERY_CODE:
            return (
                RecoveryCode.objects.using(using)
                .filter(set_id=factor, user_id=person)
                .values("set_id")
                .exists()
            )
