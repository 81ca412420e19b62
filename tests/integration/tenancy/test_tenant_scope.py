"""The scope of a transaction, and what a process refuses to start on."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, connections
from tests.cast import Cast

from theseller.tenancy.database_startup_checks import UnsafeDatabaseRoleError, refuse_bypassing_role
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import ScopeError, current_tenant, tenant_scope


def test_a_scope_shows_its_tenant_and_no_other(cast: Cast) -> None:
    with tenant_scope(cast.alices_shop):
        assert [tenant.id for tenant in Tenant.objects.all()] == [cast.alices_shop]
        assert current_tenant() == cast.alices_shop


def test_scopes_do_not_nest(cast: Cast) -> None:
    with (
        tenant_scope(cast.alices_shop),
        pytest.raises(ScopeError),
        tenant_scope(cast.charlies_shop),
    ):
        pass


def test_query_without_a_tenant_scope_raises_an_error(cast: Cast) -> None:
    """Fresh connections have no ticket, used ones an empty one: both are refused with an error."""
    with tenant_scope(cast.alices_shop):
        pass
    with pytest.raises(ProgrammingError, match="no tenant scope is open"):
        Tenant.objects.count()
    with pytest.raises(ScopeError):
        current_tenant()


def test_tenant_scope_can_be_opened_after_an_exception_in_another(cast: Cast) -> None:
    with pytest.raises(ZeroDivisionError), tenant_scope(cast.alices_shop):
        raise ZeroDivisionError
    with tenant_scope(cast.charlies_shop):
        assert current_tenant() == cast.charlies_shop


@pytest.mark.parametrize("role", ["web", "worker", "retention"])
def test_the_service_roles_are_bound_by_row_security(role: str) -> None:
    refuse_bypassing_role(role)


def test_a_process_refuses_a_role_that_bypasses_row_security() -> None:
    with pytest.raises(UnsafeDatabaseRoleError, match="theseller_probe"):
        refuse_bypassing_role("probe")


def test_no_role_can_read_the_ticket_key() -> None:
    for role in ("web", "worker", "retention", "probe"):
        with pytest.raises(ProgrammingError), connections[role].cursor() as cursor:
            cursor.execute("select * from guard.ticket_key")
    connection.close()
