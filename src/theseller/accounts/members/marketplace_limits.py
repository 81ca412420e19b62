"""Limit members to some of a shop's marketplaces."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from theseller.accounts.members.change_lock_and_audit import (
    limit_details,
    lock_owners,
    membership_of,
    record_change,
    stored_limit,
)
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.models import Membership
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.edge.database_routing import accounts_database
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.translation_marks import gettext_noop
from theseller.tenancy.tenant_scope import tenant_scope


def limit_member(
    *, person: UUID, marketplaces: Collection[str], tenant: UUID, owner: UUID, at: datetime
) -> bool:
    """Limit what a member sees; return False if it is so already.

    It holds from the member's next request on.

    Args:
        person: the member.
        marketplaces: the IDs of those that they may see; empty for no limit.
        tenant: the shop.
        owner: the owner who changes it.
        at: now.

    Raises:
        MembershipRefusedError: they are not a member or an owner, `owner` is not an owner of the
            shop, or one is no marketplace.
    """
    with tenant_scope(tenant, using=accounts_database()):
        lock_owners(owner)
        membership = membership_of(person)
        limit = checked_marketplaces(marketplaces, MemberRole(membership.role))
        if membership.marketplaces == stored_limit(limit):
            return False
        Membership.objects.filter(tenant_id=tenant, user_id=person).update(
            marketplaces=stored_limit(limit)
        )
        details = limit_details(limit) or {"marketplaces": "all"}
        record_change(
            Tag.MEMBER_MARKETPLACES_CHANGED,
            f"user:{owner}",
            f"user:{person}",
            at,
            tenant,
            **details,
        )
    return True


def checked_marketplaces(marketplaces: Collection[str], role: MemberRole) -> frozenset[str] | None:
    """Return the marketplaces that a member with `role` is to be limited to.

    None for no limit.

    Raises:
        MembershipRefusedError: one is no marketplace, or an owner would be limited.
    """
    limit = frozenset(marketplaces)
    if not limit:
        return None
    if role is MemberRole.OWNER:
        raise MembershipRefusedError(
            gettext_noop("An owner can't be limited to some marketplaces of the shop.")
        )
    if not limit <= MARKETPLACES.keys():
        raise MembershipRefusedError(gettext_noop("Choose marketplaces of the list."))
    return limit
