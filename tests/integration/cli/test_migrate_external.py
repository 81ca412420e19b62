"""The first `theseller migrate` on an external server succeeds with one address.

At once, whatever is there; and what it refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.cli.external_cluster import Cluster, external_cluster

from theseller.cli.main import main


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with external_cluster() as found:
        yield found


@pytest.mark.parametrize(
    ("admin", "before", "message"),
    [
        ("", "", "created the database shopdata"),
        pytest.param(
            "postgres",
            "create database shopdata",
            "the database shopdata belongs to theseller_owner now; before, to postgres",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_first_migrate_of_an_external_server_succeeds(
    cluster: Cluster, tmp_path: Path, admin: str, before: str, message: str
) -> None:
    cluster.reset()
    if before:
        cluster.execute(before)
    answer = cluster.run("shopdata", tmp_path / "state", admin=cluster.admin(admin))
    assert answer.returncode == 0, answer.stderr
    assert "created the roles of TheSeller" in answer.stdout
    assert message in answer.stdout
    assert cluster.execute("select environment from guard.deployment", "shopdata") == [("demo",)]
    assert cluster.execute(
        "select rolcanlogin, rolreplication from pg_roles where rolname = 'theseller_backup'"
    ) == [(False, False)]
    if not before:
        again = cluster.run("shopdata", tmp_path / "state", admin=cluster.admin("shopdata"))
        assert again.returncode == 0, again.stderr
        assert "created" not in again.stdout


def test_a_database_that_holds_something_else_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.reset()
    cluster.execute("create database wiki")
    cluster.execute("create table pages (id int)", "wiki")
    answer = cluster.run("wiki", tmp_path / "state", admin=cluster.admin())
    assert answer.returncode == 1
    assert "contains data that is not TheSeller's. Nothing was changed." in answer.stderr
    assert cluster.execute("select from pg_roles where starts_with(rolname, 'theseller_')") == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"THESELLER_ADMIN_URL": ""}, "migrating it needs its administrator"),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@db.example/"},
            "must say sslmode=verify-full",
        ),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@db.example/?sslmode=require"},
            "must say sslmode=verify-full",
        ),
        ({"THESELLER_ADMIN_URL": "postgresql://postgres@db.example:port/?x=y"}, "can't be read"),
        (
            {"THESELLER_ADMIN_URL": "postgresql://postgres@/?host=/nowhere"},
            "No database listens at /nowhere/.s.PGSQL.5432.",
        ),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    message: str,
) -> None:
    state = tmp_path / "state"
    for name, value in {
        "DATABASE_URL": "postgresql:///shopdata?host=/nowhere",
        "THESELLER_STATE": str(state),
        **variables,
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["migrate"]) == 1
    assert message in capsys.readouterr().err
    assert not state.exists()
