"""kill -9 in the middle of a backfill: the worker, the web, PostgreSQL, the whole demo.

Nothing is lost, nothing is doubled, and the backfill continues.

One seller's history arrives once, and everything is killed during it; then every day of it is
compared with what Amazon knows.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from tests.demo_deployment import Demo, running_demo
from tests.expected_figures import (
    SMALL_SELLER,
    ExpectedFigures,
    ExpectedLedger,
    ExpectedSales,
    moments,
)

from theseller.lib import clock
from theseller.postgres.os_processes import ProcessMark, process_mark, wait_until

pytestmark = pytest.mark.timeout(2400)
TENANT = "a11ce000-0000-7000-8000-000000000001"
UK, STORES = "A1F83G8C2ARO7P", ("UK", "DE")
PATIENCE = 900.0  # the whole history of a seller, on a machine three times slower
#: Newer days are still moving while they are compared.
SETTLED_AFTER = timedelta(days=4)
#: A backfill reaches back nineteen months of thirty days, and facts are kept for eighteen calendar
#: months: compare what is surely there.
REACH = timedelta(days=530)
#: How long ago the first rows of this test were pulled, at most.
LASTED = timedelta(minutes=15)


@pytest.fixture
def demo() -> Iterator[Demo]:
    with running_demo() as running:
        _slow_down(running)
        yield running


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return what shows a sentence to the person who runs the tests, also when they pass."""

    def write(sentence: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {sentence}")

    return write


@pytest.mark.parametrize(
    "every",
    [False, pytest.param(True, marks=pytest.mark.exhaustive)],
    ids=["most kills", "every kill"],
)
def test_backfill_interrupted_by_kills_stores_every_row_exactly_once(
    demo: Demo, say: Callable[[str], None], *, every: bool
) -> None:
    connect(demo, "alice@example.com", UK, SMALL_SELLER)
    say(_killed_while_it_arrives(demo, "the worker", lambda: _kill_program(demo, "worker")))
    say(_killed_while_it_arrives(demo, "gunicorn's master", lambda: _kill_program(demo, "web")))
    _wait(demo, "the web answers again", lambda: _answers(demo))
    if every:
        _kill_parts(demo, say)
    say(_killed_while_it_arrives(demo, "all of PostgreSQL", lambda: _kill(_postgres(demo))))
    before = _facts(demo)
    demo.kill()
    say(f"killed everything; a new start took {demo.start():.1f} s")
    after = _facts(demo)
    assert all(after[table] >= rows for table, rows in before.items()), (
        "the kill of everything lost committed rows"
    )
    _wait(demo, "the history is complete", lambda: _complete(demo))
    say(f"the history is complete at {_rows(demo)} rows")
    for code in STORES:
        _equals_the_truth(demo, code)
    _nothing_is_doubled(demo)


def _kill_parts(demo: Demo, say: Callable[[str], None]) -> None:
    """Kill one process of a program of which the other kills end all."""
    say(
        _killed_while_it_arrives(
            demo, "one of gunicorn's workers", lambda: _kill([_child_of(demo.process("web"))])
        )
    )
    say(
        _killed_while_it_arrives(
            demo, "PostgreSQL's first process", lambda: _kill([demo.postmaster()])
        )
    )
    _wait(demo, "the web answers after PostgreSQL came back", lambda: _answers(demo, "/sign-in/"))


def _killed_while_it_arrives(demo: Demo, what: str, kill: Callable[[], None]) -> str:
    """Kill something while rows arrive; return how long it took until more rows arrived."""
    begun = _rows(demo) + 100
    _wait(
        demo,
        f"rows arrive before the kill of {what}",
        lambda: _rows(demo) > begun or _complete(demo),
    )
    assert not _complete(demo), f"the backfill ended before {what} was killed: nothing was proven"
    before, killed = _facts(demo), time.monotonic()
    kill()
    _wait(
        demo,
        f"rows arrive after the kill of {what}",
        lambda: _rows(demo) > sum(before.values()) or _complete(demo),
    )
    assert all(_facts(demo)[table] >= rows for table, rows in before.items()), (
        f"the kill of {what} lost committed rows"
    )
    return (
        f"killed {what} at {sum(before.values())} rows; more arrived after"
        f" {time.monotonic() - killed:.1f} s"
    )


def _slow_down(demo: Demo) -> None:
    """Delay each answer of Amazon, so that all kills fall into a running backfill.

    Without it a fast machine would be done before.

    The emulator loses it when everything is killed, and the rest arrives at full speed.
    """
    with closing(http.client.HTTPConnection("127.0.0.1", demo.emulator_port, timeout=20)) as amazon:
        amazon.request("POST", "/_emulator/faults", json.dumps({"operation": "*", "kind": "slow"}))
        assert amazon.getresponse().status == 201


def _kill_program(demo: Demo, name: str) -> None:
    """Kill one of the supervisor's programs, and check that it is another one that runs afterwards."""
    killed = demo.process(name)
    _kill([killed])
    _wait(demo, f"{name} runs again", lambda: _other(demo, name, killed))


def _other(demo: Demo, name: str, killed: ProcessMark) -> bool:
    found = ProcessMark.load(demo.state / "processes" / f"{name}.pid")
    return found is not None and found != killed and found.alive()


def _kill(processes: list[ProcessMark]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # A backend may end by itself between the two.
            if process.alive():
                os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(process.alive() for process in processes), 60.0)


def _child_of(parent: ProcessMark) -> ProcessMark:
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    found = process_mark(int(children[0])) if children else None
    assert found is not None, "gunicorn has no worker"
    return found


def _postgres(demo: Demo) -> list[ProcessMark]:
    """Return PostgreSQL's first process and all that it started, children first.

    None of them may clean up after the others.
    """
    first = demo.postmaster()
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    found = [process_mark(int(child)) for child in children]
    return [*(child for child in found if child is not None), first]


def _wait(demo: Demo, what: str, holds: Callable[[], bool]) -> None:
    def requested() -> bool:
        try:
            return holds()
        except (OSError, psycopg.OperationalError):
            return False  # what was killed is not back yet

    assert wait_until(requested, PATIENCE, step=0.5), f"waited in vain: {what}\n{demo.last_words()}"


def _facts(demo: Demo) -> dict[str, int]:
    """Return how many rows each table of facts has."""
    tables = ("ingest_order_line", "ingest_document", "ingest_product")
    query = " union all ".join(
        f"select '{table}', count(*) from {table} where tenant_id = '{TENANT}'" for table in tables
    )
    return {str(table): int(rows) for table, rows in demo.rows(query)}


def _rows(demo: Demo) -> int:
    return sum(_facts(demo).values())


def _complete(demo: Demo) -> bool:
    """Return whether every stream has reached its end and no day waits to be added up."""
    waiting = demo.rows(
        "select count(*) from ingest_stream where name <> 'traffic' and work_done <"
        " work_total and last_outcome <> 'role_missing'"
    )
    return (
        waiting == [(0,)]
        and demo.rows("select count(*) from ingest_dirty_day") == [(0,)]
        and bool(demo.rows("select 1 from ingest_stream"))
    )


def _answers(demo: Demo, path: str = "/healthz") -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", demo.web_port, timeout=10)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _equals_the_truth(demo: Demo, code: str) -> None:
    """Compare each day of a store, order book and ledger, with the emulated Amazon's own."""
    truth, at = ExpectedFigures(SMALL_SELLER, code), clock.now()
    last = truth.store.marketplace.local_day(at - SETTLED_AFTER)
    first = last - REACH
    stored = {row[0]: row[1:] for row in demo.rows(
        "select local_day, ledger_source, orders, units, ordered_sales, refunded_sales, fees,"
        " net_proceeds from analytics_day"
        " where tenant_id = %s and marketplace_id = %s and local_day between %s and %s and"
        " currency = %s",
        (TENANT, truth.marketplace, first, last, truth.store.marketplace.currency),
    )}  # fmt: skip
    sold, earned = truth.sold(first, last, at), truth.earned(first, last, at)
    kept = {day: _kept(stored.get(day)) for day in sold}
    wrong = {
        day: (kept[day], (sold[day], earned[day]))
        for day in sold
        if kept[day] != (sold[day], earned[day])
    }
    # What changed at Amazon after it was pulled is stored as it was: it equals the truth of an
    # earlier moment of this test.
    for when in moments(at - LASTED, at):
        for day in sorted(wrong):
            if kept[day] == (truth.sold(day, day, when)[day], truth.earned(day, day, when)[day]):
                del wrong[day]
    assert not wrong, (
        f"{len(wrong)} of {len(sold)} days of {code} differ from the truth (kept, true):"
        f" {list(wrong.items())[:3]}"
    )


def _kept(row: tuple[Any, ...] | None) -> tuple[ExpectedSales, ExpectedLedger]:
    return (
        (ExpectedSales(*row[1:4]), ExpectedLedger(*row[4:]))
        if row
        else (ExpectedSales(), ExpectedLedger())
    )


def _nothing_is_doubled(demo: Demo) -> None:
    """Compare order lines with Amazon's count for each day, and the rollups with a recount.

    The base rows are counted by another way.
    """
    at = clock.now()
    for code in STORES:
        truth = ExpectedFigures(SMALL_SELLER, code)
        last = truth.store.marketplace.local_day(at - SETTLED_AFTER)
        lines = {row[0]: int(row[1]) for row in demo.rows(
            "select local_day, count(*) from ingest_order_line where tenant_id = %s and"
            " marketplace_id = %s group by 1",
            (TENANT, truth.marketplace),
        )}  # fmt: skip
        for offset in range(REACH.days):
            day = last - timedelta(days=offset)
            assert lines.get(day, 0) == truth.order_lines(day, at), f"{code} {day}"
    documents = demo.rows(
        "select source_key, count(*) from ingest_document where report_type like '%%SETTLEMENT%%'"
        " group by 1 having count(*) > 1"
    )
    assert not documents, "a settlement was recorded twice"


def connect(demo: Demo, email: str, store: str, seller: str) -> None:
    """Sign in and connect by plain HTTP, as the browser does in the journey."""
    jar: dict[str, str] = {}
    _fetch(demo, jar, "/sign-in/")
    _post(demo, jar, "/sign-in/", {"email": email, "password": demo.password})
    _fetch(demo, jar, "/connections/new/")
    choice = [("features", "sales"), ("features", "finances"), ("marketplace", store)]
    consent = _post(demo, jar, "/connections/attempts/", choice)
    requested = urlsplit(consent)
    with closing(http.client.HTTPConnection("127.0.0.1", demo.emulator_port, timeout=20)) as amazon:
        form = f"{requested.query}&{urlencode({'account': seller, 'decision': 'confirm'})}"
        amazon.request(
            "POST", requested.path, form, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        answer = amazon.getresponse()
        answer.read()
        back = urlsplit(str(answer.getheader("Location")))
    assert back.path == "/connections/callback/", answer.status
    assert _fetch(demo, jar, f"{back.path}?{back.query}") == "/connections/"


def _fetch(demo: Demo, jar: dict[str, str], path: str, body: str | None = None) -> str:
    """Ask for a page with the cookies of `jar` and keep what it sets; return where it leads, or its text."""
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
        "Origin": demo.web,
    }
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with closing(http.client.HTTPConnection("127.0.0.1", demo.web_port, timeout=20)) as web:
        web.request("GET" if body is None else "POST", path, body, headers)
        answer = web.getresponse()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, content = value.partition(";")[0].partition("=")
                jar[key] = content
        text = answer.read().decode()
    assert answer.status < 400, f"{path}: {answer.status}"
    if found := re.search('name="csrfmiddlewaretoken" value="([^"]+)"', text):
        jar["csrfmiddlewaretoken"] = found.group(1)
    return str(answer.getheader("Location") or text)


def _post(
    demo: Demo, jar: dict[str, str], path: str, form: dict[str, str] | list[tuple[str, str]]
) -> str:
    token = jar.pop("csrfmiddlewaretoken")
    fields = list(form.items()) if isinstance(form, dict) else form
    return _fetch(demo, jar, path, urlencode([*fields, ("csrfmiddlewaretoken", token)]))
