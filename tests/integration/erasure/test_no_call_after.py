"""No call leaves for a connection that has ended, from any process, however it ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cast import PASSWORD
from tests.demo_deployment import ROOT
from tests.integration.deployment import Deployment, deployment
from tests.integration.erasure.data_flows import next_code, service
from tests.secret_leaks.http_session import HttpSession, ResponseLog

from theseller.postgres.os_processes import wait_until

pytestmark = pytest.mark.timeout(600)
UK, SELLER = "A1F83G8C2ARO7P", "A2ALICEEUROPE1"
#: So many processes of the only role that may read a token; that the web's may not is tried by
#: itself.
CALLERS = 4
#: How long after an end nothing may be asked of Amazon, in seconds: the worker looks for work every
#: second.
QUIET = 4.0
_CALLER = "tests.integration.erasure.amazon_caller"
#: Ends a connection; prints when that returned.
_END = """
import time
from uuid import UUID
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.lib import clock
disconnect(
    connection=UUID(sys.argv[2]), reason=DisconnectReason.SELLER_REQUEST,
    tenant=UUID(sys.argv[1]), actor="process:test", at=clock.now(),
)
print(time.monotonic())
"""


@dataclass(frozen=True, slots=True)
class Shop:
    deployed: Deployment
    alice: HttpSession
    tenant: str
    app: str

    def connect(self) -> str:
        """Authorise the seller in the browser.

        Return the connection once the worker has requested something from Amazon.
        """
        emulator = self.deployed.environ["THESELLER_AMAZON"].removeprefix("emulator:")
        answer = self.alice.come_back(self.alice.consent(UK, SELLER, emulator=emulator))
        assert answer.status_code in {302, 303}, answer.status_code
        query = (
            "select id from connections_connection c where tenant_id = %s and not exists"
            " (select from connections_disconnection d where d.connection_id = c.id)"
        )
        ((connection,),) = self.deployed.rows(query, self.tenant)
        before = self.requested()
        assert wait_until(lambda: self.requested() > before, 60), (
            "the worker asked Amazon for nothing"
        )
        return str(connection)

    def requested(self) -> int:
        """Return how often the seller's data was asked for at the emulated Amazon."""
        port = int(self.deployed.environ["THESELLER_AMAZON"].rsplit(":", 1)[1])
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        ) as connection:
            connection.request("GET", "/_emulator/calls")
            result = json.loads(connection.getresponse().read())
        return sum(
            int(one["count"]) for one in result["calls"] if one["selling_partner_id"] == SELLER
        )


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with deployment() as deployed:
        # Their yearly authorisations are over; the worker would end them meanwhile.
        for person in deployed.people():
            deployed.ask(_END, person["tenant"], person["connection"])
        with service(deployed) as address, contextlib.closing(ResponseLog()) as answers:
            person = deployed.people()[0]
            email = str(
                deployed.rows("select email from accounts_user where id = %s", person["person"])[0][
                    0
                ]
            )
            alice = HttpSession(email.partition("@")[0], address, answers)
            alice.sign_in(PASSWORD)
            assert alice.post("/sign-in/", {"code": next_code(person["app"])}).status_code == 302
            yield Shop(deployed, alice, person["tenant"], person["app"])


def _caller(shop: Shop, connection: str, files: list[Path], how: str = "") -> list[str]:
    """Return the arguments of a program that calls Amazon in a process for each file."""
    return [shop.tenant, connection, how, *map(str, files)]


@contextlib.contextmanager
def calling(
    shop: Shop, connection: str, folder: Path, how: str = ""
) -> Iterator[Callable[[], list[float]]]:
    """Have every kind of process call Amazon at once.

    Yield what waits until all were refused, and says when each call was sent.
    """
    files = [folder / f"caller-{number}" for number in range(CALLERS)]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shop.deployed.python, _CALLER, *_caller(shop, connection, files, how))
        try:
            assert wait_until(
                lambda: all(file.exists() and len(file.read_text().split()) > 3 for file in files),
                120,
            ), [file.read_text()[-300:] if file.exists() else "-" for file in files]

            def left() -> list[float]:
                done = running.result(120)
                assert done.returncode == 0, f"a caller failed by itself\n{done.stderr}"
                return [
                    float(line)
                    for file in files
                    for line in file.read_text().split()
                    if line != "refused"
                ]

            yield left
        finally:
            (folder / "ended").touch()
            if not running.done():  # They end once they are refused.
                _by_a_process(shop, connection)


def _by_the_seller(shop: Shop, connection: str) -> float:
    shop.alice.step_up_if_required(
        f"/connections/{connection}/disconnection/", code=next_code(shop.app)
    )
    answer = shop.alice.post(f"/connections/{connection}/disconnection/", {"confirm": "DISCONNECT"})
    assert answer.status_code in {302, 303}, answer.status_code
    return time.monotonic()


def _by_a_process(shop: Shop, connection: str) -> float:
    return float(shop.deployed.ask(_END, shop.tenant, connection).split()[-1])


def _by_one_that_is_killed_first(shop: Shop, connection: str) -> float:
    """Kill it within the second in which it ends the connection, or before; then end it."""
    command = [
        sys.executable,
        "-c",
        f"import django, sys; django.setup()\nprint('ready', flush=True)\n{_END}",
        shop.tenant,
        connection,
    ]
    environ = shop.deployed.environ | {"THESELLER_ROLE": "worker"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE) as ending:
        assert ending.stdout is not None
        assert ending.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        ending.send_signal(signal.SIGKILL)
    return _by_a_process(shop, connection)


@pytest.mark.parametrize(
    "end",
    [
        _by_the_seller,
        pytest.param(_by_a_process, marks=pytest.mark.exhaustive),
        pytest.param(_by_one_that_is_killed_first, marks=pytest.mark.exhaustive),
    ],
)
def test_no_amazon_call_is_sent_after_the_connection_ended(
    shop: Shop, end: Callable[[Shop, str], float], tmp_path: Path
) -> None:
    connection = shop.connect()
    with calling(shop, connection, tmp_path) as left:
        ended = end(shop, connection)
        requested = shop.requested()
        calls = left()
    late = [call - ended for call in calls if call > ended]
    sys.stdout.write(
        f"{end.__name__}: {len(calls)} calls of {CALLERS} processes, the last"
        f" {ended - max(calls):.3f} s before the end\n"
    )
    assert late == [], "calls left after the end"
    time.sleep(QUIET)
    assert shop.requested() == requested, "the worker asked Amazon after the end"


def test_web_role_cannot_call_amazon_for_a_seller(shop: Shop, tmp_path: Path) -> None:
    """Check that the web's role may not read a token and has nothing to call with.

    Commands that work on a shop's data have the same role.
    """
    connection = shop.connect()
    done = shop.deployed.python(_CALLER, *_caller(shop, connection, [tmp_path / "web"]), role="web")
    assert done.returncode == 1
    assert "InsufficientPrivilege" in done.stderr
    _by_a_process(shop, connection)


def test_a_call_without_the_lock_is_detected(shop: Shop, tmp_path: Path) -> None:
    """The same, with callers that only look before they call: the measurement sees it."""
    connection = shop.connect()
    with calling(shop, connection, tmp_path, "careless") as left:
        ended = _by_a_process(shop, connection)
        (tmp_path / "ended").touch()
        assert any(call > ended for call in left())
