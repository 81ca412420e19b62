"""Request a link to open a shop, and open it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connections, transaction
from django.utils.translation import get_language

from theseller.accounts.members.operations import LINK_REFUSED
from theseller.accounts.members.shop_name_and_email_checks import checked_name
from theseller.accounts.models import Membership, SignUp, User
from theseller.accounts.one_time_link_tokens import (
    VALID_FOR,
    LinkRefusedError,
    issued_link,
    new_token,
    token_hash,
)
from theseller.accounts.operations import create_user
from theseller.accounts.queries import person_by_email
from theseller.accounts.sign_up.types import OpenedShop
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop
from theseller.mail.mail_kinds import SignUp as SignUpMail
from theseller.mail.operations import queue_mail
from theseller.mail.types import QueueOutcome
from theseller.tenancy.operations import create_tenant_in_scope
from theseller.tenancy.tenant_scope import tenant_scope

_HAS_ACCOUNT = gettext_noop(
    "There is an account with this address. Sign in with it, then open the link again."
)


def request_sign_up(*, email: str, at: datetime) -> None:
    """Mail a link to open a shop; an earlier link of the address ends.

    The same happens whether the address has an account: what the person may do with the link
    depends on it, and only who reads the address's mail learns that.

    Args:
        email: a canonical address.
        at: now.
    """
    using = accounts_database()
    with transaction.atomic(using=using):
        sql_execution.execute(
            connections[using],
            "select pg_advisory_xact_lock(hashtextextended('sign-up:' || %s, 0))",
            [email],
        )
        token, request, expires_at = new_token(), new_id(), at + VALID_FOR
        SignUp.objects.filter(email=email).delete()
        SignUp.objects.create(
            id=request,
            token_hash=token_hash(token),
            email=email,
            user_id=person_by_email(email),
            made_at=at,
            expires_at=expires_at,
        )
        _record(Tag.SIGN_UP_REQUESTED, "process:web", f"sign_up:{request}", at)
        link = issued_link("accounts:open-shop", token, expires_at)
        queued = queue_mail(
            SignUpMail(link.address.reveal(), expires_at),
            recipient=email,
            idempotency_key=f"sign-up:{request}",
            at=at,
            language=get_language() or "",  # of the request, which its recipient makes
        )
        if queued.outcome is not QueueOutcome.QUEUED:
            SignUp.objects.filter(id=request).delete()  # no one has the link


def open_shop_as_new_user(
    *, token: Secret, shop: str, name: str, password: Secret, at: datetime
) -> OpenedShop:
    """Use a link: create the account, and its shop with it as the owner.

    Raises:
        LinkRefusedError: the link is not valid, or the address has an account.
        MembershipRefusedError: the shop's name can't be used. Nothing was changed.
    """
    shop, tenant = checked_name(shop), new_id()
    try:
        with tenant_scope(tenant, using=accounts_database()):
            email = _consume(token, at)
            if person_by_email(email) is not None:
                raise LinkRefusedError(_HAS_ACCOUNT)
            person = create_user(email=email, name=name, password=password, at=at)
            _record(Tag.ACCOUNT_CREATED, f"user:{person}", f"user:{person}", at, tenant)
            return _open(tenant, shop, person, email, at)
    except IntegrityError:  # The address got an account at the same moment.
        raise LinkRefusedError(_HAS_ACCOUNT) from None


def open_shop(*, token: Secret, shop: str, person: UUID, at: datetime) -> OpenedShop:
    """Use a link of the signed-in person: create a shop that they own.

    Raises:
        LinkRefusedError: the link is not valid, or is for another address.
        MembershipRefusedError: the shop's name can't be used. Nothing was changed.
    """
    shop, tenant = checked_name(shop), new_id()
    with tenant_scope(tenant, using=accounts_database()):
        email = _consume(token, at)
        if not User.objects.filter(pk=person, email=email).exists():
            raise LinkRefusedError(gettext_noop("This link is for another address."))
        return _open(tenant, shop, person, email, at)


def _consume(token: Secret, at: datetime) -> str:
    """Delete the request of a link and return its address."""
    found = SignUp.objects.filter(token_hash=token_hash(token), expires_at__gt=at)
    one = found.first()
    if one is None or not found.delete()[0]:  # another request used it meanwhile
        raise LinkRefusedError(LINK_REFUSED)
    return one.email


def _open(tenant: UUID, name: str, person: UUID, email: str, at: datetime) -> OpenedShop:
    actor, role = f"user:{person}", MemberRole.OWNER.value
    create_tenant_in_scope(name=name, actor=actor, at=at, tenant=tenant)
    Membership.objects.create(tenant_id=tenant, user_id=person, role=role, since=at)
    _record(Tag.MEMBER_ADDED, actor, actor, at, tenant, role=role)
    return OpenedShop(tenant, name, person, email)


def _record(
    tag: Tag, actor: str, subject: str, at: datetime, tenant: UUID | None = None, **details: str
) -> None:
    record(
        tag,
        actor=actor,
        tenant=tenant,
        subject=subject,
        at=at,
        details=details,
        using=accounts_database(),
    )
