"""The product as `theseller serve` runs it, behind a real nginx with the configuration that we ship."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

from tests.demo_deployment import ROOT, free_ports
from tests.tls_certificates import write_certificate

from theseller.cli.demo_nginx_configuration import EdgeSettings, write_edge
from theseller.postgres.os_processes import stop_with_parent

HOST = "shop.test"
#: Whom its security page names.
OPERATOR_SETTINGS = {
    "THESELLER_SECURITY_OFFICER": "Ada Lovelace",
    "THESELLER_SECURITY_CONTACT": "security@shop.internal",
    "THESELLER_LEGAL_ENTITY": "Shop & Söhne <GmbH>",
    "THESELLER_LEGAL_ADDRESS": "Long Street 1, Berlin",
}
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cookies(self) -> SimpleCookie:
        return SimpleCookie("\n".join(self.headers.get_all("Set-Cookie", [])))


@dataclass(frozen=True, slots=True)
class Site:
    """Where the site answers.

    `announced` is a port of nginx at which a client names its address first (PROXY protocol).
    """

    backend: int
    plain: int
    tls: int
    announced: int
    folder: Path

    def connect(self, *, client: str = "127.0.0.1", timeout: float = 60.0) -> ssl.SSLSocket:
        """Connect over TLS from an address of the loopback network.

        Or as a balancer that names an IPv6 client.
        """
        trusted = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        six = ip_address(client).version == 6
        raw = socket.create_connection(
            ("127.0.0.1", self.announced if six else self.tls),
            timeout,
            source_address=None if six else (client, 0),
        )
        if six:
            raw.sendall(f"PROXY TCP6 {client} ::1 40000 443\r\n".encode())
        return trusted.wrap_socket(raw, server_hostname=HOST)

    def ask(
        self,
        method: str,
        path: str,
        *,
        client: str = "127.0.0.1",
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request over TLS."""
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.connect(client=client)
        return _answer(connection, method, path, form, {"Host": HOST, **(headers or {})})

    def ask_plainly(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Make one request without TLS, to nginx or past it."""
        return _answer(
            http.client.HTTPConnection("127.0.0.1", port, timeout=60),
            "GET",
            path,
            None,
            dict(headers or {}),
        )


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str],
) -> Answer:
    sent = {**headers, "Connection": "close"}
    if form is not None:
        sent |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"https://{HOST}/"}
    with contextlib.closing(connection):
        connection.request(method, path, urlencode(form) if form is not None else None, sent)
        got = connection.getresponse()
        return Answer(got.status, got.headers, got.read())


@contextlib.contextmanager
def behind_nginx(
    database_url: str, *, public: str = "", changes: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Serve this process's test database by `theseller serve`, with nginx in front.

    With `public`, nginx listens at the ports 80 and 443 of this address as well. `changes` are
    replacements in its configuration.
    """
    found = subprocess.run([ROOT / "bin" / "nginx"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    folder = Path(tempfile.mkdtemp(prefix="ts-nginx-"))
    backend, plain, tls, announced = free_ports(4)
    site = Site(backend, plain, tls, announced, folder)
    write_certificate(folder / "fullchain.pem", folder / "privkey.pem", HOST, days=90)
    folder.chmod(0o711)  # Workers of nginx run as another user than root.
    nginx = write_edge(_settings(site, public, changes or {}), nginx=found.stdout.strip())
    environ = os.environ | {
        "DATABASE_URL": database_url,
        "THESELLER_PUBLIC_URL": f"https://{HOST}",
        "THESELLER_TRUSTED_PROXIES": "127.0.0.1",
        **OPERATOR_SETTINGS,
    }
    commands = (
        [sys.executable, "-m", "theseller.cli.main", "serve", "--port", str(site.backend)],
        nginx,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        log = stack.enter_context((folder / "out.log").open("wb"))
        for command in commands:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=stop_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(_end, process)
        _await_ready(site)
        yield site


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _settings(site: Site, public: str, changes: Mapping[str, str]) -> EdgeSettings:
    """Return the names, ports and paths of this test.

    And one more port that takes clients' addresses. Which of the two a request came by decides
    whose address counts.
    """
    plain, tls = (
        (f" listen {public}:80;", f" listen {public}:443 ssl http2;") if public else ("", "")
    )
    return EdgeSettings(
        site.folder, HOST, HOST, site.backend, site.plain, site.tls,
        main="worker_processes 1;",
        http=(
            'map $proxy_protocol_addr $theseller_test_client { "" $remote_addr; default'
            " $proxy_protocol_addr; }"
        ),
        changes={
            **changes,
            "listen 80;": f"listen 80;{plain}",
            "listen 443 ssl http2;": (
                f"listen 443 ssl http2; listen 127.0.0.1:{site.announced} ssl http2"
                f" proxy_protocol;{tls}"
            ),
            "$remote_addr;": "$theseller_test_client;",
        },
    )  # fmt: skip


def _await_ready(site: Site) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if site.ask("GET", "/healthz").status == 200:
                return
        said = "\n".join(
            path.read_text(errors="replace")[-2000:] for path in site.folder.glob("*.log")
        )
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
