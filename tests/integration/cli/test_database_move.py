"""A database moves to an external server and back, and comes back as it left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests import preloaded
from tests.integration.cli.external_cluster import Cluster, external_cluster
from tests.integration.cli.killed_move import STEPS
from tests.integration.deployment import Deployment, deployment

from theseller.postgres.database_content_digest import Content, read_content
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.transaction_and_wal_continuation import count_beyond, read_counters

_DATABASE = "shops"
_TRANSACTIONS = 20_000
_AUDIT_LINE = """
insert into audit_event (id, at, tag, actor, subject)
values (gen_random_uuid(), now(), 'governance:hold:placed', 'process:test', 'tenant')
"""


#: Of the timeline 11, on which no server of these tests is.
_BACKUP = """
insert into retention_backup (id, key_id, target, begun_at, finished_at, last_segment)
values (gen_random_uuid(), gen_random_uuid(), 'folder', now(), now(), '0000000B0000000000000005')
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Cluster]:
    with external_cluster() as made:
        yield made


@pytest.fixture
def deployed(elsewhere: Cluster) -> Iterator[Deployment]:
    with deployment(emulated=False) as made:
        # A deployment that has run for a while is ahead of a new server.
        count_beyond(made.server.superuser_dsn("theseller"), _TRANSACTIONS, say=print)
        _run(made, _AUDIT_LINE)
        _run(made, "select setval('guard.audit_position', 4711)")
        made.server.stop()
        yield made
    elsewhere.reset()


def _url(elsewhere: Cluster) -> str:
    return f"postgresql:///{_DATABASE}?host={elsewhere.socket}"


def _environ(deployed: Deployment, elsewhere: Cluster, *, external: bool) -> dict[str, str]:
    environ = deployed.environ | {"THESELLER_ADMIN_URL": elsewhere.admin()}
    return environ | {"DATABASE_URL": _url(elsewhere)} if external else environ


def _move(
    deployed: Deployment, elsewhere: Cluster, *, back: bool = False
) -> subprocess.CompletedProcess[str]:
    arguments = ["database", "move", "--to", "embedded" if back else _url(elsewhere)]
    return _theseller(deployed, elsewhere, *arguments, external=back)


def _theseller(
    deployed: Deployment, elsewhere: Cluster, *arguments: str, external: bool
) -> subprocess.CompletedProcess[str]:
    return preloaded.run(
        ["-m", "theseller.cli.main", *arguments],
        environ=_environ(deployed, elsewhere, external=external),
    )


def _killed_move(deployed: Deployment, elsewhere: Cluster, step: str, *, back: bool) -> None:
    """Move the database in a process that is killed after the step."""
    arguments = ["embedded" if back else "external", _url(elsewhere), step]
    done = preloaded.run(
        ["-m", "tests.integration.cli.killed_move", *arguments],
        environ=_environ(deployed, elsewhere, external=back),
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def _may_connect(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select has_database_privilege('theseller_web', current_database(), 'connect')"
        ).fetchone()
    return row == (True,)


def _data(deployed: Deployment) -> Path:
    layout = saved_layout(deployed.state)
    assert layout is not None
    return layout.data


def _run(deployed: Deployment, statements: str) -> None:
    with psycopg.connect(deployed.server.superuser_dsn("theseller")) as connection:
        connection.execute(statements.encode())


def _embedded(deployed: Deployment) -> Content:
    with deployed.server.running():
        return read_content(deployed.server.superuser_dsn("theseller"))


def _seal(deployed: Deployment, elsewhere: Cluster, *, external: bool) -> None:
    """Seal what is new in the audit log, and verify all of it."""
    sealed = _theseller(deployed, elsewhere, "audit", "seal", external=external)
    assert "under 1 new checkpoint" in sealed.stdout, sealed.stdout + sealed.stderr
    verified = _theseller(deployed, elsewhere, "audit", "verify", external=external)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "A checkpoint covers every event." in verified.stdout


def test_database_comes_back_from_an_external_server_as_it_left(
    deployed: Deployment, elsewhere: Cluster
) -> None:
    with deployed.server.running():
        _seal(deployed, elsewhere, external=False)
    before = _embedded(deployed)
    _killed_move(deployed, elsewhere, "closed", back=False)
    with deployed.server.running():
        assert not _may_connect(deployed.server.superuser_dsn("theseller"))
    served = _theseller(deployed, elsewhere, "status", external=False)
    assert "A move of the database to an external server was interrupted" in served.stderr

    done = _move(deployed, elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It is undone" in done.stdout
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
    _seal(deployed, elsewhere, external=True)
    with psycopg.connect(elsewhere.admin(_DATABASE)) as connection:
        connection.execute(_BACKUP.encode())
    there = read_content(elsewhere.admin(_DATABASE))

    _killed_move(deployed, elsewhere, "closed", back=True)
    assert not _may_connect(elsewhere.admin(_DATABASE))
    started = _theseller(deployed, elsewhere, "postgres", "start", external=False)
    assert started.returncode == 1
    assert "theseller database recover" in started.stderr
    recovered = _theseller(deployed, elsewhere, "database", "recover", external=True)
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert _may_connect(elsewhere.admin(_DATABASE))

    done = _move(deployed, elsewhere, back=True)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {**there.tables, host: before.tables[host]}
    assert _embedded(deployed) == replace(before, tables=tables, sequences=there.sequences)
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(elsewhere.admin(_DATABASE))
    with deployed.server.running():
        _seal(deployed, elsewhere, external=False)
        counters = read_counters(deployed.server.superuser_dsn("theseller"))
    assert counters.segment[:8] == "0000000C", "WAL could have names of the last backup's"


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

    # The second call drops the empty copy that the first has left.
    done = _move(deployed, elsewhere)
    assert done.returncode == 1
    assert f"dropping the incomplete copy {_DATABASE}" in done.stdout
    assert "The copy failed" in done.stderr
    elsewhere.execute(f"comment on database {_DATABASE} is null")
    done = _move(deployed, elsewhere)
    assert done.returncode == 1
    assert f"The database {_DATABASE} exists on that server" in done.stderr
    assert _embedded(deployed) == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", STEPS)
def test_move_that_is_killed_is_undone_or_finished(
    deployed: Deployment, elsewhere: Cluster, step: str
) -> None:
    before = _embedded(deployed)
    finished, proven = step == "finished", step in {"proven", "finished"}
    for back in (False, True):
        _killed_move(deployed, elsewhere, step, back=back)
        if not finished:
            served = _theseller(deployed, elsewhere, "status", external=back)
            assert "was interrupted" in served.stderr
        recovered = _theseller(deployed, elsewhere, "database", "recover", external=back)
        assert recovered.returncode == 0, recovered.stdout + recovered.stderr
        assert ("It is undone" in recovered.stdout) is not proven
        assert ("Now: 1." in recovered.stdout) is (proven and not finished)
        if not proven:
            if back:
                assert _may_connect(elsewhere.admin(_DATABASE))
                assert not _data(deployed).exists()
            else:
                assert _embedded(deployed) == before
                with deployed.server.running():
                    assert _may_connect(deployed.server.superuser_dsn("theseller"))
            done = _move(deployed, elsewhere, back=back)
            assert done.returncode == 0, done.stdout + done.stderr
        if not back:
            assert not _data(deployed).exists()
            assert _may_connect(elsewhere.admin(_DATABASE))
    assert _embedded(deployed) == before
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(elsewhere.admin(_DATABASE))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("back", "command"), [(False, "postgres"), (True, "migrate")])
def test_services_own_start_undoes_a_killed_move(
    deployed: Deployment, elsewhere: Cluster, command: str, *, back: bool
) -> None:
    if back:
        assert _move(deployed, elsewhere).returncode == 0
    _killed_move(deployed, elsewhere, "copied", back=back)
    if command == "migrate":
        done = _theseller(deployed, elsewhere, "migrate", external=back)
        assert done.returncode == 0, done.stdout + done.stderr
        assert _may_connect(elsewhere.admin(_DATABASE))
        return
    with subprocess.Popen(
        [sys.executable, "-m", "theseller.cli.main", "postgres", "start"],
        env=deployed.environ, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        while "runs: socket" not in (line := running.stdout.readline()):
            assert line, "it ended"
        assert _may_connect(deployed.server.superuser_dsn("theseller"))
        served = _theseller(deployed, elsewhere, "status", external=False)
        assert "was interrupted" not in served.stderr
        running.send_signal(signal.SIGINT)


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
