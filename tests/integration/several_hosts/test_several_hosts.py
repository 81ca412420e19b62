"""Two web and two worker hosts against one PostgreSQL over TLS, each with a folder of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from tests.crash.test_kill_during_backfill import (
    STORES,
    TENANT,
    UK,
    _equals_the_truth,
    _nothing_is_doubled,
)
from tests.demo_deployment import ROOT, Demo
from tests.expected_figures import SMALL_SELLER
from tests.integration.deployment import WITH_DJANGO
from tests.integration.several_hosts.deployment import WEBS, WORKERS, Site, Visitor, site

from theseller.accounts.sign_in_rate_limits import _RATES, SIGN_IN
from theseller.amazon.spapi_operations import OPERATIONS
from theseller.lib import clock

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3000)]
PATIENCE = 900.0
_FACTS = ("ingest_order_line", "ingest_document", "ingest_product")


@pytest.fixture(scope="module")
def built() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture
def served(built: Site) -> Site:
    """The deployment with everything running, and each host configured alike."""
    for name, host in built.hosts.items():
        kind = "serve" if name in WEBS else "worker"
        host.environ.pop("THESELLER_RESTRICTED_ROLES", None)
        host.environ["THESELLER_SECRET_PROVIDER"] = "vault"
        if kind not in host.processes:
            built.serve(name) if kind == "serve" else host.start("worker")
    for web in WEBS:
        built.wait(f"{web} serves", lambda web=web: built.ready(web))  # type: ignore[misc]
    built.wait("all hosts report", lambda: len(_reported(built)) == 4)
    return built


def _reported(found: Site) -> set[str]:
    return {
        str(name)
        for (name,) in found.rows(
            "select name from tenancy_host where seen_at > now() - interval '30 seconds'"
        )
    }


def _facts(found: Site) -> int:
    query = " union all ".join(f"select count(*) from {table}" for table in _FACTS)
    return sum(int(row[0]) for row in found.rows(query))


def _complete(found: Site) -> bool:
    waiting = found.rows(
        "select count(*) from ingest_stream where name <> 'traffic' and work_done <"
        " work_total and last_outcome <> 'role_missing'"
    )
    dirty = found.rows("select count(*) from ingest_dirty_day")
    return waiting == dirty == [(0,)] and bool(found.rows("select 1 from ingest_stream"))


@dataclass(frozen=True)
class _Rows:
    """What the comparisons of the crash test read."""

    found: Site

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self.found.rows(query, *parameters)


def _status(found: Site, host: str) -> dict[str, Any]:
    done = found.hosts[host].theseller("status", "--json")
    return dict(json.loads(done.stdout))


def test_a_journey_survives_the_loss_of_a_worker_host(served: Site, tmp_path: Path) -> None:
    alice = Visitor(served)
    assert alice.sign_in("alice@example.com", served.people["alice@example.com"]) == 302
    served.slow_amazon()
    alice.connect(UK, SMALL_SELLER)
    served.wait("rows arrive", lambda: _facts(served) > 200, patience=PATIENCE)
    _lose_a_worker_amid_work(served)
    before = _facts(served)
    served.wait("rows arrive again", lambda: _facts(served) > before, patience=PATIENCE)
    served.wait("the history is complete", lambda: _complete(served), patience=PATIENCE * 2)
    for code in STORES:
        _equals_the_truth(cast("Demo", _Rows(served)), code)
    _nothing_is_doubled(cast("Demo", _Rows(served)))
    status, _, page = alice.ask("/")
    assert status == 200
    assert "Net proceeds" in page
    served.hosts["worker1"].start("worker")
    served.wait("worker1 reports again", lambda: "worker1" in _reported(served))
    _disconnect_and_verify(served, alice, tmp_path)
    _each_host_has_the_whole_of_it(served)


def _lose_a_worker_amid_work(served: Site) -> None:
    running = "select worker_id from procrastinate_jobs where status = 'doing' and task_name = %s"
    served.wait(
        "both workers pull",
        lambda: len(set(served.rows(running, "ingest.pull"))) == 2,
        patience=PATIENCE,
    )
    served.hosts["worker1"].kill("worker")
    served.wait("the host is silent", lambda: "worker1" not in _reported(served))
    problems = _status(served, "web1")["problems"]
    assert any("worker of host worker1 has not reported" in one for one in problems), problems
    log = served.hosts["worker2"].log
    served.wait(
        "its jobs run again",
        lambda: "jobs_of_ended_workers_requeued" in log.read_text(errors="replace"),
    )
    stalled = (
        "select count(*) from procrastinate_jobs j where j.status = 'doing' and not exists (select"
        " from procrastinate_workers w where w.id = j.worker_id)"
    )
    served.wait("no job is left behind", lambda: served.rows(stalled) == [(0,)])


def _disconnect_and_verify(served: Site, alice: Visitor, folder: Path) -> None:
    """Disconnect at a web host, have the other show the certificate, and check it."""
    ((connection,),) = served.rows(
        "select id::text from connections_connection where tenant_id = %s", TENANT
    )
    # A fresh sign-in is the proof that the page asks for.
    assert alice.sign_in("alice@example.com", served.people["alice@example.com"]) == 302
    path = f"/connections/{connection}/disconnection/"
    alice.ask(path)
    status, there, text = alice.ask(path, [("confirm", "DISCONNECT")])
    assert (status, there) == (302, f"/connections/{connection}/erasure/"), text
    certificate = folder / "certificate.json"

    def issued() -> bool:
        answer, _, content = alice.ask(f"/connections/{connection}/certificate.json")
        certificate.write_text(content)
        return answer == 200

    served.wait("the certificate is issued", issued, patience=PATIENCE)
    done = subprocess.run(
        [sys.executable, "-m", "theseller.cli.main", "verify-deletion-certificate", str(certificate)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    left = " union all ".join(
        f"select count(*) from {table} where tenant_id = '{TENANT}'" for table in _FACTS
    )
    assert served.rows(left) == [(0,)] * len(_FACTS)


def _each_host_has_the_whole_of_it(served: Site) -> None:
    """Check what each worker host knows without the other: journal, log, problems."""
    for worker in WORKERS:
        done = served.hosts[worker].theseller("replay-erasures")
        assert done.returncode == 0, done.stdout + done.stderr
    served.wait(
        "each worker has a copy of the checkpoints",
        lambda: all(
            (served.hosts[worker].state / "audit" / "checkpoints").exists() for worker in WORKERS
        ),
    )
    hosts = {(one["name"], one["process"]) for one in _status(served, "worker2")["hosts"]}
    assert hosts == {(web, "web") for web in WEBS} | {(worker, "worker") for worker in WORKERS}


def test_webs_are_restarted_one_by_one_without_a_failed_request(served: Site) -> None:
    password, ended, answers = served.people["charlie@example.com"], threading.Event(), list[int]()
    visitors = [Visitor(served, f"127.0.0.{number}") for number in range(2, 6)]
    for one in visitors:
        assert one.sign_in("charlie@example.com", password) == 302

    def request_pages(one: Visitor) -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            answers.append(one.ask("/connections/")[0])
            if turn % 5 == 0:  # A form, which nginx sends once only.
                answers.append(one.ask("/connections/new/")[0])
                form = [("features", "sales"), ("marketplace", UK)]
                answers.append({302: 200, 303: 200, 429: 200}.get(status := one.ask(
                    "/connections/attempts/", form)[0], status))  # fmt: skip
            time.sleep(0.15)

    with ThreadPoolExecutor(len(visitors)) as pool:
        running = [pool.submit(request_pages, one) for one in visitors]
        try:
            for web in (*WEBS, *WEBS):
                time.sleep(3)
                served.take_out(web)
                served.hosts[web].stop("serve")
                time.sleep(2)
                served.serve(web)
                served.wait(f"{web} serves again", lambda web=web: served.ready(web))  # type: ignore[misc]
                served.take_out(web, out=False)
        finally:
            ended.set()
        for visited in running:
            visited.result(120)
    assert len(answers) > 100
    assert set(answers) == {200}, {status: answers.count(status) for status in set(answers)}


def test_limits_are_exact_from_several_hosts(served: Site) -> None:
    near = _RATES[SIGN_IN][0]
    begun = clock.now()

    def attempt(number: int) -> int:
        visitor = Visitor(served, "127.0.0.9")
        visitor.ask("/sign-in/")
        return visitor.ask(
            "/sign-in/", [("email", "charlie@example.com"), ("password", f"wrong-{number}")]
        )[0]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(24)))
    refilled = (clock.now() - begun).total_seconds() * near.per_second
    tried = sum(status != 429 for status in answers)
    assert near.burst <= tried <= near.burst + refilled, answers
    _spapi_limit_is_exact(served)


def _spapi_limit_is_exact(served: Site) -> None:
    connection = UUID(int=7)
    try:
        _use_an_operation_up(served, UUID(TENANT), connection)
    finally:
        _remove_connection(served, connection)


def _remove_connection(served: Site, connection: UUID) -> None:
    """Remove the connection of the limits, so that no other test finds the account connected."""
    tables = served.rows(
        "select distinct conrelid::regclass::text from pg_constraint where contype = 'f'"
        " and confrelid = 'connections_connection'::regclass"
    )
    assert tables
    parts = ", ".join(
        f"part_{number} as (delete from {table} where connection_id = %s)"
        for number, (table,) in enumerate(tables)
    )
    removed = served.rows(
        f"with {parts} delete from connections_connection where id = %s returning 1",
        *[connection] * (len(tables) + 1),
    )
    assert removed == [(1,)]


def _use_an_operation_up(served: Site, tenant: UUID, connection: UUID) -> None:
    served.rows(
        "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
        " marketplace_ids, features, roles, created_at, authorised_at, authorisation_expires_at)"
        " values (%s, %s, 'lwa', 'eu', 'A2X', array['A1F83G8C2ARO7P'], '{}', '{}', now(), now(),"
        " now() + interval '1 year') returning id",
        tenant,
        connection,
    )
    plan, seconds = OPERATIONS["getInventorySummaries"], 20.0
    processes = []
    begun = time.monotonic()
    for worker in WORKERS * 2:
        host = served.hosts[worker]
        command = [
            "ip", "netns", "exec", host.outside.name, sys.executable, "-c", WITH_DJANGO,
            "tests.integration.several_hosts.limiter", str(tenant), str(connection), str(seconds),
        ]  # fmt: skip
        environ = {**host.environ, "THESELLER_ROLE": "worker"}
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        )
    granted = [int(one.communicate(timeout=300)[0]) for one in processes]
    lasted = time.monotonic() - begun
    assert plan.burst <= sum(granted) <= plan.burst + plan.rate * lasted, granted
    ((tokens,),) = served.rows(
        "select tokens from ingest_bucket where connection_id = %s", connection
    )
    # What was granted and what is left is no more than what was there and what was refilled.
    assert sum(granted) + float(tokens) <= plan.burst + plan.rate * lasted


def test_hosts_show_each_other_and_what_differs(served: Site) -> None:
    found = _status(served, "worker1")
    assert {one["name"] for one in found["hosts"]} == {*WEBS, *WORKERS}
    assert not any("host" in one for one in found["problems"]), found["problems"]
    host = served.hosts["worker2"]
    host.stop("worker")
    served.wait("worker2 left", lambda: "worker2" not in _reported(served))
    host.environ["THESELLER_RESTRICTED_ROLES"] = "Direct-to-Consumer Shipping"
    host.start("worker")
    served.wait("worker2 is back", lambda: "worker2" in _reported(served))
    problems = _status(served, "web1")["problems"]
    assert any(
        re.search("hosts differ in THESELLER_RESTRICTED_ROLES: look at host worker2", one)
        for one in problems
    ), problems
    host.kill("worker")
    host.environ["THESELLER_SECRET_PROVIDER"] = "files"
    refused = host.theseller("status")
    assert refused.returncode != 0
