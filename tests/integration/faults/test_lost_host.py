"""A host that is cut off with its sessions at the database: the server ends them, and their locks."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.demo_deployment import ROOT
from tests.integration.deployment import Deployment, deployment
from tests.integration.prober.outside_host import OutsideHost, outside_host

from theseller.postgres.os_processes import wait_until
from theseller.postgres.server_folders import saved_layout

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
_LOCK = 4242
#: The server's own time-out would be two hours.
_PATIENCE = 180.0
_TAKE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("select pg_advisory_lock(%s)", [int(sys.argv[2])])
    print("taken", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def host() -> Iterator[OutsideHost]:
    with outside_host() as made:
        yield made


@pytest.mark.parametrize("role", ["worker", "retention"])
def test_locks_of_a_lost_host_are_free_within_a_minute(host: OutsideHost, role: str) -> None:
    with deployment(emulated=False) as deployed, contextlib.ExitStack() as stack:
        _listen(deployed, host)
        address = (
            f"postgresql://theseller_{role}:{deployed.secret(f'db-{role}')}@{host.public}"
            "/theseller?sslmode=disable"
        )
        lost = stack.enter_context(subprocess.Popen(
            ["ip", "netns", "exec", host.name, sys.executable, "-c", _TAKE, address, str(_LOCK)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ))  # fmt: skip
        stack.callback(lost.kill)
        assert lost.stdout is not None
        assert lost.stdout.readline() == b"taken\n"
        assert not _free(deployed)
        for chain in ("INPUT", "OUTPUT"):
            subprocess.run(
                ["ip", "netns", "exec", host.name, "iptables", "-A", chain, "-j", "DROP"],
                check=True,
            )
        assert wait_until(lambda: _free(deployed), _PATIENCE, step=1.0)


def _listen(deployed: Deployment, host: OutsideHost) -> None:
    """Have the server listen to the host."""
    layout = saved_layout(deployed.state)
    assert layout is not None
    deployed.server.stop()
    with (layout.data / "pg_hba.conf").open("a") as admitted:
        admitted.write(f"host all all {host.own}/32 scram-sha-256\n")
    deployed.server._extra = {**deployed.server._extra, "listen_addresses": host.public}
    deployed.server.ensure_started()


def _free(deployed: Deployment) -> bool:
    """Say whether a session can take the lock."""
    return bool(deployed.rows("select pg_try_advisory_lock(%s)", _LOCK)[0][0])
