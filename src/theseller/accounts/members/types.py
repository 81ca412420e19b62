"""Members, invitations, and why a change of them is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.accounts.one_time_link_tokens import IssuedLink
from theseller.accounts.types import MemberRole
from theseller.lib.marketplaces import MARKETPLACES


class MembershipRefusedError(Exception):
    """The change is refused; the text says why, and nothing was changed."""


def marketplace_names(marketplaces: frozenset[str] | None) -> str:
    """Return the names of marketplaces in alphabetical order; "" for None."""
    if marketplaces is None:
        return ""
    return ", ".join(sorted(MARKETPLACES[one].sales_channel for one in marketplaces))


class NotAMemberError(MembershipRefusedError):
    """The change is about a person who is not a member of the shop."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a shop."""

    person: UUID
    name: str
    email: str
    role: MemberRole
    since: datetime
    marketplaces: frozenset[str] | None = None

    @property
    def limit_text(self) -> str:
        """The names of the marketplaces of the limit; "" without one."""
        return marketplace_names(self.marketplaces)


@dataclass(frozen=True, slots=True)
class PendingInvitation:
    """An invitation that was not used yet."""

    id: UUID
    email: str
    role: MemberRole
    made_at: datetime
    expires_at: datetime
    marketplaces: frozenset[str] | None = None

    @property
    def limit_text(self) -> str:
        """The names of the marketplaces of the limit; "" without one."""
        return marketplace_names(self.marketplaces)


@dataclass(frozen=True, slots=True)
class LinkedInvitation:
    """The invitation that a link leads to."""

    tenant: UUID
    tenant_name: str
    email: str
    role: MemberRole
    expires_at: datetime
    marketplaces: frozenset[str] | None = None

    @property
    def limit_text(self) -> str:
        """The names of the marketplaces of the limit; "" without one."""
        return marketplace_names(self.marketplaces)


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of an invitation that was used."""

    person: UUID
    tenant: UUID
    tenant_name: str


@dataclass(frozen=True, slots=True)
class NewShop:
    """A new shop, and the link for its first owner."""

    tenant: UUID
    link: IssuedLink


@dataclass(frozen=True, slots=True)
class ShopLine:
    """One line of the operators' list of shops, with counts."""

    tenant: UUID
    name: str
    created_at: datetime
    members: int
    owners: int
    invitations: int
    connections: int
    being_deleted: bool
