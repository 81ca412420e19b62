"""A machine with the folders of docs/operate/container.md, below another folder, and podman."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.demo_deployment import ROOT

VERSION = "0.1.0"
SERVICES = ("database", "web", "worker")
#: The folders of the documents, and what they are here.
_FOLDERS = {
    "/etc/theseller": "etc", "/var/lib/theseller": "state", "/var/backups/theseller": "backups",
    "/opt/theseller/releases": "opt/releases", "/opt/theseller/.env": "opt/.env",
}  # fmt: skip
_ACCOUNT = 10001
GATEWAY = "10.213.77.1"
OPERATOR = "ada@shop.example"
SETUP = (
    "setup", "--address", "https://shop.example", "--proxies", GATEWAY,
    "--officer", "Ada Lovelace", "--contact", "security@shop.internal",
    "--legal-entity", "Shop Analytics GmbH", "--legal-address", "Example Street 1, 10115 Berlin",
    "--lwa-client-id", "amzn1.application-oa2-client.0123456789abcdef",
    "--application-id", "amzn1.sp.solution.01234567-89ab-cdef-0123-456789abcdef",
    "--database", "embedded", "--backups", "/var/backups/theseller", "--secrets", "files",
    "--operator", OPERATOR, "--operator-name", "Ada Lovelace",
)  # fmt: skip
#: A build server may be slow.
_PATIENCE_SECONDS = 900.0


@dataclass(slots=True)
class Machine:
    """One machine.

    Attributes:
        folder: what takes the place of its root.
        podman: the engine.
        port: where the web is published.
        password: the operator's first one.
    """

    folder: Path
    podman: Path
    port: int
    password: str = ""

    @classmethod
    def make(cls, folder: Path, podman: str) -> Machine:
        """Make the folders, and an engine with storage and networks of its own."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        machine = cls(folder, folder / "podman", port)
        nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        nproc = min(4096, resource.getrlimit(resource.RLIMIT_NPROC)[1] % 2**63)
        flags = (
            f"--root {folder}/storage --runroot {folder}/run --runtime runc"
            f" --network-config-dir {folder}/networks --cgroup-manager cgroupfs"
            " --events-backend file"
        )
        # Podman raises limits to its own defaults, which needs CAP_SYS_RESOURCE.
        limits = f"--ulimit nofile={nofile}:{nofile} --ulimit nproc={nproc}:{nproc}"
        machine.podman.write_text(
            f'#!/bin/sh\nc="$1"; shift\ncase "$c" in run|create) set -- {limits} "$@";; esac\n'
            f'exec {podman} {flags} "$c" "$@"\n'
        )
        machine.podman.chmod(0o755)
        (folder / "networks").mkdir()
        (folder / "opt/releases").mkdir(parents=True)
        for name in ("etc", "state", "backups"):
            (folder / name).mkdir(mode=0o700)
            os.chown(folder / name, _ACCOUNT, _ACCOUNT)
        return machine

    def install(self, release: Path, key: Path) -> None:
        """Follow sections 1 and 2 of the document."""
        target = self.folder / "opt/releases" / VERSION
        subprocess.run(["cp", "-r", str(release), str(target)], check=True)
        (target.parent / "release.pub").write_bytes(key.read_bytes())
        self.engine("load", "--quiet", "--input", str(next(target.glob("*.oci.tar"))))
        with tarfile.open(next(target.glob("*.tar.gz"))) as archive:
            for name in ("compose.yaml", "theseller"):
                file = archive.extractfile(f"theseller-{VERSION}/deploy/container/{name}")
                assert file is not None
                text = self._here(file.read().decode())
                (self.folder / "opt" / name).write_text(text)
        (self.folder / "opt/theseller").chmod(0o755)
        (self.folder / "opt/.env").write_text(f"IMAGE_VERSION={VERSION}\n")
        self.engine(
            "network", "create", "--subnet", "10.213.77.0/24", "--gateway", GATEWAY, "theseller"
        )

    def _here(self, text: str) -> str:
        """Return a file of the release with this machine's folders, names and port."""
        for documented, here in _FOLDERS.items():
            text = re.sub(
                rf"(- |--volume |\. ){re.escape(documented)}(?=[:\s])",
                rf"\g<1>{self.folder}/{here}", text,
            )  # fmt: skip
        text = text.replace("p' /etc/theseller/", f"p' {self.folder}/etc/")
        return text.replace("127.0.0.1:8100:8100", f"127.0.0.1:{self.port}:8100")

    def engine(self, *arguments: str, check: bool = True) -> str:
        """Run podman, and return what it printed."""
        done = subprocess.run(
            [str(self.podman), *arguments], env=self._environ(), check=False, text=True,
            capture_output=True, timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
        assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def theseller(self, *arguments: str, given: str = "", status: int = 0) -> str:
        """Run the wrapper, and return what it printed."""
        done = subprocess.run(
            [str(self.folder / "opt/theseller"), *arguments], env=self._environ(), check=False,
            text=True, capture_output=True, input=given, timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def emulator(self) -> Iterator[None]:
        """Run the emulated Amazon by the wrapper, as in a second terminal."""
        with (self.folder / "emulator.log").open("wb") as log:
            process = subprocess.Popen(
                [str(self.folder / "opt/theseller"), "emulator", "--rate-scale", "2000"],
                env=self._environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                yield
            finally:
                self.engine("rm", "--force", "--ignore", "theseller-emulator", check=False)
                process.wait(_PATIENCE_SECONDS)

    def compose(self, *arguments: str) -> None:
        """Run podman-compose."""
        done = subprocess.run(
            ["podman-compose", "--podman-path", str(self.podman), *arguments], check=False,
            cwd=self.folder / "opt", env=self._environ(), text=True, capture_output=True,
            timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)

    def _environ(self) -> dict[str, str]:
        # Podman's timers of health checks need systemd.
        mine = {"CONTAINER_ENGINE": str(self.podman), "DISABLE_HC_SYSTEMD": "true"}
        return {**os.environ, **mine}

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what podman knows of a container."""
        found: list[dict[str, Any]] = json.loads(self.engine("inspect", f"theseller-{service}"))
        return found[0]

    def shell(self, service: str, script: str) -> str:
        """Run a script in a running container, and return what it printed."""
        return self.engine("exec", f"theseller-{service}", "sh", "-c", f"{{ {script}; }} 2>&1")

    def request(
        self, method: str, path: str, cookies: dict[str, str], form: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Return status and text of a page, as the proxy of this machine asks for it."""
        headers = {
            "Host": "shop.example", "X-Forwarded-Proto": "https", "Origin": "https://shop.example",
            "X-Forwarded-For": "203.0.113.9", "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        }  # fmt: skip
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                cookies[cookie] = content
        return answer.status, text

    def wait_until_ready(self) -> None:
        """Wait until the web says that it is ready."""
        until, said = time.monotonic() + _PATIENCE_SECONDS, ""
        while time.monotonic() < until:
            try:
                status, said = self.request("GET", "/readyz", {})
            except OSError as error:
                status, said = 0, str(error)
            if status == 200:
                return
            time.sleep(2)
        logs = self.engine("logs", "--tail", "20", "theseller-web", check=False)
        raise AssertionError(f"not ready: {said}\n{logs}")


@contextmanager
def installed(release: Path, key: Path) -> Iterator[Machine]:
    """Give a machine on which a release was installed; nothing of it runs yet."""
    # Not in memory: storage of images and of containers.
    folder = Path(tempfile.mkdtemp(prefix="theseller-container-", dir="/var/tmp"))
    made = Machine.make(folder, program("podman"))
    try:
        made.install(release, key)
        yield made
    finally:
        for name in SERVICES:
            made.engine("rm", "--force", "--ignore", f"theseller-{name}", check=False)
        made.engine("network", "rm", "--force", "theseller", "opt_isolated", check=False)
        shutil.rmtree(folder)


def program(name: str) -> str:
    """Return the path that a script of bin prints."""
    done = subprocess.run([str(ROOT / "bin" / name)], check=True, text=True, capture_output=True)
    return done.stdout.strip()
