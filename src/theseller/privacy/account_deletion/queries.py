"""Find what prevents the deletion of an account.

It is sole ownership of a shop, or being the last operator.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connections as databases

from theseller.accounts.queries import members_of, names_of
from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution
from theseller.privacy.account_deletion.types import SoleOwnership
from theseller.tenancy.tenant_scope import tenant_scope


def solely_owned_shops(person: UUID) -> tuple[tuple[UUID, str], ...]:
    """Return (tenant, name) of shops that only this person owns.

    Shops whose deletion is requested are left out.
    """
    return tuple(
        (row[0], row[1])
        for row in sql_execution.rows(
            databases[accounts_database()],
            "select tenant_id, tenant_name from guard.shops_without_another_owner(%s)",
            [person],
        )
    )


def sole_ownerships(person: UUID) -> tuple[SoleOwnership, ...]:
    """Return the same, each with who could be made an owner."""
    return tuple(
        SoleOwnership(tenant, name, _others(tenant, person))
        for tenant, name in solely_owned_shops(person)
    )


def is_last_operator(person: UUID) -> bool:
    """Return whether this person is the last operator."""
    return bool(
        sql_execution.value(
            databases[accounts_database()], "select guard.is_last_operator(%s)", [person]
        )
    )


def _others(tenant: UUID, person: UUID) -> tuple[tuple[UUID, str], ...]:
    with tenant_scope(tenant, using=accounts_database()):
        members = [one for one in members_of(tenant) if one != person]
    return tuple(sorted(names_of(members).items(), key=lambda one: (one[1], one[0])))
