"""TLS of the shipped nginx, its redirect, the addresses of clients, and its limits."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.edge.edge_site import CLIENT, HOST, Edge, edge

from theseller.cli.outside_prober.attack_request_samples import Request, multipart

_MODERN = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
)
_OLD = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8")


@pytest.fixture(scope="module")
def site() -> Iterator[Edge]:
    with edge() as running:
        yield running


def _context(
    folder: Path, version: ssl.TLSVersion | None = None, ciphers: str = ""
) -> ssl.SSLContext:
    """Return a client that offers one version and these ciphers, however old."""
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    _limit(context, version, ciphers)
    return context


def _limit(context: ssl.SSLContext, version: ssl.TLSVersion | None, ciphers: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of old versions, which is the point
        if version is not None:
            context.minimum_version = context.maximum_version = version
        context.set_ciphers(f"{ciphers or 'ALL'}:@SECLEVEL=0")


@contextlib.contextmanager
def _permissive(
    folder: Path, version: ssl.TLSVersion | None = None, ciphers: str = ""
) -> Iterator[int]:
    """Answer one handshake with the same certificate and whatever is offered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    _limit(context, version, ciphers)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as raw:
                context.wrap_socket(raw, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def _handshake(port: int, context: ssl.SSLContext) -> tuple[str | None, str]:
    with (
        socket.create_connection(("127.0.0.1", port), 60) as raw,
        context.wrap_socket(raw, server_hostname=HOST) as secure,
    ):
        cipher = secure.cipher()
        return secure.version(), cipher[0] if cipher else ""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=str)
def test_old_versions_are_refused(site: Edge, version: ssl.TLSVersion) -> None:
    client = _context(site.folder, version)
    # This client can speak it: a refusal is the server's.
    with _permissive(site.folder, version) as port:
        assert _handshake(port, client)[0] == str(version.name).replace("_", ".")
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        _handshake(site.tls, client)


@pytest.mark.parametrize("cipher", _OLD)
def test_old_ciphers_are_refused(site: Edge, cipher: str) -> None:
    client = _context(site.folder, ssl.TLSVersion.TLSv1_2, cipher)
    with _permissive(site.folder, ssl.TLSVersion.TLSv1_2) as port:
        assert _handshake(port, client) == ("TLSv1.2", cipher)
    with pytest.raises(ssl.SSLError, match="handshake failure"):
        _handshake(site.tls, client)


@pytest.mark.parametrize("cipher", _MODERN)
def test_modern_ciphers_are_accepted(site: Edge, cipher: str) -> None:
    client = _context(site.folder, ssl.TLSVersion.TLSv1_2, cipher)
    assert _handshake(site.tls, client) == ("TLSv1.2", cipher)


def test_tls_1_3_and_http_2_are_chosen(site: Edge) -> None:
    context = _context(site.folder)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with site.connect(context) as secure:
        assert (secure.version(), secure.selected_alpn_protocol()) == ("TLSv1.3", "h2")


def _plain(site: Edge, path: str, host: str = HOST) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", site.plain, timeout=60)
    connection.request("GET", path, headers={"Host": host, "Connection": "close"})
    return connection.getresponse()


def test_http_is_redirected_to_the_site_except_answers_for_certificates(site: Edge) -> None:
    for host in (HOST, "evil.example"):
        answer = _plain(site, "/products/?q=1", host)
        assert (answer.status, answer.headers["Location"]) == (
            301,
            f"https://{HOST}/products/?q=1",
        )
        assert answer.headers["Strict-Transport-Security"] is None  # browsers must ignore it here
        assert answer.headers["Server"] == "nginx"  # without a version
        answer.read()
    challenge = site.folder / "acme" / ".well-known" / "acme-challenge" / "token-1"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("token-1.thumbprint")
    answer = _plain(site, "/.well-known/acme-challenge/token-1")
    assert (answer.status, answer.read()) == (200, b"token-1.thumbprint")


@pytest.mark.parametrize("client", ["203.0.113.9", "2001:db8:1:2::3"])
def test_the_application_sees_the_clients_address_and_no_other(site: Edge, client: str) -> None:
    lies = {
        "X-Forwarded-For": "192.0.2.66, 192.0.2.67",
        "Forwarded": "for=192.0.2.66",
        "X-Real-IP": "192.0.2.66",
        "X-Forwarded-Proto": "http",
    }
    (outcome,) = site.send([Request("lies", "GET", "/", lies)], client=client)
    assert outcome.arrived is not None
    assert outcome.arrived.forwarded_for == (client,)


def test_requests_are_limited_by_address_and_by_ipv6_network() -> None:
    limits = {"rate=30r/s": "rate=1r/m", "burst=150": "burst=5"}
    page = Request("health", "GET", "/healthz")
    with edge(limits) as site:
        for client in ("203.0.113.9", "2001:db8:1:2::3"):
            statuses = [one.status for one in site.send([page] * 8, client=client)]
            assert statuses == [200] * 6 + [429] * 2
        for other, status in {
            "2001:db8:1:2:ffff::4": 429,  # of the same /64
            "2001:db8:1:3::3": 200,
            "203.0.113.10": 200,
        }.items():
            assert [one.status for one in site.send([page], client=other)] == [status], other


def test_uploads_that_wait_are_limited_by_client_and_altogether(site: Edge) -> None:
    """So that bodies of uploads, which are buffered in memory, can't fill it."""
    headers, body = multipart("orders.txt", b"x" * 1000)

    def begin(client: str) -> ssl.SSLSocket:
        lines = {"Host": HOST, CLIENT: client, "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection = site.connect()
        connection.sendall(f"POST /imports/ HTTP/1.1\r\n{head}\r\n".encode() + body[:-1])
        return connection

    waiting: list[ssl.SSLSocket] = []
    try:
        waiting += [begin("203.0.113.20"), begin("203.0.113.20")]
        with begin("203.0.113.20") as third:
            assert third.recv(12) == b"HTTP/1.1 503"
        waiting += [begin(f"203.0.113.{30 + number}") for number in range(10)]
        with begin("203.0.113.50") as thirteenth:
            assert thirteenth.recv(12) == b"HTTP/1.1 503"
        (other,) = site.send([Request("page", "GET", "/")], client="203.0.113.20")
        assert other.status == 200
        for connection in waiting:
            connection.sendall(body[-1:])
            assert connection.recv(12) == b"HTTP/1.1 200"
    finally:
        for connection in waiting:
            connection.close()


def test_pages_are_not_compressed_by_nginx(site: Edge) -> None:
    """Debian's nginx.conf turns it on; TheSeller decides it for each page (decision 0018)."""
    with site.connect() as secure:
        secure.sendall(
            f"GET / HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\nUser-Agent: x\r\n"
            f"Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        answer = http.client.HTTPResponse(secure)
        answer.begin()
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, None)
        assert len(answer.read()) > 1000
