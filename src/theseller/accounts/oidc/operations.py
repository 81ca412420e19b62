"""Link an identity to an account, remove the link, record what is refused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from theseller.accounts.mfa.types import FactorKind, Proof
from theseller.accounts.models import OidcIdentity, User
from theseller.accounts.oidc.queries import linked_identity, may_use_provider
from theseller.accounts.oidc.types import Purpose, Refusal, SsoRefusedError, VerifiedIdentity
from theseller.accounts.sessions import end_other_sessions
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib.ids import new_id


def link_identity(*, person: UUID, subject: str, at: datetime, keep: str = "") -> None:
    """Link an identity of the provider to the account of a person.

    An earlier one of the person is replaced. Their other sessions end; the one with the key `keep`
    continues.

    Raises:
        SsoRefusedError: they may not use the provider, or the identity is another account's.
    """
    issuer = settings.OIDC.issuer
    try:
        with transaction.atomic(using=accounts_database()):
            found = User.objects.select_for_update().filter(pk=person).first()
            if found is None or not found.has_usable_password() or not may_use_provider(person):
                raise SsoRefusedError(Refusal.NOT_ALLOWED)
            OidcIdentity.objects.filter(user_id=person).delete()
            identity = OidcIdentity.objects.create(
                id=new_id(), user_id=person, issuer=issuer, subject=subject, linked_at=at
            )
            _record(Tag.IDENTITY_LINKED, f"user:{person}", person, at, identity=str(identity.id))
            end_other_sessions(person, keep=keep)
    except IntegrityError:
        raise SsoRefusedError(Refusal.OTHER_ACCOUNT) from None


def unlink_identity(*, person: UUID, at: datetime, keep: str = "") -> bool:
    """Remove the link of a person's account; return False if there is none.

    Proofs that were given by it end with it, and so do the person's other sessions.
    """
    with transaction.atomic(using=accounts_database()):
        User.objects.select_for_update().only("id").get(pk=person)
        found = linked_identity(person)
        if found is None or not OidcIdentity.objects.filter(id=found.id).delete()[0]:
            return False
        _record(Tag.IDENTITY_UNLINKED, f"user:{person}", person, at, identity=str(found.id))
        end_other_sessions(person, keep=keep)
    return True


def proof_by_identity(
    *, person: UUID, link: UUID, identity: VerifiedIdentity, at: datetime
) -> Proof:
    """Accept what the provider says as the person's second factor.

    The proof is as old as the person's sign-in at the provider.
    """
    _record(
        Tag.SECOND_FACTOR_PROVEN,
        f"user:{person}",
        person,
        at,
        kind=FactorKind.OIDC.value,
        factor=str(link),
    )
    return Proof(person, link, FactorKind.OIDC, identity.authenticated_at)


def note_refused(
    *, refused: SsoRefusedError, purpose: Purpose | None, person: UUID | None, at: datetime
) -> None:
    """Record that a sign-in by the provider was refused."""
    _record(
        Tag.IDENTITY_REFUSED,
        "process:web" if person is None else f"user:{person}",
        person,
        at,
        reason=refused.refusal.value,
        detail=refused.detail,
        purpose=purpose.value if purpose is not None else "",
    )


def _record(tag: Tag, actor: str, person: UUID | None, at: datetime, **details: str) -> None:
    record(
        tag,
        actor=actor,
        tenant=None,
        subject="session" if person is None else f"user:{person}",
        at=at,
        details=details,
        using=accounts_database(),
    )
