# Django and the test database are set up before our modules are imported; drivers are untyped.
"""Benchmark: pages from 1, 2 and 4 web processes, side by side.

One shop of 60,000 order items. Each number of processes serves at a port of its own, as `theseller
serve` starts it. wrk requests two pages from eight connections that stay open: the dashboard of 28
days with a signed-in session, and the start page without one, which reads no database. Blocks of a
few seconds take turns; of each round the rate of 2 or 4 processes is divided by that of one, and
the median of the rounds counts. wrk, web and database share the machine, so that on two processors
four processes can't serve four times as much. Printed beside the ratios: p50, p95, and how much
processor time of the web and of the database a page took.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._load_generator import Block, load
from benchmarks._processes import cpu_seconds, memory_bytes, parent

ITEMS = 60_000
CONNECTIONS, BLOCK_SECONDS, ROUNDS = 8, 4, 5
PROCESSES = (1, 2, 4)
#: On two processors, which also run wrk and the database.
BARS = {2: 1.0, 4: 0.9}


@dataclass(frozen=True, slots=True)
class Page:
    """A page, whether it needs a session, and a text by which it is recognized."""

    name: str
    path: str
    signed_in: bool
    marker: str


PAGES = (
    Page("signed-in dashboard, 28 days", "/?period=28d", signed_in=True, marker="<svg"),
    Page("public start page", "/", signed_in=False, marker="/sign-in/"),
)


@dataclass(slots=True)
class Served:
    """A running `theseller serve`, and what was measured of each page."""

    process: subprocess.Popen[bytes]
    port: int
    cookie: str = ""
    blocks: dict[Page, list[Block]] = field(default_factory=lambda: {page: [] for page in PAGES})
    web_cpu: dict[Page, float] = field(default_factory=lambda: dict.fromkeys(PAGES, 0.0))
    database_cpu: dict[Page, float] = field(default_factory=lambda: dict.fromkeys(PAGES, 0.0))
    memory: int = 0

    def cookie_for(self, page: Page) -> str:
        """Return the header that the page is requested with."""
        return self.cookie if page.signed_in else ""

    def check(self, page: Page) -> None:
        """Request the page once: wrk takes a redirect for an answer as good as any."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", page.path, headers={"Cookie": self.cookie_for(page)})
            answer = connection.getresponse()
            text = answer.read().decode()
        assert answer.status == 200, (page.name, answer.status)
        assert page.marker in text, (page.name, text[:500])

    def measure(self, page: Page, postgres: int) -> None:
        """Request the page for the length of a block, longer if nothing was answered."""
        web, database = cpu_seconds(self.process.pid), cpu_seconds(postgres)
        url = f"http://127.0.0.1:{self.port}{page.path}"
        for seconds in (BLOCK_SECONDS, 4 * BLOCK_SECONDS, 16 * BLOCK_SECONDS):
            block = load(
                url, connections=CONNECTIONS, seconds=seconds, cookie=self.cookie_for(page)
            )
            if block:
                self.blocks[page].append(block)
                break
        else:
            raise TimeoutError(f"{page.name}: no answer in a minute")
        self.web_cpu[page] += cpu_seconds(self.process.pid) - web
        self.database_cpu[page] += cpu_seconds(postgres) - database

    def per_request(self, page: Page, seconds: float) -> float:
        """Return milliseconds for each request of the page."""
        return seconds * 1000 / sum(block.requests for block in self.blocks[page])


def run() -> list[dict[str, Any]]:
    """Measure; return name, ours, baseline, ratio, unit and bar of 2 and of 4 processes."""
    from tests import conftest as setting

    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        return measure(database)
    finally:
        next(fixture, None)


def measure(database: str, *, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Serve the database's shop by each number of processes, in turns."""
    from tests.database import test_server

    email, password, postgres = _load(database)
    url = f"postgresql:///{database}?host={test_server().socket_dir}"
    with contextlib.ExitStack() as stack:
        # All at once: each spends its first seconds with imports.
        served = {number: _start(stack, url, number) for number in PROCESSES}
        for one in served.values():
            _wait(one)
            one.cookie = _sign_in(one.port, email, password)
            for page in PAGES:
                one.check(page)
        for turn in range(rounds):
            for page in PAGES:
                for number in PROCESSES if turn % 2 else reversed(PROCESSES):
                    served[number].measure(page, postgres)
        for one in served.values():
            one.memory = memory_bytes(one.process.pid)
            for page in PAGES:
                one.check(page)
    return [result for page in PAGES for result in _results(page, served)]


def _results(page: Page, served: dict[int, Served]) -> Iterator[dict[str, Any]]:
    found = {number: one.blocks[page] for number, one in served.items()}
    for number, one in served.items():
        print(
            f"  {page.name}, {number} process(es): {_median(found[number], 'rate'):.1f} pages/s,"
            f" p50 {_median(found[number], 'p50_ms'):.0f} ms, p95"
            f" {_median(found[number], 'p95_ms'):.0f} ms; processor time of a page: web"
            f" {one.per_request(page, one.web_cpu[page]):.1f} ms, database"
            f" {one.per_request(page, one.database_cpu[page]):.1f} ms; memory"
            f" {one.memory / 1e6:.0f} MB"
        )
    for number in PROCESSES[1:]:
        pairs = list(zip(found[number], found[1], strict=True))
        one = served[number]
        yield {
            "name": f"{page.name}: {number} web processes / 1",
            "ours": _median(found[number], "rate"),
            "baseline": _median(found[1], "rate"),
            "ratio": median(mine.rate / single.rate for mine, single in pairs),
            "unit": "pages/s",
            "bar": BARS[number],
            "p50_ms": _median(found[number], "p50_ms"),
            "p95_ms": _median(found[number], "p95_ms"),
            "baseline_p50_ms": _median(found[1], "p50_ms"),
            "baseline_p95_ms": _median(found[1], "p95_ms"),
            "p95_ratio": median(mine.p95_ms / single.p95_ms for mine, single in pairs),
            "web_cpu_ms": one.per_request(page, one.web_cpu[page]),
            "database_cpu_ms": one.per_request(page, one.database_cpu[page]),
            "memory_mb": one.memory / 1e6,
        }


def _median(blocks: Sequence[Block], name: str) -> float:
    return median(getattr(block, name) for block in blocks)


def _load(database: str) -> tuple[str, str, int]:
    """Load one shop; return how its owner signs in, and the server's process."""
    import psycopg
    from benchmarks import dashboard
    from tests.cast import PASSWORD, create_cast
    from tests.database import test_server

    from theseller.lib import clock

    cast = create_cast(at=clock.now())
    # The newest day of the figures is today's, so that the period on the page is full.
    last = clock.now().date()
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "select guard.ensure_months(%s, %s)",
            [last - timedelta(days=dashboard.DAYS + 31), last],
        )
        superuser.execute(
            dashboard.LOAD,
            {
                "tenant": cast.alices_shop,
                "stores": list(dashboard.STORES),
                "last": last,
                "days": dashboard.DAYS,
                "items": ITEMS,
                "products": 400,
            },
        )
        superuser.execute(dashboard.DAY)
        superuser.execute(dashboard.DAY_PRODUCT)
        superuser.execute("vacuum analyze")
        backend = superuser.info.backend_pid
        return cast.alice.email, PASSWORD, parent(backend)


def _start(stack: contextlib.ExitStack, url: str, number: int) -> Served:
    from tests.demo_deployment import ROOT, free_ports

    (port,) = free_ports(1)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "theseller.cli.main", "serve", "--port", str(port), "--workers",
            str(number)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    stack.callback(_stop, process)
    return Served(process, port)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(one: Served) -> None:
    """Wait until the web answers."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert one.process.poll() is None, "the web ended"
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)
            with contextlib.closing(connection):
                connection.request("GET", "/sign-in/")
                if connection.getresponse().status == 200:
                    return
        time.sleep(0.2)
    raise TimeoutError("the web does not start")


def _sign_in(port: int, email: str, password: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    cookies: dict[str, str] = {}

    def ask(method: str, body: str | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        if body is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://127.0.0.1:{port}",
            }
        connection.request(method, "/sign-in/", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            cookies[name] = value
        return answer.status, text

    with contextlib.closing(connection):
        found = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', ask("GET")[1])
        assert found is not None
        form = {"email": email, "password": password, "csrfmiddlewaretoken": found[1]}
        status, text = ask("POST", urlencode(form))
    assert status == 302, text[:500]
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
