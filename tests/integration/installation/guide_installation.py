"""The sections of install.md that each installation has, and what must be true after them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence

from tests.integration.installation.debian_host import DebianHost
from tests.integration.installation.guide_commands import commands
from tests.integration.installation.network_and_mail import SITE
from tests.smtp_server import PASSWORD, USER

_EXPOSURE_MAX = 2.0
_PATIENCE = 600.0
#: Findings of `theseller doctor` that the guide leaves to later, or that a container can't have.
_EXPECTED_FINDINGS = {"state export", "time service"}


def install_programs(host: DebianHost) -> None:
    """Follow section 1."""
    for block in commands("install.md", "1. Programs"):
        host.run(block)
    assert "✗ configuration" in host.run("theseller setup --check", check=False)


def first_password(printed: str) -> str:
    """Return the operator's password, which `theseller setup` prints once."""
    found = re.search(r"first password: (\S+)", printed)
    assert found is not None, printed
    return found[1]


def install_edge(host: DebianHost) -> None:
    """Follow section 5, and the section of the edge that it names."""
    (edge,) = commands("edge.md", "Install")
    host.run(edge)
    (certificate,) = commands("install.md", "5. HTTPS")
    host.run(certificate)


def configure_mail(host: DebianHost) -> None:
    """Configure mail by mail.md; its last command sends a message."""
    address, password, test = commands("mail.md", "Set it up")
    host.run(address.replace("USER@", USER.replace("@", "%40") + "@"))
    put, *rest = password.splitlines()
    host.run(put, given=f"{PASSWORD}\n")
    host.run("\n".join(rest))
    assert "250 2.0.0" in host.run(test)


def check_installation(host: DebianHost, services: Sequence[str]) -> None:
    """Run the checks of section 7, and systemd's rating of the units."""
    (block,) = commands("install.md", "7. Check")
    doctor, status, ready = [line.partition("#")[0].strip() for line in block.splitlines()]
    wait_until_ready(host)
    until = time.monotonic() + _PATIENCE
    failed = {""}
    while failed - _EXPECTED_FINDINGS:
        found = host.run(doctor, check=False)
        failed = {line[2:17].strip() for line in found.splitlines() if line.startswith("✗")}
        # A request of its own may take too long on a busy build server.
        assert time.monotonic() < until, found
    state = json.loads(host.run(f"{status} --json", check=False))
    assert state["workers"], state
    assert "ready" in host.run(ready)
    for name in services:
        rated = host.run(f"systemd-analyze security --no-pager {name}.service")
        exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", rated)
        assert exposure is not None, rated
        assert float(exposure[1]) <= _EXPOSURE_MAX, rated
    assert "status=200" in host.run(
        f"curl -sS -o /dev/null -w 'status=%{{http_code}}' https://{SITE}/security/"
    )


def runs_undisturbed(host: DebianHost, services: Sequence[str]) -> None:
    """Check that each service was started once, and that nothing failed."""
    wait_until_ready(host)
    for name in services:
        shown = host.run(f"systemctl show -p ActiveState,NRestarts,Result {name}")
        assert set(shown.split()) == {"ActiveState=active", "NRestarts=0", "Result=success"}, (
            name, shown, host.run(f"journalctl -b -u {name} -o cat -n 50"),
        )  # fmt: skip
    assert "0 loaded units" in host.run("systemctl --failed")


def slow_start(host: DebianHost, unit: str, command: str) -> None:
    """Let a unit start its command 20 seconds later: what does not wait for it fails."""
    folder = f"/etc/systemd/system/{unit}.d"
    host.run(
        f"mkdir -p {folder}\n"
        f"printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c \"sleep 20; exec {command}\"\\n'"
        f" > {folder}/slow.conf\n"
        "systemctl daemon-reload"
    )


def wait_until_ready(host: DebianHost) -> None:
    """Wait until the web answers and the worker has started."""
    # The socket unit's port is open before the web is: the request waits.
    host.run(
        "curl -sS -m 600 -o /dev/null http://127.0.0.1:8100/healthz\n"
        'since="$(systemctl show -p ActiveEnterTimestamp --value theseller-worker)"\n'
        "started() {\n"
        '  journalctl -b -u theseller-worker -o cat --since "$since"\n'
        "  cat /var/lib/theseller/log/theseller-worker.log 2>/dev/null\n"
        "}\n"
        "until started | grep -q worker_started; do sleep 0.5; done"
    )


def restarts_refuse_no_request(host: DebianHost) -> None:
    """Send requests while the web restarts under its socket unit; each must be answered."""
    printed = host.run(
        "systemctl restart --no-block theseller-web\n"
        f"for one in $(seq 40); do curl -sS -m 300 -o /dev/null -w '%{{http_code}}\\n' https://{SITE}/healthz;"
        " sleep 0.1; done\n"
        "systemctl is-active theseller-web"
    )
    assert printed.split() == ["200"] * 40 + ["active"]
