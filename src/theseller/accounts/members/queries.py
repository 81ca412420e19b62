"""Read members, invitations and shops."""

from __future__ import annotations

from datetime import datetime

from django.db import connections

from theseller.accounts.members.types import (
    LinkedInvitation,
    Member,
    PendingInvitation,
    ShopLine,
)
from theseller.accounts.models import Invitation, Membership, User
from theseller.accounts.one_time_link_tokens import token_hash
from theseller.accounts.types import MemberRole
from theseller.edge.database_routing import accounts_database, operators_database
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret


def members() -> tuple[Member, ...]:
    """Return the members of the tenant in scope, by name.

    The tenant's scope is open on the accounts' connection.
    """
    found = {row.user_id: row for row in Membership.objects.all()}
    people = User.objects.filter(id__in=found).values_list("id", "name", "email")
    lines = (
        Member(
            one,
            name,
            email,
            MemberRole(found[one].role),
            found[one].since,
            _limit(found[one].marketplaces, found[one].role),
        )
        for one, name, email in people
    )
    return tuple(sorted(lines, key=lambda line: (line.name.casefold(), line.email)))


def pending_invitations(*, at: datetime) -> tuple[PendingInvitation, ...]:
    """Return the valid invitations of the tenant in scope, newest first.

    The tenant's scope is open on the accounts' connection.
    """
    return tuple(
        PendingInvitation(
            row.id,
            row.email,
            MemberRole(row.role),
            row.made_at,
            row.expires_at,
            _limit(row.marketplaces, row.role),
        )
        for row in Invitation.objects.filter(expires_at__gt=at).order_by("-made_at", "email")
    )


def invitation_of(token: Secret, *, at: datetime) -> LinkedInvitation | None:
    """Return the invitation of a link; None if it is not valid.

    It was used, has expired or was withdrawn.
    """
    row = sql_execution.one(
        connections[accounts_database()],
        "select tenant_id, tenant_name, email, role, expires_at, marketplaces"
        " from guard.linked_invitation(%s, %s)",
        [token_hash(token), at],
    )
    if row is None:
        return None
    tenant, name, email, role, expires_at, marketplaces = row
    return LinkedInvitation(
        tenant, name, email, MemberRole(role), expires_at, _limit(marketplaces, role)
    )


def _limit(marketplaces: list[str] | None, role: str) -> frozenset[str] | None:
    """Return a stored limit to marketplaces; an owner has none."""
    return None if marketplaces is None or role == MemberRole.OWNER else frozenset(marketplaces)


def shops(*, at: datetime) -> tuple[ShopLine, ...]:
    """Return all shops with counts, by name, for operators."""
    return tuple(
        ShopLine(*row)
        for row in sql_execution.rows(
            connections[operators_database()],
            "select tenant_id, tenant_name, created_at, members, owners, invitations, connections,"
            " being_deleted from guard.shops(%s)",
            [at],
        )
    )
