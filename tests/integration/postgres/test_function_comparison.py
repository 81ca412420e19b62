"""`sql/functions.txt` is what a new database has, and a changed body shows.

With THESELLER_WRITE_DOCS=1 this test writes it again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import psycopg
import pytest
from tests.database import test_server

import theseller.postgres
from theseller.controls.catalogue.net_tenant_isolation import _WINDOWS, reviewed_bypasses
from theseller.postgres.function_comparison import (
    compare_functions,
    expected_functions,
    read_functions,
)
from theseller.postgres.role_setup import CROSS_TENANT_ROLES

_FILE = Path(theseller.postgres.__file__).parent / "sql" / "functions.txt"
_HEAD = """\
# The functions of the database that were reviewed, each with a hash of its body and attributes. \
Written by a test from a new
# database, after a review of what changed: \
THESELLER_WRITE_DOCS=1 pytest tests/integration/postgres/test_function_comparison.py
# The control net-tenant-isolation compares the live database with it: \
not a line more, not a line less.
"""


def test_functions_file_equals_the_functions_of_a_new_database(database: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        found, version = read_functions(connection.cursor()), connection.info.server_version
    if os.environ.get("THESELLER_WRITE_DOCS"):
        assert version >= 180_000, (
            "write the file on the newest PostgreSQL that is supported: older ones have a function"
            " more"
        )
        _FILE.write_text(_HEAD + "\n".join(found) + "\n")
    assert len(found) > 30
    assert not compare_functions(found, expected_functions(server_version=version)), (
        "if that is meant: " + _HEAD.splitlines()[1].removeprefix("# ")
    )


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("alter function guard.ticket_tenant() parallel safe", "guard.ticket_tenant()"),
        ("alter function guard.ticket_tenant() reset search_path", "guard.ticket_tenant()"),
        ("create function guard.extra() returns int language sql as 'select 1'", "guard.extra()"),
        (("create schema elsewhere create table t (a int); create function elsewhere.f() returns"
            " int language sql security definer as 'select 1'"),
         "elsewhere.f()"),
        ("alter function guard.tenants_of(uuid) leakproof", "guard.tenants_of(person uuid)"),
    ],
)  # fmt: skip
def test_changed_database_function_is_reported(database: str, change: str, shown: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        connection.execute(change.encode())
        expected = expected_functions(server_version=connection.info.server_version)
        assert compare_functions(read_functions(connection.cursor()), expected).extra == (shown,)
        connection.rollback()


def test_an_older_server_has_the_function_that_18_brings_itself(database: str) -> None:
    """Made here whatever the server is, so that its hash is compared with grants.sql on each."""
    grants = _FILE.with_name("grants.sql").read_text()
    (create,) = re.findall(
        r"create or replace function guard\.clear_samples.*?\)';", grants, re.DOTALL
    )
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        connection.execute(create.encode())
        found = read_functions(connection.cursor())
        windows = connection.execute(
            _WINDOWS.encode(), [list(CROSS_TENANT_ROLES), sorted(reviewed_bypasses())]
        ).fetchall()
        connection.rollback()
    assert windows == [], "the control of isolation takes it for a way around row security"
    assert not compare_functions(found, expected_functions(server_version=170_000))
    assert compare_functions(found, expected_functions()).extra == (
        "guard.clear_samples(relation regclass, inherited boolean)",
    )
