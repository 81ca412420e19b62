"""A prober in a network namespace of its own tests the product behind the shipped nginx."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from tests.conftest import as_role
from tests.database import test_server
from tests.demo_deployment import free_ports
from tests.integration.edge.behind_nginx import HOST, OPERATOR_SETTINGS, Site, behind_nginx
from tests.integration.prober.outside_host import OutsideHost, outside_host

from theseller.config.shared_setting_hashes import setting_hashes
from theseller.controls.operations import run_control
from theseller.controls.prober_reports.operations import add_prober, remove_prober
from theseller.controls.types import Status
from theseller.lib import clock
from theseller.tenancy.host_reports_and_clocks import report_host

#: A run of the prober sends over a hundred requests, one after the other.
pytestmark = pytest.mark.timeout(1200)
URL = f"https://{HOST}"
CONTROLS = ("net-tls", "net-db-private", "net-edge", "net-rate-limit", "page-contact")


@dataclass(frozen=True, slots=True)
class Outside:
    """The product's public address, and another host with a registered prober."""

    site: Site
    host: OutsideHost
    key: Path

    def probe(self, name: str = "test-host") -> str:
        """Run the prober once; return what it printed."""
        done = self.host.theseller(
            "prober", "run", URL, name, str(self.key),
            environ={"SSL_CERT_FILE": str(self.site.folder / "fullchain.pem")},
        )  # fmt: skip
        return done.stdout + done.stderr


@contextlib.contextmanager
def site_and_prober(
    database: str, key: Path, name: str, changes: Mapping[str, str] | None = None
) -> Iterator[Outside]:
    """Serve the product to another host, and register a prober there."""
    with (
        outside_host(HOST) as host,
        behind_nginx(
            f"postgresql:///{database}?host={test_server().socket_dir}",
            public=host.public,
            changes=changes,
        ) as site,
        override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, public_url=URL)),
    ):
        made = host.theseller("prober", "key", str(key))
        assert made.returncode == 0, made.stderr
        public = bytes.fromhex(made.stdout.strip())
        with as_role("migrate"):
            add_prober(name=name, public_key=public, actor="process:test", at=clock.now())
        yield Outside(site, host, key)
        with as_role("migrate"):
            remove_prober(name=name, actor="process:test", at=clock.now())


@pytest.fixture(scope="module")
def outside(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    key = tmp_path_factory.mktemp("prober") / "prober.key"
    with site_and_prober(database, key, "test-host") as made:
        yield made


def test_controls_pass_by_the_report_of_a_prober_outside_only(outside: Outside) -> None:
    before = {control: run_control(control, at=clock.now()) for control in CONTROLS}
    assert {one.outcome for one in before.values()} == {Status.UNKNOWN}
    assert all("it has sent no report yet" in one.summary for one in before.values())
    _report_worker()
    assert "accepted the report" in outside.probe()
    for control in CONTROLS:
        evidence = run_control(control, at=clock.now())
        assert evidence.outcome is Status.PASSED, evidence.summary
        assert "1 prober(s) on other machines" in evidence.summary
    _report_worker(THESELLER_LEGAL_ENTITY="Another GmbH")
    evidence = run_control("page-contact", at=clock.now())
    assert evidence.outcome is Status.FAILED
    assert "another legal entity than the worker" in evidence.summary


def _report_worker(**changes: str) -> None:
    """Report a worker of this host: the test's web process reports itself."""
    with as_role("worker"):
        report_host(
            "worker", version="test", hashes=setting_hashes({**OPERATOR_SETTINGS, **changes})
        )


def test_database_and_service_beside_the_edge_are_found(outside: Outside) -> None:
    """Two real faults: PostgreSQL, and the service itself, answer at the public address."""
    (port,) = free_ports(1)
    with (
        forwarded(outside.host.public, 5433, _postgresql_socket),
        forwarded(outside.host.public, port, lambda: _web_socket(outside.site.backend)),
    ):
        assert "accepted the report" in outside.probe()
    _report_worker()
    said = {control: run_control(control, at=clock.now()) for control in CONTROLS}
    assert "A PostgreSQL server answers at port 5433" in said["net-db-private"].summary
    assert "The service answers at a port that has no firewall" in said["net-edge"].summary
    assert {control: one.outcome for control, one in said.items()} == {
        "net-tls": Status.PASSED,
        "net-db-private": Status.FAILED,
        "net-edge": Status.FAILED,
        "net-rate-limit": Status.PASSED,
        "page-contact": Status.PASSED,
    }, said


def _postgresql_socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(test_server().socket_dir / ".s.PGSQL.5432"))
    return made


def _web_socket(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


@contextlib.contextmanager
def forwarded(address: str, port: int, connect: Callable[[], socket.socket]) -> Iterator[None]:
    """Forward each connection to a port, in both directions."""
    with socket.create_server((address, port)) as listener:
        pool = ThreadPoolExecutor(32)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    server = connect()
                    pool.submit(_copy, client, server)
                    pool.submit(_copy, server, client)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            pool.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.exhaustive
def test_faults_of_the_edge_are_found(database: str, tmp_path: Path) -> None:
    """A firewall that only detects, and a client address that the client chooses."""
    changes = {
        "SecRuleEngine On": "SecRuleEngine DetectionOnly",
        "proxy_set_header X-Forwarded-For $remote_addr;": (
            "set $theseller_chosen $remote_addr;"
            " if ($http_x_forwarded_for) { set $theseller_chosen $http_x_forwarded_for; }"
            " proxy_set_header X-Forwarded-For $theseller_chosen;"
        ),
    }
    with site_and_prober(database, tmp_path / "prober.key", "faults", changes) as faulty:
        assert "accepted the report" in faulty.probe("faults")
        said = {control: run_control(control, at=clock.now()) for control in CONTROLS}
    assert "attacks reached the service" in said["net-edge"].summary
    assert "14 tries to sign in to one account were answered" in said["net-rate-limit"].summary
    assert {said["net-tls"].outcome, said["net-db-private"].outcome} == {Status.PASSED}


def test_an_unregistered_prober_is_refused(outside: Outside, tmp_path: Path) -> None:
    other = replace(outside, key=tmp_path / "other.key")
    assert outside.host.theseller("prober", "key", str(other.key)).returncode == 0
    assert "No registered prober of this name signed the message" in other.probe()
    assert "No registered prober of this name signed the message" in outside.probe("no-one")
