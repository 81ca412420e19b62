"""Permissions, roles, tenant contexts and other values of `accounts`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.translation_marks import gettext_noop


class MemberRole(StrEnum):
    """What a member may do.

    An owner may do everything, an analyst imports, exports, enters costs and replenishment
    settings, and prints packing slips, an accountant exports, a viewer reads.
    """

    ACCOUNTANT = "accountant"
    ANALYST = "analyst"
    OWNER = "owner"
    VIEWER = "viewer"

    @property
    def label(self) -> str:
        """The role's name in English, marked for translation."""
        return _ROLE_LABELS[self]


_ROLE_LABELS = {
    MemberRole.ACCOUNTANT: gettext_noop("Accountant"),
    MemberRole.ANALYST: gettext_noop("Analyst"),
    MemberRole.OWNER: gettext_noop("Owner"),
    MemberRole.VIEWER: gettext_noop("Viewer"),
}


class Permission(StrEnum):
    """A right inside one tenant, `resource:action`, in alphabetical order."""

    ACTIVITY_READ = "activity:read"
    CERTIFICATE_READ = "certificate:read"
    CONNECTION_MANAGE = "connection:manage"
    CONNECTION_READ = "connection:read"
    COST_MANAGE = "cost:manage"
    DASHBOARD_EXPORT = "dashboard:export"
    DASHBOARD_READ = "dashboard:read"
    DATA_EXPORT = "data:export"
    DATA_READ = "data:read"
    DOCUMENT_IMPORT = "document:import"
    EXPENSE_MANAGE = "expense:manage"
    MEMBER_MANAGE = "member:manage"
    REPLENISHMENT_MANAGE = "replenishment:manage"
    SHOP_DELETE = "shop:delete"
    SLIP_PRINT = "slip:print"
    BUYER_PII_MANAGE = "buyer_pii:manage"


#: What a member who is limited to some marketplaces may do at most: pages whose queries apply the
#: limit. What is about the whole shop, and what applies no limit, is for members without one.
LIMITED_PERMISSIONS = frozenset({Permission.DASHBOARD_EXPORT, Permission.DASHBOARD_READ})


PERMISSIONS: dict[MemberRole, frozenset[Permission]] = {
    MemberRole.OWNER: frozenset(Permission),
    MemberRole.ANALYST: frozenset(
        {
            Permission.CERTIFICATE_READ,
            Permission.CONNECTION_READ,
            Permission.COST_MANAGE,
            Permission.DASHBOARD_EXPORT,
            Permission.DASHBOARD_READ,
            Permission.DATA_READ,
            Permission.DOCUMENT_IMPORT,
            Permission.EXPENSE_MANAGE,
            Permission.REPLENISHMENT_MANAGE,
            Permission.SLIP_PRINT,
        }
    ),
    MemberRole.ACCOUNTANT: frozenset(
        {
            Permission.CERTIFICATE_READ,
            Permission.CONNECTION_READ,
            Permission.DASHBOARD_EXPORT,
            Permission.DASHBOARD_READ,
            Permission.DATA_READ,
            Permission.EXPENSE_MANAGE,
        }
    ),
    MemberRole.VIEWER: frozenset(
        {
            Permission.CERTIFICATE_READ,
            Permission.CONNECTION_READ,
            Permission.DASHBOARD_READ,
            Permission.DATA_READ,
        }
    ),
}


_OPERATOR_PERMISSIONS = frozenset({Permission.CONNECTION_READ, Permission.DASHBOARD_READ})


def permissions_of(role: MemberRole, marketplaces: frozenset[str] | None) -> frozenset[Permission]:
    """Return what a member may do with this role and limit; None is no limit."""
    return PERMISSIONS[role] if marketplaces is None else PERMISSIONS[role] & LIMITED_PERMISSIONS


@dataclass(frozen=True, slots=True)
class ShopOfPerson:
    """A shop that a person belongs to.

    `marketplaces` are those that they are limited to, None without a limit.
    """

    tenant: UUID
    name: str
    role: MemberRole
    marketplaces: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class AccessSessionRef:
    """The operator's access session that a request runs in."""

    id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TenantContext:
    """A signed-in person in one tenant with one role.

    An operator, while `access_session` is open. `marketplaces` are those that the member is limited
    to, None without a limit.
    """

    person: UUID
    person_name: str
    tenant: UUID
    tenant_name: str
    role: MemberRole
    access_session: AccessSessionRef | None = None
    marketplaces: frozenset[str] | None = None

    @property
    def actor(self) -> str:
        """How the audit log names this person."""
        return f"{'user' if self.access_session is None else 'operator'}:{self.person}"

    def may(self, permission: Permission) -> bool:
        """Return whether the role and the limit to marketplaces allow it.

        An access session only allows reading the dashboard and the list of connections.
        """
        if self.access_session is not None and permission not in _OPERATOR_PERMISSIONS:
            return False
        return permission in permissions_of(self.role, self.marketplaces)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator whose session has proven a second factor."""

    person: UUID
    person_name: str

    @property
    def actor(self) -> str:
        """How the audit log names this person."""
        return f"operator:{self.person}"


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """One line of the list of operators: who, since when, and by whose grant."""

    person: UUID
    name: str
    email: str
    since: datetime
    granted_by: str
