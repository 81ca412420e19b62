"""Hosts of a deployment: network namespaces with a name and a link to this machine each.

This machine has what the hosts share: the database over TLS, the key service, the emulated Amazon
and the edge.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo_deployment import ROOT
from tests.integration.prober.outside_host import OutsideHost, outside_host

from theseller.postgres.os_processes import stop_with_parent

#: What the hosts call this machine.
DATABASE, KEYS, AMAZON, SITE = "db.test", "keys.test", "amazon.test", "shop.test"
MAIL = "mail.test"
_PATIENCE = 90.0


@dataclass(slots=True)
class Host:
    """One host: `name`, its namespace, its own state folder, and its processes by their kind."""

    name: str
    outside: OutsideHost
    state: Path
    environ: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.state.with_suffix(".log")

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs `theseller` on this host, under its own host name."""
        program = f'hostname {self.name}; exec {sys.executable} -m theseller.cli.main "$@"'
        return [
            "ip", "netns", "exec", self.outside.name, "unshare", "--uts", "sh", "-c", program, "sh",
            *arguments,
        ]  # fmt: skip

    def theseller(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that ends."""
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, kind: str, *arguments: str) -> None:
        """Start `theseller KIND` (serve or worker)."""
        with self.log.open("ab") as log:
            self.processes[kind] = subprocess.Popen(
                self.command(kind, *arguments),
                cwd=ROOT, env=dict(self.environ), stdout=log, stderr=log, start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip

    def kill(self, kind: str) -> None:
        """End a process and its children by SIGKILL, as a host that is lost."""
        process = self.processes.pop(kind)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_PATIENCE)

    def stop(self, kind: str) -> None:
        """End a process in order."""
        process = self.processes.pop(kind)
        process.terminate()
        process.wait(_PATIENCE)


@contextlib.contextmanager
def hosts(root: Path, environ: Mapping[str, str], *names: str) -> Iterator[dict[str, Host]]:
    """Make hosts; what still runs on them is killed at the end."""
    made: dict[str, Host] = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            outside = stack.enter_context(outside_host(DATABASE, KEYS, AMAZON, SITE, MAIL))
            state = root / name
            made[name] = Host(name, outside, state, {**environ, "THESELLER_STATE": str(state)})
            stack.callback(_end, made[name])
        yield made


def _end(host: Host) -> None:
    for kind in list(host.processes):
        host.kill(kind)
