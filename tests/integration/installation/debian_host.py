"""A Debian 12 host that systemd boots, with namespaces and a network of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo_deployment import ROOT

#: A build server may be slow.
_PATIENCE = 1800.0
_BOOT_PATIENCE = 180.0
HERE, THERE = "10.213.92.1", "10.213.92.2"
_LINK, _NAME = "ts-inst0", "ts-install"
_MASQUERADE = ("POSTROUTING", "-s", f"{THERE}/32", "!", "-o", _LINK, "-j", "MASQUERADE")
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(slots=True)
class DebianHost:
    """One host.

    Attributes:
        root: its root file system, a copy of the one that bin/debian-host makes.
        shared: a folder that the host sees as /srv, read-only.
        process: systemd-nspawn while it runs.
        seconds: how long each command took.
    """

    root: Path
    shared: Path
    process: subprocess.Popen[bytes] | None = None
    seconds: list[tuple[float, str]] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> DebianHost:
        """Copy the root file system, and connect a network namespace to this machine."""
        base = subprocess.run(
            [str(ROOT / "bin" / "debian-host")], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        host = cls(folder / "host", folder / "shared")
        host.shared.mkdir()
        subprocess.run(["cp", "-a", base, str(host.root)], check=True)
        (host.root / "etc" / "hostname").write_text("analytics\n")
        # Debian's installer writes it, debootstrap does not.
        (host.root / "etc" / "hosts").write_text(
            "127.0.0.1 localhost\n127.0.1.1 analytics\n::1 localhost ip6-localhost\n"
        )
        if _AUTHORITIES.exists():
            shutil.copy(_AUTHORITIES, host.shared / "authorities.pem")
        host.disconnect()
        for command in (
            f"ip netns add {_NAME}",
            f"ip link add {_LINK} type veth peer name host0 netns {_NAME}",
            f"ip addr add {HERE}/30 dev {_LINK}",
            f"ip link set {_LINK} up",
            f"ip -n {_NAME} addr add {THERE}/30 dev host0",
            f"ip -n {_NAME} link set host0 up",
            f"ip -n {_NAME} link set lo up",
            f"ip -n {_NAME} route add default via {HERE}",
        ):
            subprocess.run(command.split(), check=True)
        subprocess.run(["iptables", "-t", "nat", "-A", *_MASQUERADE], check=True)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        return host

    def boot(self) -> None:
        """Boot it, and wait until systemd has started everything."""
        # With a folder of its own below /run, which systemd-nspawn wants to be in memory.
        begin = 'mount -t tmpfs tmpfs /run/systemd/nspawn; exec systemd-nspawn "$@"'
        Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
        with self.root.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "unshare", "-m", "--propagation", "private", "sh", "-c", begin, "sh", "--quiet",
                    f"--directory={self.root}", "--boot", "--register=no", "--keep-unit",
                    f"--machine={_NAME}", f"--network-namespace-path=/run/netns/{_NAME}",
                    "--resolv-conf=copy-host", "--console=read-only",
                    f"--bind-ro={self.shared}:/srv",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + _BOOT_PATIENCE
        while time.monotonic() < until:
            assert self.process.poll() is None, self.root.with_suffix(".log").read_text()
            state = self._leader() and self.run("systemctl is-system-running --wait", check=False)
            if state.strip() in {"running", "degraded"}:
                return
            time.sleep(0.5)
        raise AssertionError(self.root.with_suffix(".log").read_text())

    def _leader(self) -> str:
        """Return the host's first process, "" while there is none."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return next(iter(children.read_text().split()), "")

    def command(self, *arguments: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """Return the command that runs `arguments` on the host, as root in a new session."""
        variables = {
            "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive", "PIP_CERT": "/srv/authorities.pem",
        } | {name: value for name, value in os.environ.items() if name.startswith("PIP_INDEX")}  # fmt: skip
        given = [f"{name}={value}" for name, value in (variables | dict(environ or {})).items()]
        return ["nsenter", "-t", self._leader(), "-a", "env", "-i", *given, *arguments]

    def run(self, script: str, *, given: str = "", check: bool = True) -> str:
        """Run a script of the shell, and return what it printed; it ends at the first failure."""
        begun = time.monotonic()
        done = subprocess.run(
            self.command("bash", "-ec", f"cd /opt/theseller 2>/dev/null || cd /root\n{script}"),
            input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=_PATIENCE,
        )  # fmt: skip
        self.seconds.append((time.monotonic() - begun, script.strip().partition("\n")[0]))
        assert done.returncode == 0 or not check, f"{script}\n{done.stdout}"
        return done.stdout

    def browser(self) -> Path:
        """Return a program that starts the test's Chromium in the host's network."""
        program = self.root.with_name("chromium")
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell")
        assert chromium, "No Chromium was found: bin/chromium installs it, or says how"
        program.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{_NAME} {chromium} "$@"\n')
        program.chmod(0o755)
        return program

    def reboot(self) -> None:
        """Shut it down in order, and boot it again."""
        self.shut_down()
        self.boot()

    def shut_down(self) -> None:
        """Stop every service in order, as `poweroff` does."""
        if self.process is not None:
            if self.process.poll() is None and (leader := self._leader()):
                os.kill(int(leader), signal.SIGRTMIN + 4)  # systemd: poweroff
            try:
                self.process.wait(_BOOT_PATIENCE)
            except subprocess.TimeoutExpired:  # systemd did not get as far as to take signals
                self.process.kill()
                self.process.wait()
            self.process = None

    def disconnect(self) -> None:
        """Remove the network, of an earlier run as well."""
        subprocess.run(["ip", "link", "delete", _LINK], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", _NAME], capture_output=True, check=False)
        rule = ["iptables", "-t", "nat", "-D", *_MASQUERADE]
        while subprocess.run(rule, capture_output=True, check=False).returncode == 0:
            pass
