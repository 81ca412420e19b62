"""The page in a real browser, wide and at phone width, light and dark.

Nothing that the policy refuses, nothing that axe objects to.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
import pytest
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from playwright.sync_api import Browser, sync_playwright
from tests.browser.accessibility import violations_by_scheme
from tests.database import test_server
from tests.sabotage.deployment import set_up
from typing_extensions import override

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.operations import run_control
from theseller.lib import clock

CHROMIUM = (
    os.environ.get("THESELLER_CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no chromium on this machine: install it or name it in THESELLER_CHROMIUM",
)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[str]:
    """Serve the product with a page of many colours: one control broken, one stale, one never checked."""
    set_up()
    at = clock.now()
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("alter table ingest_product no force row level security")
        try:
            for control in sorted(set(CATALOGUE) - {"aup-no-training"}):
                run_control(
                    control,
                    at=at
                    - (timedelta(hours=5) if control == "pii-strip" else timedelta(minutes=4)),
                )
        finally:
            superuser.execute("alter table ingest_product force row level security")
    with override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
        server = make_server(
            "127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Quiet
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", ["/security/", "/security/net-tenant-isolation/"])
def test_security_page_has_no_csp_axe_or_overflow_errors(
    site: str, browser: Browser, path: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(site + path)
    folder = os.environ.get("THESELLER_SCREENSHOTS")
    for scheme in ("dark", "light") if folder else ():
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.screenshot(
            path=f"{folder}/security{path.replace('/', '-')}{width}-{scheme}.png", full_page=True
        )
    assert violations_by_scheme(page) == {"light": [], "dark": []}
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []
    if path == "/security/":
        page.click("text=One shop's rows do not exist for another >> nth=0")
        assert page.url.endswith("#net-tenant-isolation")
    page.close()
