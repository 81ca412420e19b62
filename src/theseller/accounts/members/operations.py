"""Add shops, invite people, change roles, remove members.

An invited person becomes a member when they use the link, and not before: an invitation gives no
right to an account that someone else may have made with the same address.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.utils.translation import get_language

from theseller.accounts.members.change_lock_and_audit import (
    NOT_A_MEMBER,
    limit_details,
    lock_owners,
    membership_of,
    record_change,
    stored_limit,
)
from theseller.accounts.members.marketplace_limits import checked_marketplaces
from theseller.accounts.members.queries import invitation_of
from theseller.accounts.members.shop_name_and_email_checks import checked_address, checked_name
from theseller.accounts.members.types import (
    Joined,
    LinkedInvitation,
    MembershipRefusedError,
    NewShop,
    NotAMemberError,
)
from theseller.accounts.models import Invitation, Membership, SignUp, User
from theseller.accounts.one_time_link_tokens import (
    VALID_FOR,
    IssuedLink,
    LinkRefusedError,
    issued_link,
    new_token,
    token_hash,
)
from theseller.accounts.operations import create_user
from theseller.accounts.queries import person_by_email
from theseller.accounts.sessions import end_sessions_in_tenant
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop
from theseller.mail.mail_kinds import Invitation as InvitationMail
from theseller.mail.operations import queue_mail
from theseller.mail.types import QueueOutcome
from theseller.tenancy.models import Tenant
from theseller.tenancy.operations import create_tenant_in_scope
from theseller.tenancy.tenant_scope import tenant_scope

#: Why a link is refused. It does not say which of the reasons applies.
LINK_REFUSED = gettext_noop(
    "This link is not valid: it was used, has expired or was replaced by a newer one."
)
_NO_SHOP = gettext_noop("There is no shop with this ID.")
_LAST_OWNER = gettext_noop(
    "This person is the only owner of the shop. Make another member an owner first."
)


def add_shop(*, name: str, owner: str, actor: str, at: datetime, inviter: str = "") -> NewShop:
    """Add a shop and invite its first owner.

    Args:
        name: the shop's name, 1 to 200 characters.
        owner: the owner's email address.
        actor: how the audit log names who adds it.
        at: now.
        inviter: the name that the mail with the link shows; "" sends no mail.

    Raises:
        MembershipRefusedError: the name or the address can't be used.
    """
    name, email, tenant = checked_name(name), checked_address(owner), new_id()
    with tenant_scope(tenant, using=accounts_database()):
        create_tenant_in_scope(name=name, actor=actor, at=at, tenant=tenant)
        link = _invite(email, MemberRole.OWNER, tenant, actor, at)
        return NewShop(tenant, _mailed(link, email, tenant, inviter, at))


def invite(
    *,
    email: str,
    role: MemberRole,
    tenant: UUID,
    actor: str,
    at: datetime,
    owner: UUID | None = None,
    inviter: str = "",
    marketplaces: Collection[str] = (),
) -> IssuedLink:
    """Invite a person to a shop; an earlier invitation of the address ends.

    Args:
        email: the person's address.
        role: what they may do.
        tenant: the shop.
        actor: how the audit log names who invites.
        at: now.
        owner: the owner who invites; None for an operator.
        inviter: the name that the mail with the link shows; "" sends no mail.
        marketplaces: those that the person will be limited to; empty for no limit.

    Raises:
        MembershipRefusedError: there is no such shop, `owner` is not its owner, the person is a
            member already, or the address or the marketplaces can't be used.
    """
    email, limit = checked_address(email), checked_marketplaces(marketplaces, role)
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        _require_shop(tenant)
        person = person_by_email(email)
        if person is not None and Membership.objects.filter(user_id=person).exists():
            raise MembershipRefusedError(
                gettext_noop("This person is a member of the shop already.")
            )
        link = _invite(email, role, tenant, actor, at, limit=limit)
        return _mailed(link, email, tenant, inviter, at)


def invite_first_owner(
    *, email: str, tenant: UUID, actor: str, at: datetime, inviter: str = ""
) -> IssuedLink:
    """Invite an owner of a shop that has none.

    Who else joins a shop is for its owners to decide: an operator who could invite people to every
    shop could invite themselves. `inviter` is the name in the mail with the link; "" sends none.

    Raises:
        MembershipRefusedError: there is no such shop, it has an owner, or the address can't be
            used.
    """
    email = checked_address(email)
    with tenant_scope(tenant, using=accounts_database()):
        _require_shop(tenant)
        if Membership.objects.filter(tenant_id=tenant, role=MemberRole.OWNER.value).exists():
            raise MembershipRefusedError(
                gettext_noop("This shop has an owner, who invites its members.")
            )
        link = _invite(email, MemberRole.OWNER, tenant, actor, at)
        return _mailed(link, email, tenant, inviter, at)


def withdraw_invitation(
    *, invitation: UUID, tenant: UUID, actor: str, at: datetime, owner: UUID | None = None
) -> bool:
    """End an invitation; return False if there is none.

    Raises:
        MembershipRefusedError: `owner` is not an owner of the shop.
    """
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        if not Invitation.objects.filter(tenant_id=tenant, id=invitation).delete()[0]:
            return False
        record_change(Tag.INVITATION_WITHDRAWN, actor, f"invitation:{invitation}", at, tenant)
    return True


def join_as_new_user(*, token: Secret, name: str, password: Secret, at: datetime) -> Joined:
    """Use an invitation: create the account and make it a member.

    Raises:
        LinkRefusedError: the link is not valid, or the address has an account.
    """
    found = _linked(token, at)
    with tenant_scope(found.tenant, using=accounts_database()):
        _consume(token, at)
        if person_by_email(found.email) is not None:
            raise LinkRefusedError(
                gettext_noop(
                    "There is an account with this address. Sign in with it, then open the link"
                    " again."
                )
            )
        person = create_user(email=found.email, name=name, password=password, at=at)
        SignUp.objects.filter(email=found.email).delete()  # its row names no account yet
        record_change(Tag.ACCOUNT_CREATED, f"user:{person}", f"user:{person}", at, found.tenant)
        return _add(found, person, at)


def join(*, token: Secret, person: UUID, at: datetime) -> Joined:
    """Use an invitation of the signed-in person: make them a member.

    Raises:
        LinkRefusedError: the link is not valid, or is for another address.
    """
    found = _linked(token, at)
    if not User.objects.filter(pk=person, email=found.email).exists():
        raise LinkRefusedError(gettext_noop("This invitation is for another address."))
    with tenant_scope(found.tenant, using=accounts_database()):
        _consume(token, at)
        return _add(found, person, at)


def change_role(
    *,
    person: UUID,
    role: MemberRole,
    tenant: UUID,
    actor: str,
    at: datetime,
    owner: UUID | None = None,
) -> bool:
    """Change a member's role; return False if they have it already.

    Args:
        person: the member.
        role: what they may do from now on.
        tenant: the shop.
        actor: how the audit log names who changes it.
        at: now.
        owner: the owner who changes it; None for an operator.

    Raises:
        MembershipRefusedError: they are not a member, `owner` is not an owner of the shop, or the
            shop would have no owner.
    """
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        membership = membership_of(person)
        if membership.role == role:
            return False
        if membership.role == MemberRole.OWNER:
            _require_another_owner(person, tenant)
            _withdraw_all(tenant, actor, at)
        _set_role(person, role, tenant, actor, at)
    return True


def transfer_ownership(*, person: UUID, tenant: UUID, owner: UUID, at: datetime) -> None:
    """Make a member an owner, and the `owner` who transfers it an analyst.

    Raises:
        MembershipRefusedError: one is not a member, or `owner` is not an owner.
    """
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        if person == owner:
            raise MembershipRefusedError(
                gettext_noop("The ownership can be transferred to another member only.")
            )
        actor = f"user:{owner}"
        if membership_of(person).role != MemberRole.OWNER:
            _set_role(person, MemberRole.OWNER, tenant, actor, at)
        _set_role(owner, MemberRole.ANALYST, tenant, actor, at)
        _withdraw_all(tenant, actor, at)


def remove_member(
    *, person: UUID, tenant: UUID, actor: str, at: datetime, owner: UUID | None = None
) -> None:
    """Remove a member and end their sessions in the shop at once.

    Raises:
        MembershipRefusedError: there is no such shop, they are not a member, or its only owner, or
            `owner` (None for an operator) is not an owner of the shop.
    """
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        _require_shop(tenant)
        if membership_of(person).role == MemberRole.OWNER:
            _require_another_owner(person, tenant)
            _withdraw_all(tenant, actor, at)
        if not Membership.objects.filter(tenant_id=tenant, user_id=person).delete()[0]:
            raise NotAMemberError(NOT_A_MEMBER)
        record_change(Tag.MEMBER_REMOVED, actor, f"user:{person}", at, tenant)
        end_sessions_in_tenant(person, tenant)


def _require_shop(tenant: UUID) -> None:
    if not Tenant.objects.using(accounts_database()).filter(id=tenant).exists():
        raise MembershipRefusedError(_NO_SHOP)


def _invite(
    email: str,
    role: MemberRole,
    tenant: UUID,
    actor: str,
    at: datetime,
    *,
    limit: frozenset[str] | None = None,
) -> IssuedLink:
    token, invitation, expires_at = new_token(), new_id(), at + VALID_FOR
    Invitation.objects.filter(tenant_id=tenant, email=email).delete()
    Invitation.objects.create(
        tenant_id=tenant,
        id=invitation,
        token_hash=token_hash(token),
        email=email,
        role=role.value,
        user_id=person_by_email(email),
        made_at=at,
        expires_at=expires_at,
        marketplaces=stored_limit(limit),
    )
    subject, details = f"invitation:{invitation}", limit_details(limit)
    record_change(Tag.INVITATION_MADE, actor, subject, at, tenant, role=role.value, **details)
    return issued_link("accounts:join", token, expires_at)


def _withdraw_all(tenant: UUID, actor: str, at: datetime) -> None:
    """End all invitations of the shop.

    Someone who stops being an owner may have kept their links.
    """
    for invitation in Invitation.objects.filter(tenant_id=tenant):
        Invitation.objects.filter(tenant_id=tenant, id=invitation.id).delete()
        record_change(Tag.INVITATION_WITHDRAWN, actor, f"invitation:{invitation.id}", at, tenant)


def _mailed(link: IssuedLink, email: str, tenant: UUID, inviter: str, at: datetime) -> IssuedLink:
    """Queue the mail of an invitation; the link says whether it is mailed."""
    if not inviter:
        return link
    shop = Tenant.objects.using(accounts_database()).get(id=tenant).name
    queued = queue_mail(
        InvitationMail(link.address.reveal(), link.expires_at, shop, inviter),
        recipient=email,
        idempotency_key=f"invitation:{new_id()}",
        at=at,
        # Of the request: who is invited to a shop speaks the language of its people, we assume.
        language=get_language() or "",
    )
    return replace(link, mailed=queued.outcome is QueueOutcome.QUEUED)


def _linked(token: Secret, at: datetime) -> LinkedInvitation:
    found = invitation_of(token, at=at)
    if found is None:
        raise LinkRefusedError(LINK_REFUSED)
    return found


def _consume(token: Secret, at: datetime) -> None:
    used = Invitation.objects.filter(token_hash=token_hash(token), expires_at__gt=at).delete()
    if not used[0]:  # another request used it meanwhile
        raise LinkRefusedError(LINK_REFUSED)


def _add(found: LinkedInvitation, person: UUID, at: datetime) -> Joined:
    _, added = Membership.objects.get_or_create(
        tenant_id=found.tenant,
        user_id=person,
        defaults={
            "role": found.role.value,
            "since": at,
            "marketplaces": stored_limit(found.marketplaces),
        },
    )
    if added:
        subject, details = f"user:{person}", limit_details(found.marketplaces)
        record_change(
            Tag.MEMBER_ADDED, subject, subject, at, found.tenant, role=found.role.value, **details
        )
    return Joined(person, found.tenant, found.tenant_name)


def _set_role(person: UUID, role: MemberRole, tenant: UUID, actor: str, at: datetime) -> None:
    changed: dict[str, object] = {"role": role.value}
    if role is MemberRole.OWNER:  # An owner is never limited, nor after that by an older limit.
        changed["marketplaces"] = None
    Membership.objects.filter(tenant_id=tenant, user_id=person).update(**changed)
    record_change(Tag.MEMBER_ROLE_CHANGED, actor, f"user:{person}", at, tenant, role=role.value)


def _require_another_owner(person: UUID, tenant: UUID) -> None:
    """Refuse to leave the shop without an owner.

    An owner who requested the deletion of their own account does not count. Call it after
    `lock_owners`.
    """
    owners = Membership.objects.filter(tenant_id=tenant, role=MemberRole.OWNER.value)
    alone = sql_execution.rows(
        connections[accounts_database()],
        "select from guard.shops_without_another_owner(%s) where tenant_id = %s",
        [person, tenant],
    )
    if alone or not owners.exclude(user_id=person).exists():
        raise MembershipRefusedError(_LAST_OWNER)
