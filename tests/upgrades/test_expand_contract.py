"""A migration takes nothing away that the release before uses, and locks no table for long."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.database import test_server
from tests.sabotage.databases import own_database
from tests.upgrades.compatibility import Schema, contracts, read_schema
from tests.upgrades.numbered import long_locks, new_migrations, new_sql, numbered

from theseller.tenancy.schema_release import OLDEST_RELEASE, RELEASE

_STATE_CHECK = "constraint public.ingest_ledger_line.ingest_ledger_line_state_check"
#: Replaces the constraint that lists the states of a line; without a value, one state less.
_LEDGER_STATES = (
    "alter table ingest_ledger_line drop constraint ingest_ledger_line_state_check, add constraint"
    " ingest_ledger_line_state_check check (state in (%s'estimated', 'deferred', 'released',"
    " 'settled', 'reversed', 'later'))"
)
#: Each statement with a finding that it must give, "" if the release before can live with it.
STATEMENTS = [
    ("drop table mail_message cascade", "relation public.mail_message"),
    ("alter table tenancy_tenant rename to shop", "relation public.tenancy_tenant"),
    ("alter table ingest_product drop column title", "column public.ingest_product.title"),
    ("alter table ingest_product rename column title to t", "column public.ingest_product.title"),
    ("alter table ingest_product add column a int not null", "column public.ingest_product.a"),
    ("alter table ingest_product add column a int not null default 0", ""),
    ("alter table ingest_product add column a int", ""),
    (
        "alter table ingest_product alter column updated_at type text",
        "column public.ingest_product.updated_at",
    ),
    (
        (
            "update guard.deployment set files_since = now(), files_of = repeat('a', 64);"
            " alter table guard.deployment alter column files_of set not null"
        ),
        "column guard.deployment.files_of",
    ),
    (
        "alter table ingest_product add constraint short check (length(title) < 9) not valid",
        "constraint public.ingest_product.short",
    ),
    (_LEDGER_STATES % "'elsewhere', ", ""),
    (_LEDGER_STATES % "", _STATE_CHECK),
    ("create unique index one on ingest_product (title)", "unique index public.ingest_product.one"),
    ("create index further on ingest_product (title)", ""),
    (
        "create trigger t before insert on ingest_product execute function guard.refuse_change()",
        "trigger public.ingest_product.t",
    ),
    ("drop policy tenant on ingest_product", "policy public.ingest_product.tenant"),
    ("drop function guard.shops_of_person(uuid)", "function guard.shops_of_person(uuid)"),
    (
        "revoke select on tenancy_tenant from theseller_web",
        "right theseller_web may select on table public.tenancy_tenant",
    ),
    (
        "create table later (id int primary key check (id > 0)); create view all_later as table later",
        "",
    ),
    ("create function guard.later() returns int return 1", ""),
]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("contract") as name:
        yield name


@pytest.fixture(scope="module")
def before(database: str) -> Schema:
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        found = read_schema(connection)
    assert contracts(found, found) == {}
    return found


@pytest.mark.parametrize(("statement", "finding"), STATEMENTS)
def test_comparison_finds_what_the_release_before_cannot_live_with(
    database: str, before: Schema, statement: str, finding: str
) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        connection.execute(statement.encode())
        found = contracts(before, read_schema(connection))
        connection.rollback()
    assert finding in found if finding else found == {}, found


def test_releases_are_numbered_one_after_the_other() -> None:
    assert [one.release for one in numbered()] == list(range(1, RELEASE))
    assert 1 <= OLDEST_RELEASE <= max(RELEASE - 1, 1), "a release admits the one before it"


def test_contracts_name_a_recorded_release_that_did_without_it() -> None:
    for name, migration in new_migrations():
        for what, since in getattr(migration, "contract", {}).items():
            assert 1 <= since < RELEASE, f"{name}: {what} was still used by the release before"
            assert since <= OLDEST_RELEASE, f"{name}: programs older than {since} can't run"


@pytest.mark.parametrize("name", new_sql())
def test_new_migrations_lock_no_table_for_long(name: str) -> None:
    assert long_locks(new_sql()[name]) == [], f"{name} (docs/develop/migrations.md, Locks)"


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        ("create index a on ingest_order_line (sku)", 1),
        ("create table later (id int); create index a on later (id)", 0),
        ("create unique index if not exists a on only public.later (id)", 1),
        ("alter table later add constraint a check (id > 0)", 1),
        ("alter table later add constraint a check (id > 0) not valid", 0),
        ("alter table later alter column id type bigint; vacuum full later", 2),
        ("-- create index a on later (id)\nalter table later add column b int", 0),
    ],
)
def test_statements_that_lock_a_table_for_long_are_found(sql: str, locks: int) -> None:
    assert len(long_locks(sql)) == locks, long_locks(sql)
