"""Changes of users, memberships and operators."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from theseller.accounts.addresses import canonical
from theseller.accounts.models import Membership, OidcIdentity, Operator, PasswordLink, User
from theseller.accounts.security_notices import queue_security_notice
from theseller.accounts.sessions import end_other_sessions
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope


def create_user(
    *, email: str, name: str, password: Secret, at: datetime, person: UUID | None = None
) -> UUID:
    """Create a user who can sign in; return their id.

    Raises:
        AddressError: the email address is not plain ASCII.
    """
    user = User(id=person or new_id(), email=canonical(email), name=name, joined_at=at)
    user.set_password(password.reveal())
    user.save(force_insert=True)
    return user.id


def add_member(*, person: UUID, role: MemberRole, tenant: UUID, actor: str, at: datetime) -> None:
    """Make `person` a member of `tenant`."""
    with tenant_scope(tenant, using=accounts_database()):
        Membership.objects.create(tenant_id=tenant, user_id=person, role=role.value, since=at)
        _record(Tag.MEMBER_ADDED, actor, person, at, tenant=tenant, role=role.value)


def make_owner(*, person: UUID, tenant: UUID, actor: str, at: datetime) -> bool:
    """Make a member an owner of their shop.

    False if they are not a member, or an owner already.
    """
    with tenant_scope(tenant, using=accounts_database()):
        others = Membership.objects.filter(tenant_id=tenant, user_id=person).exclude(
            role=MemberRole.OWNER.value
        )
        if not others.update(role=MemberRole.OWNER.value):
            return False
        _record(
            Tag.MEMBER_ROLE_CHANGED, actor, person, at, tenant=tenant, role=MemberRole.OWNER.value
        )
    return True


def change_password(*, person: UUID, password: Secret, at: datetime, keep: str = "") -> None:
    """Set a new password, mail a notice and end the person's sessions.

    The session with the key `keep` continues.
    """
    with transaction.atomic(using=accounts_database()):
        User.objects.filter(pk=person).update(password=make_password(password.reveal()))
        _record(Tag.PASSWORD_CHANGED, f"user:{person}", person, at)
        queue_security_notice(person, "password_changed", at=at)
        end_other_sessions(person, keep=keep)


def choose_language(*, person: UUID, language: str, at: datetime) -> None:
    """Store the language of a person's pages and mails.

    Args:
        person: who chose it.
        language: a code of `settings.LANGUAGES`, or "" for the one that the browser asks for.
        at: now.
    """
    with transaction.atomic(using=accounts_database()):
        User.objects.filter(pk=person).update(language=language)
        _record(Tag.ACCOUNT_LANGUAGE_CHOSEN, f"user:{person}", person, at, language=language)


def disable_sign_in(*, person: UUID) -> None:
    """Disable sign-in to an account: no password matches any more.

    The session hash changes with the password, so existing sessions end too. So does a link to
    choose a new password, and the link to the identity provider.
    """
    User.objects.filter(pk=person).update(password=make_password(None))
    PasswordLink.objects.filter(user_id=person).delete()
    OidcIdentity.objects.filter(user_id=person).delete()


def add_operator(*, person: UUID, actor: str, at: datetime) -> bool:
    """Make `person` an operator; return False if they are one already."""
    with transaction.atomic(using=accounts_database()):
        _, made = Operator.objects.get_or_create(
            user_id=person, defaults={"since": at, "granted_by": actor}
        )
        if made:
            _record(Tag.OPERATOR_ADDED, actor, person, at)
    return made


def remove_operator(*, person: UUID, actor: str, at: datetime) -> bool:
    """Revoke operator rights at once; return False if `person` has none."""
    with transaction.atomic(using=accounts_database()):
        removed = Operator.objects.filter(user_id=person).delete()[0] > 0
        if removed:
            _record(Tag.OPERATOR_REMOVED, actor, person, at)
    return removed


def _record(
    tag: Tag, actor: str, person: UUID, at: datetime, *, tenant: UUID | None = None, **details: str
) -> None:
    record(
        tag,
        actor=actor,
        tenant=tenant,
        subject=f"user:{person}",
        at=at,
        details=details,
        using=accounts_database(),
    )
