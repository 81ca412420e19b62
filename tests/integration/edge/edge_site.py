"""The shipped nginx and its rules in front of a server that notes what reaches it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.demo_deployment import ROOT, free_ports
from tests.tls_certificates import write_certificate

from theseller.cli.demo_nginx_configuration import EdgeSettings, write_edge
from theseller.cli.outside_prober.attack_request_samples import Request
from theseller.postgres.os_processes import stop_with_parent

HOST = "shop.test"
#: Which client a request comes from: nginx takes it from this host only, as it does of a CDN.
CLIENT = "X-Test-Client"
_PATIENCE = 90.0
_PAGE = b"<p>A page.</p>\n" * 100
_BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """What reached the server behind nginx."""

    forwarded_for: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a request, and what of it reached the server."""

    request: Request
    status: int
    arrived: Arrived | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A running nginx. `arrived` has what the server behind it noted, by the request's number."""

    plain: int
    tls: int
    folder: Path
    arrived: dict[str, Arrived] = field(default_factory=dict)

    def connect(
        self, context: ssl.SSLContext | None = None, *, timeout: float = _PATIENCE
    ) -> ssl.SSLSocket:
        """Connect over TLS, by default trusting the certificate only."""
        trust = context or ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        raw = socket.create_connection(("127.0.0.1", self.tls), timeout)
        return trust.wrap_socket(raw, server_hostname=HOST)

    def send(self, requests: Iterable[Request], *, client: str = "") -> Iterator[Outcome]:
        """Send requests one after the other, by default each from another address."""
        connection = http.client.HTTPConnection(HOST)
        # The corpus has paths that http.client refuses to send.
        connection._validate_path = lambda _path: None  # type: ignore[attr-defined]
        try:
            for number, request in enumerate(requests):
                name = f"{number}-{hashlib.sha256(repr(request).encode()).hexdigest()}"
                address = client or f"198.51.{number // 250 % 250}.{number % 250}"
                if connection.sock is None:
                    connection.sock = self.connect()
                status = _status(connection, request, {CLIENT: address, "X-Test-Number": name})
                yield Outcome(request, status, self.arrived.pop(name, None))
        finally:
            connection.close()

    def logs(self) -> str:
        """Return everything that nginx wrote."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))


def _status(
    connection: http.client.HTTPConnection, request: Request, more: Mapping[str, str]
) -> int:
    connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": HOST} | _BROWSER | request.headers | dict(more)).items():
        connection.putheader(name, value.encode())
    if request.body or request.method == "POST":
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body or None)
    answer = connection.getresponse()
    answer.read()
    if answer.will_close:
        connection.close()
    return answer.status


@contextlib.contextmanager
def edge(changes: Mapping[str, str] | None = None) -> Iterator[Edge]:
    """Run nginx as shipped, except for `changes`, in front of a server of this process."""
    nginx = subprocess.run([ROOT / "bin" / "nginx"], capture_output=True, text=True, check=False)
    assert nginx.returncode == 0, nginx.stderr
    backend, plain, tls = free_ports(3)
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ts-edge-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # Workers of nginx run as another user than root.
        write_certificate(folder / "fullchain.pem", folder / "privkey.pem", HOST)
        settings = EdgeSettings(
            folder, HOST, HOST, backend, plain, tls,
            main="worker_processes 1;",
            # As in Debian's own nginx.conf.
            http=f"gzip on; set_real_ip_from 127.0.0.1; real_ip_header {CLIENT};",
            changes=changes or {},
        )  # fmt: skip
        command = write_edge(settings, nginx=nginx.stdout.strip())
        running = Edge(plain, tls, folder)
        stack.enter_context(noting_server(backend, running.arrived))
        log = stack.enter_context((folder / "stderr.log").open("wb"))
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=stop_with_parent(signal.SIGTERM),  # noqa: PLW1509
        )  # fmt: skip
        stack.callback(_end, process)
        _await_ready(running, process)
        yield running


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await_ready(running: Edge, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError):
            running.connect().close()
            return
        assert process.poll() is None, running.logs()
        assert time.monotonic() < deadline, running.logs()
        time.sleep(0.05)


@contextlib.contextmanager
def noting_server(port: int, arrived: dict[str, Arrived]) -> Iterator[None]:
    """Answer every request with a page, and note what arrived."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65536

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            arrived[self.headers.get("X-Test-Number", "")] = Arrived(
                tuple(self.headers.get_all("X-Forwarded-For", [])), hashlib.sha256(body).hexdigest()
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(_PAGE)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(_PAGE)

        def log_message(self, *_arguments: object) -> None:
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PROPFIND", "OPTIONS"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
