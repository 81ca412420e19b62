"""Issue and use links with which people choose a new password."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from theseller.accounts.members.operations import LINK_REFUSED
from theseller.accounts.models import PasswordLink, PasswordRequest, User
from theseller.accounts.one_time_link_tokens import (
    VALID_FOR,
    IssuedLink,
    LinkRefusedError,
    issued_link,
    new_token,
    token_hash,
)
from theseller.accounts.password_reset.delivery import mail_link, tell_operators
from theseller.accounts.queries import person_by_email
from theseller.accounts.security_notices import queue_security_notice
from theseller.accounts.sessions import end_other_sessions
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib.secret_type import Secret
from theseller.mail.types import MailMode


def make_password_link(*, person: UUID, actor: str, at: datetime) -> IssuedLink | None:
    """Issue a link to choose a new password.

    An earlier one of the person ends.

    Returns:
        The link; None if there is no such account, or it is being deleted.
    """
    with transaction.atomic(using=accounts_database()):
        if _usable_account(person) is None:
            return None
        PasswordRequest.objects.filter(user_id=person).delete()
        return _new_link(person, actor, at)


def request_password_link(*, email: str, at: datetime) -> None:
    """Mail a link to a person, or list the request for operators.

    Nothing tells the caller whether there is such a person: a line is written to the log in both
    cases.
    """
    with transaction.atomic(using=accounts_database()):
        person = person_by_email(email)
        usable = _usable_account(person) if person is not None else None
        record(
            Tag.PASSWORD_LINK_REQUESTED,
            actor="process:web",
            tenant=None,
            subject="session" if usable is None else f"user:{usable}",
            at=at,
            using=accounts_database(),
        )
        if usable is None:
            return
        if settings.MAIL.mode is MailMode.OFF:
            tell_operators(usable, at=at)
        elif not mail_link(usable, _new_link(usable, "process:web", at), at=at):
            PasswordLink.objects.filter(user_id=usable).delete()  # no one has it
            tell_operators(usable, at=at)


def password_requests(*, at: datetime) -> tuple[tuple[str, str, datetime], ...]:
    """Return the requests that operators answer, oldest first.

    Returns:
        (name, address, moment of the request) for each.
    """
    found = PasswordRequest.objects.filter(requested_at__gt=at - VALID_FOR).order_by("requested_at")
    people = {one.pk: one for one in User.objects.filter(pk__in=[row.user_id for row in found])}
    return tuple(
        (people[row.user_id].name, people[row.user_id].email, row.requested_at)
        for row in found
        if row.user_id in people
    )


def person_of_link(token: Secret, *, at: datetime) -> User | None:
    """Return the person of a valid link; None if the link is not valid."""
    link = PasswordLink.objects.filter(token_hash=token_hash(token), expires_at__gt=at).first()
    person = User.objects.filter(pk=link.user_id).first() if link is not None else None
    return person if person is not None and person.has_usable_password() else None


def use_password_link(*, token: Secret, password: Secret, at: datetime) -> UUID:
    """Set a new password by a link and end all sessions of the person.

    Second factors stay: they are still required at sign-in.

    Raises:
        LinkRefusedError: the link is not valid. Nothing was changed.
    """
    found = person_of_link(token, at=at)
    if found is None:
        raise LinkRefusedError(LINK_REFUSED)
    hashed = make_password(password.reveal())  # slow: before rows are locked
    with transaction.atomic(using=accounts_database()):
        # Locked first: a deletion of the account that is requested meanwhile comes before or after.
        person = _usable_account(found.pk)
        used = PasswordLink.objects.filter(token_hash=token_hash(token), expires_at__gt=at).delete()
        if person is None or not used[0]:
            raise LinkRefusedError(LINK_REFUSED)
        User.objects.filter(pk=person).update(password=hashed)
        _record(Tag.PASSWORD_RESET, f"user:{person}", person, at)
        queue_security_notice(person, "password_changed", at=at)
        end_other_sessions(person)
    return person


def _new_link(person: UUID, actor: str, at: datetime) -> IssuedLink:
    token, expires_at = new_token(), at + VALID_FOR
    PasswordLink.objects.filter(user_id=person).delete()
    PasswordLink.objects.create(
        token_hash=token_hash(token), user_id=person, made_at=at, expires_at=expires_at
    )
    _record(Tag.PASSWORD_LINK_MADE, actor, person, at)
    return issued_link("accounts:new-password", token, expires_at)


def _usable_account(person: UUID) -> UUID | None:
    """Lock an account that someone can sign in to.

    Returns:
        The person; None if there is no such account.
    """
    found = User.objects.select_for_update().filter(pk=person).first()
    return person if found is not None and found.has_usable_password() else None


def _record(tag: Tag, actor: str, person: UUID, at: datetime) -> None:
    record(
        tag,
        actor=actor,
        tenant=None,
        subject=f"user:{person}",
        at=at,
        using=accounts_database(),
    )
