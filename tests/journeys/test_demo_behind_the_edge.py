"""`make demo-edge`: the demo behind nginx, over HTTPS, with a certificate authority of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.demo_deployment import ROOT, free_ports, running_demo
from tests.integration.edge.edge_site import noting_server

from theseller.cli.demo_nginx import DemoEdge, EdgePorts, find_nginx
from theseller.cli.errors import CommandError
from theseller.cli.supervisor import Program
from theseller.cli.tcp_ports import is_free
from theseller.lib import clock
from theseller.postgres.os_processes import ProcessMark
from theseller.postgres.server import make_folder


class _Browser:
    """Makes requests over HTTPS that trust the demo's certificate authority only."""

    def __init__(self, state: Path, port: int) -> None:
        self._port = port
        self._trust = ssl.create_default_context(cafile=str(state / "edge" / "ca.pem"))
        self.cookies: dict[str, str] = {}

    def ask(
        self, path: str, form: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPSConnection(
            "localhost", self._port, context=self._trust, timeout=60
        )
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Referer": f"https://localhost:{self._port}{path}"}
        if form is None:
            connection.request("GET", path, headers=headers)
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request("POST", path, urlencode(form), headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(cookie).items():
                self.cookies[name] = morsel.value
        return answer, body


def _redirected_to(port: int) -> str | None:
    plain = http.client.HTTPConnection("localhost", port, timeout=60)
    plain.request("GET", "/security/")
    location = plain.getresponse().headers["Location"]
    plain.close()
    return location


@contextlib.contextmanager
def _edge_alone(folder: Path) -> Iterator[tuple[Path, Program, EdgePorts]]:
    """Run the edge of a demo in front of a server of this process; give its state and program."""
    nginx = subprocess.run([ROOT / "bin" / "nginx"], capture_output=True, text=True, check=True)
    backend, tls, plain = free_ports(3)
    ports, state = EdgePorts(tls, plain), folder / "state"
    for name in ("processes", "log"):
        make_folder(state / name, 0o700)
    edge = DemoEdge(state, nginx.stdout.strip(), ports, backend=backend)
    with noting_server(backend, {}):
        program = edge.program(state, {}, at=clock.now())
        program.start_patience = 120.0
        try:
            program.start()
            yield state, program, ports
        finally:
            program.terminate()
            program.close()
            edge.remove_files()


def test_the_edge_of_a_demo_serves_https_and_stops_without_a_trace(tmp_path: Path) -> None:
    with _edge_alone(tmp_path) as (state, program, ports):
        browser = _Browser(state, ports.tls)
        assert browser.ask("/products/?q=O'Brien")[0].status == 200
        assert browser.ask("/products/?q=1'+UNION+SELECT+1--")[0].status == 403
        assert _redirected_to(ports.plain) == f"https://localhost:{ports.tls}/security/"
        running = ProcessMark.load(program.mark_file)
        assert running is not None
        if os.getuid() == 0:  # nginx has no rights of root, and keeps none to take them back
            status = Path(f"/proc/{running.pid}/status").read_text()
            assert "\nUid:\t0" not in status
            assert re.search(r"\nCapPrm:\t0+\n", status)
        folder = Path((state / "edge" / "folder").read_text())
        assert (folder / "nginx.conf").exists()
        before = (state / "edge" / "fullchain.pem").read_bytes()
        # Killed and started again, as by the supervisor.
        os.kill(running.pid, signal.SIGKILL)
        program.start()
        assert browser.ask("/")[0].status == 200
    assert (program.poll(), folder.exists()) == (0, False)
    assert is_free(ports.tls)
    assert is_free(ports.plain)
    with _edge_alone(tmp_path):  # certificates are kept, so that they need be trusted once only
        assert (state / "edge" / "fullchain.pem").read_bytes() == before


@pytest.mark.exhaustive
def test_the_demo_runs_behind_the_edge_and_stops_without_a_trace() -> None:
    tls, plain = free_ports(2)
    ports = {"THESELLER_EDGE_PORT": str(tls), "THESELLER_EDGE_HTTP_PORT": str(plain)}
    with running_demo(settings=ports, options=("--edge",)) as demo:
        browser = _Browser(demo.state, tls)
        answer, page = browser.ask("/sign-in/")
        assert answer.headers["Strict-Transport-Security"].endswith("; preload")
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found is not None
        form = {"csrfmiddlewaretoken": found[1], "email": "alice@example.com"}
        answer, _ = browser.ask("/sign-in/", {**form, "password": demo.password})
        assert answer.status == 302
        assert "__Host-theseller_session" in browser.cookies
        assert browser.ask("/products/?q=O'Brien")[0].status == 200
        assert browser.ask("/products/?q=1'+UNION+SELECT+1--")[0].status == 403

        assert _redirected_to(plain) == f"https://localhost:{tls}/security/"

        folder = Path((demo.state / "edge" / "folder").read_text())
        assert (folder / "nginx.conf").exists()
        nginx = demo.process("edge")
        demo.stop()
        assert not nginx.alive()
        assert not folder.exists()
        assert is_free(tls)
        assert is_free(plain)


def test_missing_packages_are_named(tmp_path: Path) -> None:
    bare = tmp_path / "nginx"
    bare.write_text("#!/bin/sh\necho '--modules-path=/nowhere' >&2\n")
    bare.chmod(0o755)
    with pytest.raises(CommandError, match=r"/nowhere/ngx_http_modsecurity_module\.so") as raised:
        find_nginx({"NGINX": str(bare)})
    assert "apt-get install nginx-light libnginx-mod-http-modsecurity" in raised.value.advice
