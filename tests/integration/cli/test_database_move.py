"""A database moves to an external server and back, and comes back as it left."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from tests import preloaded
from tests.integration.cli.external_cluster import Cluster, external_cluster
from tests.integration.deployment import Deployment, deployment

from theseller.postgres.database_copy import Content, read_content
from theseller.postgres.server_folders import saved_layout

_DATABASE = "shops"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Cluster]:
    with external_cluster() as made:
        yield made


@pytest.fixture
def deployed(elsewhere: Cluster) -> Iterator[Deployment]:
    with deployment(emulated=False) as made:
        _run(made, "select setval('guard.audit_position', 4711)")
        made.server.stop()
        yield made
    elsewhere.reset()


def _move(
    deployed: Deployment, elsewhere: Cluster, *, back: bool = False
) -> subprocess.CompletedProcess[str]:
    url = f"postgresql:///{_DATABASE}?host={elsewhere.socket}"
    environ = deployed.environ | {"THESELLER_ADMIN_URL": elsewhere.admin()}
    arguments = ["database", "move", "--to", "embedded" if back else url]
    return preloaded.run(
        ["-m", "theseller.cli.main", *arguments],
        environ=environ | {"DATABASE_URL": url} if back else environ,
    )


def _run(deployed: Deployment, statements: str) -> None:
    with psycopg.connect(deployed.server.superuser_dsn("theseller")) as connection:
        connection.execute(statements.encode())


def _embedded(deployed: Deployment) -> Content:
    with deployed.server.running():
        return read_content(deployed.server.superuser_dsn("theseller"))


def test_database_comes_back_from_an_external_server_as_it_left(
    deployed: Deployment, elsewhere: Cluster
) -> None:
    before = _embedded(deployed)
    done = _move(deployed, elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(before.tables)} tables with" in done.stdout
    layout = saved_layout(deployed.state)
    assert layout is not None
    assert not layout.data.exists()
    assert list(layout.home.glob("data.replaced-*"))

    there = read_content(elsewhere.admin(_DATABASE))
    host = "guard.deployment"  # it names the folder that has the secrets
    assert {**there.tables, host: before.tables[host]} == before.tables
    assert there.tables[host] != before.tables[host]
    assert there.sequences == before.sequences
    assert there.sequences["guard.audit_position"] == "4711"

    done = _move(deployed, elsewhere, back=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _embedded(deployed) == before
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(elsewhere.admin(_DATABASE))


@pytest.mark.exhaustive
def test_failed_copy_leaves_the_original_open_and_unchanged(
    deployed: Deployment, elsewhere: Cluster
) -> None:
    with deployed.server.running():
        # The other server has no such role.
        _run(
            deployed,
            "create role other; create table public.of_another (id int);"
            " alter table public.of_another owner to other",
        )
    before = _embedded(deployed)
    done = _move(deployed, elsewhere)
    assert done.returncode == 1
    assert "The copy failed" in done.stderr
    assert _embedded(deployed) == before
    tables = "select count(*) from pg_class where relname = 'tenancy_tenant'"
    assert elsewhere.execute(tables, _DATABASE) == [(0,)]

    done = _move(deployed, elsewhere)
    assert done.returncode == 1
    assert f"The database {_DATABASE} exists on that server" in done.stderr
    assert _embedded(deployed) == before


@pytest.mark.exhaustive
def test_database_that_is_in_use_is_not_moved(deployed: Deployment, elsewhere: Cluster) -> None:
    before = _embedded(deployed)
    with deployed.server.running():
        done = _move(deployed, elsewhere)
        assert done.returncode == 1, done.stdout
        assert "already run by process" in done.stderr
    other = deployed.state / ".theseller-state"
    with subprocess.Popen(["flock", "--shared", str(other), "sleep", "120"]) as user:
        done = _move(deployed, elsewhere)
        user.terminate()
    assert done.returncode == 1
    assert "A process of this deployment runs" in done.stderr
    assert _embedded(deployed) == before


@pytest.mark.exhaustive
def test_fingerprint_finds_each_change(deployed: Deployment, elsewhere: Cluster) -> None:
    def document() -> dict[str, object]:
        done = deployed.theseller("database", "fingerprint")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    with deployed.server.running():
        before = document()
        assert document() == before
        for statement, part in (
            ("update tenancy_tenant set name = name || 'x'", "tables"),
            ("select nextval('guard.audit_position')", "sequences"),
            ("revoke select on tenancy_tenant from theseller_web", "rights"),
        ):
            _run(deployed, statement)
            after = document()
            assert [name for name in after if after[name] != before[name]] == [part]
            before = after
