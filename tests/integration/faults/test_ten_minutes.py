"""Ten minutes without the database, the key service or the mail server.

Two web and two worker hosts: the first of each loses the database, the second the key service, both
workers the mail server. Packets are dropped, as where a network is cut.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

import pytest
from tests.crash.test_kill_during_backfill import (
    STORES,
    UK,
    _equals_the_truth,
    _nothing_is_doubled,
)
from tests.demo_deployment import Demo
from tests.expected_figures import SMALL_SELLER
from tests.integration.several_hosts.deployment import WEBS, Site, Visitor, site
from tests.integration.several_hosts.network import MAIL, Host
from tests.integration.several_hosts.test_several_hosts import _complete, _facts, _Rows
from tests.smtp_server import RunningServer, smtp_server

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]
CUT_SECONDS = 600.0
PATIENCE = 900.0


@contextlib.contextmanager
def _cut(host: Host, *ports: int) -> Iterator[None]:
    """Drop what the host sends to these ports and what comes back."""
    rules = [
        (chain, "-p", "tcp", side, str(port), "-j", "DROP")
        for port in ports
        for chain, side in (("OUTPUT", "--dport"), ("INPUT", "--sport"))
    ]

    def change(how: str) -> None:
        for rule in rules:
            command = ["ip", "netns", "exec", host.outside.name, "iptables", "-w", how, *rule]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(f"this test drops packets by iptables(8): {done.stderr.strip()}")

    change("-A")
    try:
        yield
    finally:
        change("-D")


def _get(found: Site, web: str, path: str) -> tuple[int, str, str]:
    """Return status, Retry-After and text of a page of one web host."""
    connection = http.client.HTTPConnection(found.hosts[web].outside.own, 8100, timeout=90)
    with contextlib.closing(connection):
        headers = {"Host": "shop.test", "X-Forwarded-Proto": "https"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Retry-After"] or "", answer.read().decode()


def _ready(found: Site, web: str) -> str:
    try:
        return _get(found, web, "/readyz")[2].strip()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def _logged(host: Host, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in host.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.fixture
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("mail")
    with smtp_server(folder, host=MAIL, listen="0.0.0.0") as server:  # noqa: S104 - hosts reach it
        yield server


def test_ten_minutes_without_database_key_service_and_mail_server(mail: RunningServer) -> None:
    with site() as found:
        for host in found.hosts.values():
            host.environ |= {
                "THESELLER_MAIL_URL": f"smtp://{MAIL}:{mail.port}",
                "THESELLER_MAIL_FROM": "Acme Analytics <analytics@acme.example>",
                "THESELLER_MAIL_CA_FILE": str(mail.certificate),
            }
        for name, host in found.hosts.items():
            found.serve(name) if name in WEBS else host.start("worker")
        for web in WEBS:
            found.wait(f"{web} is ready", lambda web=web: _ready(found, web) == "ready")  # type: ignore[misc]
        alice = Visitor(found)
        assert alice.sign_in("alice@example.com", found.people["alice@example.com"]) == 302
        found.slow_amazon()
        alice.connect(UK, SMALL_SELLER)
        found.wait("rows arrive", lambda: _facts(found) > 200, patience=PATIENCE)
        ports = [urlsplit(found.hosts["web1"].environ[name]).port or 0
                 for name in ("DATABASE_URL", "THESELLER_VAULT_ADDRESS")]  # fmt: skip
        before = _facts(found)
        with contextlib.ExitStack() as cuts:
            for worker in ("worker1", "worker2"):
                cuts.enter_context(_cut(found.hosts[worker], mail.port))
            _request_link(found)
            found.wait("an attempt has failed", lambda: _attempts(found) > 0)
            for number, port in enumerate(ports, 1):
                for kind in ("web", "worker"):
                    cuts.enter_context(_cut(found.hosts[f"{kind}{number}"], port))
            _is_true_meanwhile(found)
        assert _facts(found) >= before
        _all_continue(found, mail)


def _request_link(found: Site) -> None:
    visitor = Visitor(found, "127.0.0.7")
    visitor.ask("/password-reset/")
    status, _, text = visitor.ask("/password-reset/", [("email", "charlie@example.com")])
    assert status in {200, 302}, text


def _attempts(found: Site) -> int:
    ((number,),) = found.rows("select coalesce(sum(attempts), 0) from mail_message")
    return int(number)


def _is_true_meanwhile(found: Site) -> None:
    """Check what the hosts say, until the time is over."""
    ends = time.monotonic() + CUT_SECONDS
    words = {"web1": "not ready: database", "web2": "not ready: keys"}
    for web, word in words.items():
        found.wait(f"{web} says {word}", lambda web=web, word=word: _ready(found, web) == word)  # type: ignore[misc]
    while True:
        for web, word in words.items():
            # On a machine that is busy a connection to the database may take too long as well.
            assert word.removeprefix("not ready: ") in _ready(found, web).split()
            assert _get(found, web, "/healthz")[0] == 200
        status, after, _ = _get(found, "web1", "/security/page.json")
        assert (status, after) == (503, "5")
        assert _get(found, "web2", "/security/page.json")[0] == 200
        if time.monotonic() > ends:
            break
        time.sleep(min(30.0, max(0.0, ends - time.monotonic())))
    assert _logged(found.hosts["worker1"], "worker_interrupted")
    refused = found.hosts["web2"].theseller("status")
    assert refused.returncode != 0
    assert "the key service" in refused.stderr
    ((state, reason),) = found.rows("select state, reason from mail_message")
    assert (state, reason.partition(":")[0]) == ("queued", "unreachable")


def _all_continue(found: Site, mail: RunningServer) -> None:
    """Check that everything continues in the same processes, and that nothing is lost."""
    for web in WEBS:
        found.wait(f"{web} is ready", lambda web=web: _ready(found, web) == "ready")  # type: ignore[misc]
    assert not [one.name for one in found.hosts.values()
                for process in one.processes.values() if process.poll() is not None]  # fmt: skip
    found.wait("the history is complete", lambda: _complete(found), patience=PATIENCE * 2)
    for code in STORES:
        _equals_the_truth(cast("Demo", _Rows(found)), code)
    _nothing_is_doubled(cast("Demo", _Rows(found)))
    # The next attempt is at most sixteen minutes away.
    found.wait("the mail is delivered", lambda: len(mail.received) == 1, patience=PATIENCE * 2)
    assert found.rows("select state from mail_message") == [("sent",)]
    stalled = (
        "select count(*) from procrastinate_jobs j where j.status = 'doing' and not exists (select"
        " from procrastinate_workers w where w.id = j.worker_id)"
    )
    found.wait("no job is left behind", lambda: found.rows(stalled) == [(0,)])
    done = found.hosts["web1"].theseller("status")
    assert "no worker" not in done.stdout.lower(), done.stdout
