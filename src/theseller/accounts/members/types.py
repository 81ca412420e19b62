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


class LimitText:
    """The text of a limit to `marketplaces`, None for no limit."""

    __slots__ = ()
    marketplaces: frozenset[str] | None

    @property
    def limit_text(self) -> str:
        """The names of the marketplaces, sorted; "" without a limit."""
        return ", ".join(sorted(MARKETPLACES[one].sales_channel for one in self.marketplaces or ()))


class NotAMemberError(MembershipRefusedError):
    """The change is about a person who is not a member of the shop."""


@dataclass(frozen=True, slots=True)
class Member(LimitText):
    """A member of a shop."""

    person: UUID
    name: str
    email: str
    role: MemberRole
    since: datetime
    marketplaces: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PendingInvitation(LimitText):
    """An invitation that was not used yet."""

    id: UUID
    email: str
    role: MemberRole
    made_at: datetime
    expires_at: datetime
    marketplaces: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class LinkedInvitation(LimitText):
    """The invitation that a link leads to."""

    tenant: UUID
    tenant_name: str
    email: str
    role: MemberRole
    expires_at: datetime
    marketplaces: frozenset[str] | None = None


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
