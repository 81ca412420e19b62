"""Guard and record every change of a shop's members."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connections

from theseller.accounts.members.types import MembershipRefusedError, NotAMemberError
from theseller.accounts.models import Membership
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution
from theseller.lib.translation_marks import gettext_noop

NOT_A_MEMBER = gettext_noop("This person is not a member of the shop.")
_NOT_AN_OWNER = gettext_noop("Only an owner of the shop can do this.")


def lock_owners(owner: UUID | None) -> None:
    """Wait for other changes, then require `owner` to be an owner.

    Roles that were read before the lock may have changed: two owners who leave at the same moment
    would each see the other, and a removed owner's request could still invite someone. The deletion
    of accounts takes the same lock.
    """
    sql_execution.execute(
        connections[accounts_database()],
        "select pg_advisory_xact_lock(hashtextextended('account-ends', 0))",
    )
    if owner is not None and membership_of(owner).role != MemberRole.OWNER:
        raise MembershipRefusedError(_NOT_AN_OWNER)


def membership_of(person: UUID) -> Membership:
    """Return the membership of a person in the tenant in scope.

    Raises:
        NotAMemberError: they have none.
    """
    found = Membership.objects.filter(user_id=person).first()
    if found is None:
        raise NotAMemberError(NOT_A_MEMBER)
    return found


def stored_limit(marketplaces: frozenset[str] | None) -> list[str] | None:
    """Return a limit to marketplaces as its column stores it."""
    return None if marketplaces is None else sorted(marketplaces)


def limit_details(marketplaces: frozenset[str] | None) -> dict[str, str]:
    """Return what the audit log says of a limit; nothing without one."""
    return {} if marketplaces is None else {"marketplaces": " ".join(sorted(marketplaces))}


def record_change(
    tag: Tag, actor: str, subject: str, at: datetime, tenant: UUID, **details: str
) -> None:
    """Write a change of members into the audit log."""
    record(
        tag,
        actor=actor,
        tenant=tenant,
        subject=subject,
        at=at,
        details=details,
        using=accounts_database(),
    )
