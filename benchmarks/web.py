# Django and the test database are set up before our modules are imported; drivers are untyped.
"""Benchmark: the signed-in dashboard from 1, 2 and 4 web processes, side by side.

One shop of 60,000 order items. Each number of processes serves at a port of its own, as `theseller
serve` starts it; blocks of requests take turns, from eight connections that stay open. Client, web
and database share the machine. Ours is the requests a second of 2 or 4 processes, the baseline that
of one. Printed beside them: p95, and how much processor time of the web a page took.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ITEMS = 60_000
CONNECTIONS, BLOCK_SECONDS, ROUNDS = 8, 8.0, 4
PROCESSES = (1, 2, 4)
#: Two processes on two cores, which also run the client and the database.
BARS = {2: 1.0, 4: 0.9}
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Served:
    """A running `theseller serve`, and what was measured of it."""

    process: subprocess.Popen[bytes]
    port: int
    cookie: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    times: list[float] = field(default_factory=list)

    def get(self, connection: http.client.HTTPConnection) -> int:
        """Ask for the dashboard of 28 days."""
        connection.request("GET", "/?period=28d", headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def run() -> list[dict[str, Any]]:
    """Measure; return name, ours, baseline, ratio, unit and bar of 2 and of 4 processes."""
    from tests import conftest as setting
    from tests.database import test_server

    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        email, password = _load(database)
        url = f"postgresql:///{database}?host={test_server().socket_dir}"
        with contextlib.ExitStack() as stack:
            served = {number: _serve(stack, url, number) for number in PROCESSES}
            for one in served.values():
                one.cookie = _sign_in(one.port, email, password)
            for turn in range(ROUNDS):
                for number in PROCESSES if turn % 2 else reversed(PROCESSES):
                    _block(served[number])
        return _results(served)
    finally:
        next(fixture, None)


def _results(served: dict[int, Served]) -> list[dict[str, Any]]:
    rates = {number: len(one.times) / one.seconds for number, one in served.items()}
    for number, one in served.items():
        print(
            f"  {number} process(es): {rates[number]:.1f} pages/s, p95"
            f" {quantiles(one.times, n=20)[-1] * 1000:.0f} ms,"
            f" {one.cpu / len(one.times) * 1000:.1f} ms of a processor in the web per page"
        )
    return [
        {
            "name": f"dashboard, {number} web processes against 1",
            "ours": rates[number],
            "baseline": rates[1],
            "ratio": rates[number] / rates[1],
            "unit": "pages/s",
            "bar": BARS[number],
        }
        for number in PROCESSES[1:]
    ]


def _load(database: str) -> tuple[str, str]:
    """Load one shop; return how its owner signs in."""
    import psycopg
    from benchmarks import dashboard
    from tests.cast import PASSWORD, create_cast
    from tests.database import test_server

    from theseller.lib import clock

    cast = create_cast(at=clock.now())
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "select guard.ensure_months(%s, %s)",
            [dashboard.LAST - timedelta(days=dashboard.DAYS + 31), dashboard.LAST],
        )
        superuser.execute(
            dashboard.LOAD,
            {
                "tenant": cast.alices_shop,
                "stores": list(dashboard.STORES),
                "last": dashboard.LAST,
                "days": dashboard.DAYS,
                "items": ITEMS,
                "products": 400,
            },
        )
        superuser.execute(dashboard.DAY)
        superuser.execute(dashboard.DAY_PRODUCT)
        superuser.execute("vacuum analyze")
        size = superuser.execute(
            "select sum(pg_total_relation_size(c.oid))::float from pg_class c where relkind in"
            " ('r', 'p') and relname like any (array['ingest_order_line%', 'analytics_day%'])"
        ).fetchone()
    print(f"  {(size or (0,))[0] / ITEMS:.0f} bytes of tables and indexes per order item")
    return cast.alice.email, PASSWORD


def _serve(stack: contextlib.ExitStack, url: str, number: int) -> Served:
    from tests.demo_deployment import ROOT, free_ports

    (port,) = free_ports(1)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "theseller.cli.main", "serve", "--port", str(port), "--workers",
            str(number)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(os.killpg, process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/sign-in/")
            if connection.getresponse().status == 200:
                return Served(process, port)
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

    found = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', ask("GET")[1])
    assert found is not None
    form = {"email": email, "password": password, "csrfmiddlewaretoken": found[1]}
    status, text = ask("POST", urlencode(form))
    assert status == 302, text[:500]
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _block(one: Served) -> None:
    """Ask from all connections for the length of a block."""
    until = time.perf_counter() + BLOCK_SECONDS

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)
        while (begun := time.perf_counter()) < until:
            assert one.get(connection) == 200
            one.times.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    cpu, begun = _cpu_of(one.process.pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.seconds += time.perf_counter() - begun
    one.cpu += _cpu_of(one.process.pid) - cpu


def _cpu_of(group: int) -> float:
    """Return the processor seconds of a process and its children."""
    total = 0
    for pid in (group, *_children(group)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
