"""Read users, memberships and operators."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connections

from theseller.accounts.addresses import canonical_or_empty
from theseller.accounts.models import Membership, Operator, User
from theseller.accounts.types import MemberRole, OperatorEntry, ShopOfPerson
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution


def memberships_of(person: UUID) -> tuple[ShopOfPerson, ...]:
    """Return the shops of `person`, by name, with role and limit in each."""
    return tuple(
        ShopOfPerson(
            tenant,
            name,
            MemberRole(role),
            None if marketplaces is None else frozenset(marketplaces),
        )
        for tenant, name, role, marketplaces in sql_execution.rows(
            connections[accounts_database()],
            "select tenant_id, tenant_name, role, marketplaces from guard.memberships_of(%s)",
            [person],
        )
    )


def is_operator(person: UUID, *, using: str | None = None) -> bool:
    """Say whether `person` operates this deployment."""
    return Operator.objects.using(using).filter(user_id=person).values("user_id").exists()


def operators() -> tuple[OperatorEntry, ...]:
    """Return the operators of this deployment, oldest first."""
    found = {row.user_id: row for row in Operator.objects.all()}
    people = User.objects.filter(id__in=found).values_list("id", "name", "email")
    entries = (
        OperatorEntry(one, name, email, found[one].since, found[one].granted_by)
        for one, name, email in people
    )
    return tuple(sorted(entries, key=lambda entry: (entry.since, entry.email)))


def names_of(people: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of those of `people` who still have an account."""
    return dict(User.objects.filter(id__in=people).values_list("id", "name")) if people else {}


def members_of(tenant: UUID) -> tuple[UUID, ...]:
    """Return the members of the tenant in scope.

    The tenant's scope is open on the accounts' connection.
    """
    return tuple(Membership.objects.filter(tenant_id=tenant).values_list("user_id", flat=True))


def person_by_email(email: str) -> UUID | None:
    """Return the person with this email address, in any case."""
    return User.objects.filter(email=canonical_or_empty(email)).values_list("id", flat=True).first()
