"""Three clients of Amazon's API that others wrote run against the emulator as they run against Amazon.

npm amazon-sp-api, PyPI python-amazon-sp-api and Amazon's own SDK each exchange a code, list,
request, poll and download reports, page through orders and transactions, are throttled once, and
meet an error. All must find what the emulator's own answers hold.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from tests.clients.front import DOCUMENTS, Front

from theseller.emulator.app import create_app
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.settings import ROLES, Application, Config

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHARLIE, UK, DE, FR = "A3CHARLIEEXMPL", "A1F83G8C2ARO7P", "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
ALL_ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
CALLBACK = "https://shop.example/amazon/callback"
#: An emulated instant, from which the clock runs; nothing depends on the day on which the suite
#: runs.
AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
START, END = "2026-11-16T00:00:00Z", "2026-11-20T12:00:00Z"
PATIENCE = 300


@pytest.fixture(scope="module")
def installed() -> Path:
    """Return the folder that bin/clients filled."""
    folder = Path(os.environ.get("CLIENTS") or ROOT / ".clients")
    if not (folder / "stamp").is_file():
        pytest.fail("the clients of Amazon's API are not installed: run bin/clients", pytrace=False)
    return folder


@dataclass(frozen=True, slots=True)
class Amazon:
    """A running emulator, Amazon's hosts before it, and what a client must find."""

    url: str
    emulator: Emulator
    front: Front

    def code(self) -> str:
        """Return the code of a new consent, whose address named no redirect URI."""
        form = {
            "application_id": "amzn1.sp.solution.test",
            "state": "st",
            "account": CHARLIE,
            "decision": "confirm",
        }
        consent = (
            f"{self.url}/seller-central/sellercentral-europe.amazon.com/apps/authorize/consent"
        )
        answer = httpx.post(consent, data=form, trust_env=False)
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["spapi_oauth_code"][0]

    def truth(self) -> dict[str, Any]:
        """Return what the emulator's own world holds, without a client."""
        world, seller = self.emulator.world, self.emulator.world.sellers[CHARLIE]
        start, end = datetime.fromisoformat(START), datetime.fromisoformat(END)
        orders = world.orders_updated(seller, list(seller.stores), start, end, self.emulator.now())
        now = self.emulator.now()
        return {
            "orders": [order.id for order in orders],
            "settlements": len(
                [
                    one
                    for one in world.periods_published(seller, now - timedelta(days=90), now)
                    if one.store.marketplace.id == UK
                ]
            ),
        }


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    folder = tmp_path_factory.mktemp("amazon")
    roles = tuple(role for role in ROLES if "Restricted" not in role)
    application = Application(
        "amzn1.application-oa2-client.test",
        "amzn1.sp.solution.test",
        ("a-secret",),
        (CALLBACK,),
        roles,
    )
    begun = time.monotonic()
    config = Config(
        application, folder / "state", rate_scale=1000, public_url=DOCUMENTS,
        clock=lambda: AT + timedelta(seconds=time.monotonic() - begun),
    )  # fmt: skip
    app = create_app(config)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="error", log_config=None, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    front = Front(folder, port)
    yield Amazon(f"http://127.0.0.1:{port}", app.state.emulator, front)
    front.close()
    server.should_exit = True
    thread.join(10)


def run(command: list[str], amazon: Amazon, home: Path, installed: Path) -> dict[str, Any]:
    """Run a client's script in an environment that knows only the proxy, and return what it found."""
    task = {
        "client_id": "amzn1.application-oa2-client.test", "client_secret": "a-secret",
        "code": amazon.code(), "emulator": amazon.url, "report": ALL_ORDERS,
        "settlement": SETTLEMENT, "marketplace": UK, "stores": [UK, DE, FR], "start": START,
        "end": END,
    }  # fmt: skip
    authority = str(amazon.front.authority)
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(home), "HTTPS_PROXY": amazon.front.url,
        "NO_PROXY": "127.0.0.1", "NODE_PATH": str(installed / "node_modules"),
        "SSL_CERT_FILE": authority, "REQUESTS_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
    }  # fmt: skip
    answer = subprocess.run(
        command,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        env=environ,
        cwd=home,
        timeout=PATIENCE,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def calls(amazon: Amazon, operation: str) -> dict[str, int]:
    """Return how often the operation was answered with each status until now."""
    listed = httpx.get(f"{amazon.url}/_emulator/calls", trust_env=False).json()["calls"]
    return next((entry["statuses"] for entry in listed if entry["operation"] == operation), {})


@pytest.fixture(scope="module")
def expected(amazon: Amazon) -> dict[str, Any]:
    """Return the truth, with what only Amazon's answers tell.

    Those are the transactions and the report, read by plain requests.
    """
    form = {
        "grant_type": "authorization_code",
        "client_id": "amzn1.application-oa2-client.test",
        "client_secret": "a-secret",
    }
    token = httpx.post(
        f"{amazon.url}/auth/o2/token", data={**form, "code": amazon.code()}, trust_env=False
    ).json()["access_token"]
    headers = {"x-amz-access-token": token}
    with httpx.Client(
        base_url=f"{amazon.url}/spapi/eu", headers=headers, trust_env=False, timeout=60
    ) as client:
        transactions: list[str] = []
        query = {"postedAfter": START, "postedBefore": END}
        while True:
            payload = client.get("/finances/2024-06-19/transactions", params=query).json()[
                "payload"
            ]
            transactions += [entry["transactionId"] for entry in payload["transactions"]]
            if "nextToken" not in payload:
                break
            query["nextToken"] = payload["nextToken"]
        body = {
            "reportType": ALL_ORDERS,
            "marketplaceIds": [UK],
            "dataStartTime": START,
            "dataEndTime": END,
        }
        report_id = client.post("/reports/2021-06-30/reports", json=body).json()["reportId"]
        while (report := client.get(f"/reports/2021-06-30/reports/{report_id}").json())[
            "processingStatus"
        ] in {"IN_QUEUE", "IN_PROGRESS"}:
            time.sleep(0.05)
        url = urlsplit(
            client.get(f"/reports/2021-06-30/documents/{report['reportDocumentId']}").json()["url"]
        )
    served = httpx.get(f"{amazon.url}{url.path}?{url.query}", trust_env=False)
    assert served.headers["content-type"] == "text/plain; charset=Cp1252"
    text = gzip.decompress(served.content).decode("cp1252")
    assert any(ord(letter) > 127 for letter in text)
    return {**amazon.truth(), "transactions": transactions, "text": text}


@pytest.mark.parametrize("name", ["npm", "python_amazon_sp_api", "amzn_sp_api"])
def test_third_party_client_reads_orders_and_transactions_of_the_emulator(
    name: str, installed: Path, amazon: Amazon, expected: dict[str, Any], tmp_path: Path
) -> None:
    python = str(installed / "venv" / "bin" / "python")
    command = (
        ["node", str(HERE / "with_npm.js")]
        if name == "npm"
        else [python, "-I", str(HERE / f"with_{name}.py")]
    )
    fault = {"operation": "finances.listTransactions", "kind": "throttle", "times": 1}
    assert (
        httpx.post(f"{amazon.url}/_emulator/faults", json=fault, trust_env=False).status_code == 201
    )
    before = calls(amazon, "finances.listTransactions").get("429", 0)
    found = run(command, amazon, tmp_path, installed)
    assert found["orders"] == expected["orders"]
    assert len(found["orders"]) > 60
    assert found["transactions"] == expected["transactions"]
    assert found["pages"] >= 2
    assert found["settlements"] == expected["settlements"] > 4
    assert found["text"] == expected["text"]
    assert found["error"] == "NotFound"
    assert calls(amazon, "finances.listTransactions")["429"] == before + 1
    assert amazon.front.foreign == []
