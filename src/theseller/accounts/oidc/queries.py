"""Read linked identities."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from theseller.accounts.models import OidcIdentity, User
from theseller.accounts.oidc.types import LinkedIdentity, OidcAudience
from theseller.accounts.queries import is_operator


def linked_identity(person: UUID) -> LinkedIdentity | None:
    """Return the identity that is linked to a person's account, or None."""
    found = OidcIdentity.objects.filter(user_id=person).values_list("id", "linked_at").first()
    return LinkedIdentity(*found) if found is not None else None


def person_of(issuer: str, subject: str) -> tuple[User, UUID] | None:
    """Return the person of an identity, and the link's ID.

    None if it is linked to no account that someone can sign in to.
    """
    found = OidcIdentity.objects.filter(issuer=issuer, subject=subject).first()
    person = User.objects.filter(pk=found.user_id).first() if found is not None else None
    if found is None or person is None or not person.has_usable_password():
        return None
    return person, found.id


def may_use_provider(person: UUID) -> bool:
    """Return whether a person may link an identity and sign in by it."""
    sso = settings.OIDC
    return sso.configured and (sso.audience is OidcAudience.EVERYONE or is_operator(person))
