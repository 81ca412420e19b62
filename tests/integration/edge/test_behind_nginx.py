"""Sign-in limits, HTTPS and slow clients through a real nginx with the configuration that we ship."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.urls import reverse
from tests.cast import PASSWORD, Cast
from tests.database import test_server
from tests.integration.edge.behind_nginx import HOST, Answer, Site, behind_nginx

from theseller.cli.public_address_checks import (
    PublicAddress,
    can_speak,
    check_public_address,
)
from theseller.cli.request_buffering_check import check_edge
from theseller.config.request_buffering_worker import LARGE_BODIES_AT
from theseller.lib.ids import new_id


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[Site]:
    with behind_nginx(f"postgresql:///{database}?host={test_server().socket_dir}") as running:
        yield running


class Browser:
    """Signs in from an address. `lies` are headers by which it pretends to be someone else."""

    def __init__(self, site: Site, client: str) -> None:
        self.site, self.client = site, client
        page = site.ask("GET", "/sign-in/", client=client)
        self.cookies = {name: morsel.value for name, morsel in page.cookies.items()}
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        assert found is not None, page.body[:500]
        self.token = found[1].decode()

    def sign_in(self, email: str, password: str, *, client: str = "", **lies: str) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers |= {name.replace("_", "-"): value for name, value in lies.items()}
        form = {"csrfmiddlewaretoken": self.token, "email": email, "password": password}
        return self.site.ask(
            "POST", "/sign-in/", client=client or self.client, form=form, headers=headers
        )


def _fresh_network(version: int) -> str:
    text = new_id().hex
    return (
        f"127.{int(text[-2:], 16)}.{int(text[-4:-2], 16)}.9"
        if version == 4
        else f"2001:db8:{text[-8:-4]}:{text[-4:]}::1"
    )


def _together(tries: int, one: Callable[[int], int]) -> tuple[Counter[int], float]:
    """Try from many threads at once; return how often each status came, and the seconds that it took."""
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(one, range(tries))), time.monotonic() - begun


@pytest.mark.parametrize("version", [4, 6])
def test_account_sign_ins_are_limited_to_10_per_network_despite_spoofed_headers(
    site: Site, cast: Cast, version: int
) -> None:
    network = _fresh_network(version)
    browser = Browser(site, network)

    def one(number: int) -> int:
        spoofed = f"198.51.100.{number}"
        lies = {
            "X_Forwarded_For": f"{spoofed}, {spoofed}",
            "X_Real_IP": spoofed,
            "Forwarded": f"for={spoofed}",
            "True_Client_IP": spoofed,
        }
        # Another address of the same /64 is the same client; IPv4 clients have one.
        client = network if version == 4 else network.replace("::1", f"::{number + 1:x}")
        return browser.sign_in(cast.alice.email, "wrong", client=client, **lies).status

    counted, took = _together(20, one)
    returned = int(took // 90)  # a token comes back every 90 seconds
    assert 10 <= counted[422] <= 10 + returned
    assert counted[422] + counted[429] == 20, counted
    other = Browser(site, _fresh_network(version))
    assert other.sign_in(cast.alice.email, PASSWORD).status == 302


def test_sign_ins_from_one_network_are_limited_to_30(site: Site, cast: Cast) -> None:
    network = _fresh_network(6)
    browser = Browser(site, network)
    counted, took = _together(
        36, lambda number: browser.sign_in(f"{new_id().hex}{number}@example.com", "wrong").status
    )
    returned = int(took // 30)  # a token comes back every 30 seconds
    assert 30 <= counted[422] <= 30 + returned
    assert counted[422] + counted[429] == 36, counted
    assert Browser(site, _fresh_network(4)).sign_in(cast.bob.email, PASSWORD).status == 302


def test_requests_are_redirected_to_https_and_cookies_are_host_only(site: Site, cast: Cast) -> None:
    plain = site.ask_plainly(site.plain, "/sign-in/?a=1", {"Host": HOST})
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{HOST}/sign-in/?a=1")
    past = site.ask_plainly(site.backend, "/sign-in/", {"Host": HOST})
    assert (past.status, past.headers["Location"]) == (301, f"https://{HOST}/sign-in/")
    assert (
        site.ask_plainly(site.backend, "/healthz").status == 200
    )  # by address, as a load balancer asks
    assert site.ask_plainly(site.plain, "/healthz", {"Host": "192.0.2.1"}).status == 200
    browser = Browser(site, _fresh_network(4))
    signed_in = browser.sign_in(cast.bob.email, PASSWORD)
    assert (
        signed_in.headers["Strict-Transport-Security"]
        == "max-age=63072000; includeSubDomains; preload"
    )
    cookies = signed_in.cookies
    assert sorted(cookies) == [
        "__Host-theseller_csrf",
        "__Host-theseller_device",
        "__Host-theseller_session",
    ]
    for morsel in cookies.values():
        assert (
            morsel["secure"],
            morsel["httponly"],
            morsel["path"],
            morsel["domain"],
            morsel["samesite"],
        ) == (True, True, "/", "", "Lax")


@pytest.mark.parametrize(
    "headers",
    [
        {"SCRIPT_NAME": "/x"}, {"Script-Name": "/x"}, {"X-Script-Name": "/x"}, {"PATH_INFO": "/x"},
        {"X-Forwarded-Proto": "gopher"}, {"X-Forwarded-Ssl": "off"},
        {"X-Forwarded-For": "\x01, ,unknown"}, {"Content-Type": "text/plain; charset=hex"},
        {"Content-Type": "multipart/form-data"}, {"Cookie": "\xff=\xfe; ="},
        {"Referer": "http://["}, {"Origin": "http://["}, {"If-Modified-Since": "x"},
        {"Range": "bytes=9-1"}, {"Accept-Encoding": "\xff"}, {"HX-Current-URL": "http://["},
    ],
    ids=str,
)  # fmt: skip
def test_unusual_request_header_causes_no_server_error(site: Site, headers: dict[str, str]) -> None:
    for path in ("/sign-in/?next=%ff", "/static/edge/css/tokens.css", "/operate/"):
        answer = site.ask_plainly(
            site.backend, path, {"Host": HOST, "X-Forwarded-Proto": "https", **headers}
        )
        assert answer.status < 500


def test_slow_connections_do_not_delay_other_requests(site: Site) -> None:
    """100 connections that send a byte now and then, to nginx and past it; others are answered."""
    head = f"GET /sign-in/ HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode()
    body = (
        f"POST /sign-in/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type:"
        " application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\na".encode()
    )
    upload = body.replace(b"/sign-in/", b"/imports/").replace(b"1000", b"60000000")
    ways: dict[str, Callable[[], socket.socket]] = {
        "nginx": site.connect,
        "past nginx": lambda: socket.create_connection(("127.0.0.1", site.backend), 60),
    }
    for name, reach in ways.items():
        slow = [reach() for _ in range(100)]
        try:
            for number, one in enumerate(slow):
                one.sendall((head, body, upload)[number % 3])
            for _ in range(3):
                begun = time.monotonic()
                answer = (
                    site.ask("GET", "/sign-in/")
                    if name == "nginx"
                    else site.ask_plainly(
                        site.backend, "/sign-in/", {"Host": HOST, "X-Forwarded-Proto": "https"}
                    )
                )
                assert answer.status == 200, name
                assert time.monotonic() - begun < 20, name
                for one in slow:
                    _trickle(one)
        finally:
            for one in slow:
                one.close()


def test_the_doctor_distinguishes_buffering_and_unbuffered_proxies(site: Site) -> None:
    variables = {"THESELLER_PUBLIC_URL": f"https://{HOST}"}
    trust = ssl.create_default_context(cafile=str(site.folder / "fullchain.pem"))
    assert check_edge(variables, trust=trust, address=("127.0.0.1", site.tls)).buffers is True
    with _passing_on(site) as port:
        found = check_edge(variables, trust=trust, address=("127.0.0.1", port))
    assert (found.buffers, "answered 413 before the body" in found.found) == (False, True)
    assert (
        check_edge(variables, address=("127.0.0.1", site.tls)).buffers is None
    )  # a certificate that it doesn't trust
    assert check_edge({}).buffers is None


def _findings(site: Site, **changes: object) -> dict[str, str]:
    def trust() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(site.folder / "fullchain.pem"))

    address = PublicAddress(
        f"https://{HOST}",
        trust=trust,
        tls=("127.0.0.1", site.tls),
        plain=("127.0.0.1", site.plain),
    )
    found = check_public_address(replace(address, **changes))  # type: ignore[arg-type]
    return {one.what: f"{one.symbol} {one.found}" for one in found}


def test_the_doctor_checks_what_browsers_meet(site: Site) -> None:
    assert _findings(site) == {
        "TLS": "✓ TLS before 1.2 is refused",
        "HTTP": "✓ redirected to HTTPS",
        "HSTS": "✓ max-age=63072000; includeSubDomains; preload",
        "firewall": "✓ refuses 2 test attacks",
    }
    # The backend answers plain HTTP with the redirect of its own; a port of TLS does not.
    assert _findings(site, plain=("127.0.0.1", site.tls))["HTTP"].startswith("✗ answers 400")


def test_the_doctor_finds_old_tls_a_short_hsts_and_a_missing_firewall(site: Site) -> None:
    assert [can_speak(version) for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)] == [
        True,
        True,
    ]
    with _old_server(site) as port:
        found = _findings(site, tls=("127.0.0.1", port))
    assert found["TLS"] == "✗ accepts TLSv1, TLSv1_1"
    assert found["HSTS"] == "✗ max-age=600"
    assert found["firewall"].startswith("– none that refuses a test attack")


@contextlib.contextmanager
def _old_server(site: Site) -> Iterator[int]:
    """Answer every request over any version of TLS, with a short HSTS and no firewall."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Strict-Transport-Security", "max-age=600")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            pass  # Handshakes without a request end so.

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.folder / "fullchain.pem", site.folder / "privkey.pem")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def _passing_on(site: Site) -> Iterator[int]:
    """End TLS for one connection and pass on whatever comes at once, as a proxy that does not buffer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.folder / "fullchain.pem", site.folder / "privkey.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def pass_on() -> None:
            client = context.wrap_socket(listener.accept()[0], server_side=True)
            with client, socket.create_connection(("127.0.0.1", site.backend)) as behind:
                behind.sendall(client.recv(65536))
                client.sendall(behind.recv(65536))

        done = pool.submit(pass_on)
        yield listener.getsockname()[1]
        done.result()


def _trickle(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the ones that take too long are dropped
        one.sendall(b"a")


def test_large_request_bodies_are_accepted_by_the_import_url_only(site: Site) -> None:
    assert (reverse("ingest:import").encode(),) == LARGE_BODIES_AT
    answers = {}
    for path in ("/sign-in/", "/imports/"):
        with socket.create_connection(("127.0.0.1", site.backend), 60) as raw:
            raw.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-Proto:"
                " https\r\nContent-Length: 400000\r\n\r\n".encode()
                + bytes(400000)
            )
            answers[path] = raw.recv(12)
    assert answers == {"/sign-in/": b"HTTP/1.1 413", "/imports/": b"HTTP/1.1 302"}
