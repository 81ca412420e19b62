"""Another host: a network namespace that reaches this machine by one link only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.demo_deployment import ROOT


@dataclass(frozen=True, slots=True)
class OutsideHost:
    """A namespace. `public` is this machine's address on the link, `own` the other host's."""

    name: str
    public: str
    own: str

    def run(
        self, *command: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the other host."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def theseller(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `theseller` on the other host."""
        return self.run(sys.executable, "-m", "theseller.cli.main", *arguments, environ=environ)


@contextlib.contextmanager
def outside_host(*names: str) -> Iterator[OutsideHost]:
    """Make the other host, where `names` resolve to this machine's address.

    A test that can't be outside fails: one that used this machine's loopback would prove less than
    its name says.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.fail(
            "this test makes a network namespace: run it as root, with ip(8) installed (Debian:"
            " apt-get install iproute2)"
        )
    # Not from `random`: tests begin with the same seed, also those of another session.
    number = secrets.randbelow(1 << 14)
    network = f"10.{200 + number // 4096}.{number // 64 % 64}.{number % 64 * 4}"
    base = network.rpartition(".")
    public, own = (f"{base[0]}.{int(base[2]) + host}" for host in (1, 2))
    name, here, there = f"ts{os.getpid()}x{number}", f"tsa{number}", f"tsb{number}"
    hosts = Path("/etc/netns") / name
    with contextlib.ExitStack() as stack:
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "del", name)
        hosts.mkdir(parents=True)
        stack.callback(shutil.rmtree, hosts)
        (hosts / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{public} {one}\n" for one in names)
        )
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("addr", "add", f"{public}/30", "dev", here)
        _ip("link", "set", here, "up")
        for command in (
            ("addr", "add", f"{own}/30", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", name, *command)
        yield OutsideHost(name, public, own)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"a network namespace can't be made here ({done.stderr.strip()}): the test needs"
            " CAP_NET_ADMIN and CAP_SYS_ADMIN"
        )
