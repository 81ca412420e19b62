"""A prober in a network namespace of its own tests the product behind the shipped nginx."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from tests.conftest import as_role
from tests.database import test_server
from tests.integration.edge.behind_nginx import HOST, Site, behind_nginx
from tests.integration.prober.outside_host import OutsideHost, outside_host

from theseller.controls.operations import run_control
from theseller.controls.prober_reports.operations import add_prober, remove_prober
from theseller.controls.types import Status
from theseller.lib import clock

URL = f"https://{HOST}"
CONTROLS = ("net-tls",)


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


@pytest.fixture(scope="module")
def outside(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    key = tmp_path_factory.mktemp("prober") / "prober.key"
    with (
        outside_host(HOST) as host,
        behind_nginx(
            f"postgresql:///{database}?host={test_server().socket_dir}", public=host.public
        ) as site,
        override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, public_url=URL)),
    ):
        made = host.theseller("prober", "key", str(key))
        assert made.returncode == 0, made.stderr
        with as_role("migrate"):
            add_prober(
                name="test-host",
                public_key=bytes.fromhex(made.stdout.strip()),
                actor="process:test",
                at=clock.now(),
            )
        yield Outside(site, host, key)
        with as_role("migrate"):
            remove_prober(name="test-host", actor="process:test", at=clock.now())


def test_controls_pass_by_the_report_of_a_prober_outside_only(outside: Outside) -> None:
    before = {control: run_control(control, at=clock.now()) for control in CONTROLS}
    assert {one.outcome for one in before.values()} == {Status.UNKNOWN}
    assert all("it has sent no report yet" in one.summary for one in before.values())
    assert "accepted the report" in outside.probe()
    for control in CONTROLS:
        evidence = run_control(control, at=clock.now())
        assert evidence.outcome is Status.PASSED, evidence.summary
        assert "1 prober(s) on other machines" in evidence.summary


def test_an_unregistered_prober_is_refused(outside: Outside, tmp_path: Path) -> None:
    other = replace(outside, key=tmp_path / "other.key")
    assert outside.host.theseller("prober", "key", str(other.key)).returncode == 0
    assert "No registered prober of this name signed the message" in other.probe()
    assert "No registered prober of this name signed the message" in outside.probe("no-one")
