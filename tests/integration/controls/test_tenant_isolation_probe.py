"""The control of tenant isolation has a row to find and a row to miss in each run.

On a deployment without a shop too.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.cast import NOON
from tests.database import test_server

from theseller.config.database_settings import served_aliases
from theseller.config.environment import ProcessRole
from theseller.controls.catalogue.net_tenant_isolation import probe
from theseller.controls.probe_tools.probe_context import live_context
from theseller.controls.types import Failed, Passed, Unknown
from theseller.tenancy.database_startup_checks import (
    UnsafeDatabaseRoleError,
    refuse_unsafe_database,
)

_COST = "update pg_proc set procost = %s where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure"


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        yield connection
        connection.execute(_COST, [0])
        connection.execute("drop policy if exists sabotage on guard.isolation_probe")
        connection.execute("select guard.protect('guard.isolation_probe')")
        connection.execute(
            "insert into guard.isolation_probe select ('00000000-0000-7000-8000-00000000000' ||"
            " one)::uuid from unnest(array['a', 'b']) one on conflict do nothing"
        )


def test_isolation_probe_passes_without_any_shop(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    assert superuser.execute("select count(*) from tenancy_tenant").fetchone() == (0,)
    found = probe(live_context(NOON))
    assert isinstance(found, Passed), found
    assert set(found.observations["roles"]) == {  # type: ignore[arg-type]
        "theseller_worker",
        "theseller_web",
        "theseller_retention",
        "theseller_pii",
    }
    assert "web" in served_aliases(ProcessRole.WORKER), "the control runs in the worker"


@pytest.mark.parametrize("which", ["a", "b"])
def test_isolation_probe_without_one_of_its_rows_is_unknown(
    which: str, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute(
        "delete from guard.isolation_probe where right(tenant_id::text, 1) = %s", [which]
    )
    found = probe(live_context(NOON))
    assert isinstance(found, Unknown), found
    assert "did not see its own two rows" in found.reason


def test_isolation_probe_fails_if_a_ticket_shows_a_row_of_another_shop(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    superuser.execute("create policy sabotage on guard.isolation_probe using (true)")
    superuser.execute("drop policy ticket on guard.isolation_probe")
    found = probe(live_context(NOON))
    assert isinstance(found, Failed), found
    assert any(
        "The ticket of one shop showed 1 row(s) of another." in str(one)
        for one in found.observations["findings"]  # type: ignore[union-attr]
    )


def test_isolation_probe_and_startup_fail_if_conditions_precede_the_policies(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    refuse_unsafe_database()
    superuser.execute(_COST, [1])
    found = probe(live_context(NOON))
    assert isinstance(found, Failed), found
    assert "A condition of a statement is evaluated before the policies." in list(
        found.observations["findings"]  # type: ignore[arg-type]
    )
    with pytest.raises(UnsafeDatabaseRoleError, match="theseller migrate"):
        refuse_unsafe_database()
