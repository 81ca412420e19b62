"""Reports from order to document, the switches for faults, and the count of calls."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.emulator.support import ALICE, CHARLIE, DORA, Amazon, Client, amazon_with

from theseller.emulator import cli
from theseller.emulator.app import create_app
from theseller.emulator.canary_texts import PATTERN
from theseller.emulator.settings import ApplicationFileError, application_from

REPORTS = "/reports/2021-06-30/reports"
US, UK, JP = "ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A1VC38T7YXB528"
STORES = {ALICE: US, CHARLIE: UK, DORA: JP}
BY_UPDATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
BY_DATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
TRAFFIC = "GET_SALES_AND_TRAFFIC_REPORT"
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"


def ask(
    amazon: Amazon, seller: str, token: str, report_type: str = BY_UPDATE, **fields: object
) -> httpx.Response:
    body = {
        "reportType": report_type,
        "marketplaceIds": [STORES[seller]],
        "dataStartTime": "2026-11-10T00:00:00Z",
        **fields,
    }
    return amazon.call(seller, token, REPORTS, "POST", json=body)


def fetch(amazon: Amazon, seller: str, token: str, report_id: str) -> httpx.Response:
    """Wait, follow the link, return the answer of the storage service."""
    amazon.clock.pass_(seconds=30)
    report = amazon.call(seller, token, f"{REPORTS}/{report_id}").json()
    document = amazon.call(
        seller, token, f"/reports/2021-06-30/documents/{report['reportDocumentId']}"
    ).json()
    return amazon.client.get(document["url"])


def test_a_report_passes_through_its_states(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, rate_scale=1.0)
    token = amazon.connect(ALICE)["access_token"]
    answer = ask(amazon, ALICE, token)
    assert answer.status_code == 202
    path = f"{REPORTS}/{answer.json()['reportId']}"
    seen = []
    for _ in range(14):
        report = amazon.call(ALICE, token, path).json()
        seen.append(report["processingStatus"])
        assert ("reportDocumentId" in report) == (report["processingStatus"] == "DONE")
        amazon.clock.pass_(seconds=2)
    assert list(dict.fromkeys(seen)) == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
    amazon.start()
    assert amazon.call(ALICE, token, path).json()["processingStatus"] == "DONE"


@pytest.mark.parametrize(
    ("seller", "report_type", "encoding"),
    [
        (ALICE, BY_UPDATE, "utf-8"),
        (ALICE, BY_DATE, "utf-8-sig"),
        (CHARLIE, BY_UPDATE, "cp1252"),
        (DORA, BY_DATE, "cp932"),
    ],
)
def test_emulated_documents_are_gzipped_in_amazons_encodings(
    amazon: Amazon, seller: str, report_type: str, encoding: str
) -> None:
    token = amazon.connect(seller)["access_token"]
    answer = fetch(
        amazon, seller, token, ask(amazon, seller, token, report_type).json()["reportId"]
    )
    charset = {"cp1252": "; charset=Cp1252", "cp932": ""}.get(encoding, "; charset=utf8")
    assert answer.headers["content-type"] == f"text/plain{charset}"
    data = gzip.decompress(answer.content)
    text = data.decode(encoding)
    assert text.startswith("amazon-order-id\t")
    assert data.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    assert re.search(PATTERN, text)
    if not encoding.startswith("utf"):
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")


def test_a_document_stays_the_same(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    report_id = ask(amazon, ALICE, token).json()["reportId"]
    first = fetch(amazon, ALICE, token, report_id).content
    amazon.clock.pass_(minutes=50)
    amazon.start()
    assert fetch(amazon, ALICE, token, report_id).content == first


def test_document_url_expires_after_five_minutes_and_is_signed(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    report_id = ask(amazon, ALICE, token).json()["reportId"]
    assert fetch(amazon, ALICE, token, report_id).status_code == 200
    report = amazon.call(ALICE, token, f"{REPORTS}/{report_id}").json()
    url = amazon.call(
        ALICE, token, f"/reports/2021-06-30/documents/{report['reportDocumentId']}"
    ).json()["url"]
    forged = amazon.client.get(url[:-4] + "0000")
    assert (forged.status_code, "AccessDenied" in forged.text) == (403, True)
    amazon.clock.pass_(minutes=5, seconds=1)
    expired = amazon.client.get(url)
    assert (expired.status_code, "Request has expired" in expired.text) == (403, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"report_type": "GET_NO_SUCH_REPORT"}, 400),
        ({"report_type": SETTLEMENT}, 400),
        ({"report_type": "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX"}, 403),
        ({"dataStartTime": "2026-10-01T00:00:00Z"}, 400),
        ({"dataStartTime": None}, 400),
        ({"dataEndTime": "2026-11-01T00:00:00Z"}, 400),
        ({"marketplaceIds": []}, 400),
        ({"marketplaceIds": [UK]}, 403),
        ({"report_type": TRAFFIC, "dataStartTime": "2024-01-01"}, 400),
    ],
)
def test_create_report_with_invalid_fields_is_refused(
    amazon: Amazon, fields: dict[str, Any], status: int
) -> None:
    token = amazon.connect(ALICE)["access_token"]
    assert ask(amazon, ALICE, token, **fields).status_code == status


def test_a_report_without_data_is_cancelled(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    report_id = ask(
        amazon, ALICE, token, dataStartTime="2020-01-01", dataEndTime="2020-01-20"
    ).json()["reportId"]
    amazon.clock.pass_(seconds=30)
    assert (
        amazon.call(ALICE, token, f"{REPORTS}/{report_id}").json()["processingStatus"]
        == "CANCELLED"
    )


def test_traffic_requested_too_often_is_cancelled_and_needs_its_role(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, rate_scale=1.0)
    token = amazon.connect(ALICE)["access_token"]
    ids = [ask(amazon, ALICE, token, TRAFFIC).json()["reportId"] for _ in range(4)]
    amazon.clock.pass_(seconds=30)
    states = [
        amazon.call(ALICE, token, f"{REPORTS}/{report_id}").json()["processingStatus"]
        for report_id in ids
    ]
    assert states == ["DONE", "DONE", "DONE", "CANCELLED"]
    document = json.loads(gzip.decompress(fetch(amazon, ALICE, token, ids[0]).content))
    assert document["reportSpecification"]["reportType"] == TRAFFIC
    assert len(document["salesAndTrafficByDate"]) == 11
    without = amazon_with(tmp_path / "b", roles=("Inventory and Order Tracking",))
    assert ask(without, ALICE, without.connect(ALICE)["access_token"], TRAFFIC).status_code == 403


def test_only_a_queued_report_can_be_cancelled(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, rate_scale=1.0)
    token = amazon.connect(ALICE)["access_token"]
    first, second = (f"{REPORTS}/{ask(amazon, ALICE, token).json()['reportId']}" for _ in range(2))
    assert amazon.call(ALICE, token, first, "DELETE").status_code == 200
    amazon.clock.pass_(seconds=30)
    assert amazon.call(ALICE, token, first).json()["processingStatus"] == "CANCELLED"
    assert amazon.call(ALICE, token, second, "DELETE").status_code == 400


def test_settlement_reports_are_listed_in_pages(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    first = amazon.call(ALICE, token, f"{REPORTS}?reportTypes={SETTLEMENT}").json()
    assert len(first["reports"]) == 10
    second = amazon.call(ALICE, token, f"{REPORTS}?nextToken={first['nextToken']}").json()
    assert (
        amazon.call(
            ALICE, token, f"{REPORTS}?pageSize=10&nextToken={first['nextToken']}"
        ).status_code
        == 400
    )
    ids = [report["reportId"] for report in first["reports"] + second["reports"]]
    assert len(set(ids)) == len(ids) >= 15
    created = [report["createdTime"] for report in first["reports"] + second["reports"]]
    assert created == sorted(created, reverse=True)
    assert min(created) >= "2026-08-22"
    document = fetch(amazon, ALICE, token, ids[0])
    assert document.content.startswith(b"settlement-id\t")


def test_one_sellers_report_is_unknown_to_another(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    report_id = ask(amazon, ALICE, token).json()["reportId"]
    charlie = amazon.connect(CHARLIE)["access_token"]
    assert amazon.call(CHARLIE, charlie, f"{REPORTS}/{report_id}").status_code == 404


STOCK = (
    "/fba/inventory/v1/summaries?granularityType=Marketplace"
    f"&granularityId={US}&marketplaceIds={US}"
)


def switch(
    amazon: Amazon, kind: str, operation: str = "fbaInventory.*", times: int | None = 1
) -> None:
    answer = amazon.client.post(
        "/_emulator/faults", json={"operation": operation, "kind": kind, "times": times}
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("kind", "status"),
    [("throttle", 429), ("error500", 500), ("error503", 503), ("html_error", 400)],
)
def test_injected_fault_replaces_the_emulated_response_once(
    amazon: Amazon, kind: str, status: int
) -> None:
    token = amazon.connect(ALICE)["access_token"]
    switch(amazon, kind)
    struck = amazon.call(ALICE, token, STOCK)
    assert struck.status_code == status
    assert struck.text.startswith("<html>") == (kind == "html_error")
    assert amazon.call(ALICE, token, STOCK).status_code == 200


def test_injected_fault_damages_the_emulated_response_once(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    whole = amazon.call(ALICE, token, STOCK)
    switch(amazon, "truncate")
    cut = amazon.call(ALICE, token, STOCK)
    assert len(cut.content) < int(cut.headers["content-length"])
    switch(amazon, "malformed_json")
    with pytest.raises(ValueError, match=r".+"):
        amazon.call(ALICE, token, STOCK).json()
    switch(amazon, "unknown_field")
    amazon.clock.pass_(milliseconds=50)
    grown = amazon.call(ALICE, token, STOCK).json()
    assert re.search(
        PATTERN, grown["payload"]["inventorySummaries"][0]["recentlyIntroducedField"]["note"]
    )
    assert amazon.call(ALICE, token, STOCK).json().keys() == whole.json().keys()


def test_report_faults_change_the_emulated_reports(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    switch(amazon, "fatal_report", "reports.createReport")
    fatal = ask(amazon, ALICE, token).json()["reportId"]
    assert "errorDetails" in gzip.decompress(fetch(amazon, ALICE, token, fatal).content).decode()
    assert amazon.call(ALICE, token, f"{REPORTS}/{fatal}").json()["processingStatus"] == "FATAL"
    good = ask(amazon, ALICE, token).json()["reportId"]
    switch(amazon, "expired_document", "reports.getReportDocument")
    assert fetch(amazon, ALICE, token, good).status_code == 403
    switch(amazon, "unknown_field", "documents.download")
    drifted = gzip.decompress(fetch(amazon, ALICE, token, good).content).decode().splitlines()
    assert drifted[0].endswith("\trecently-introduced-column")
    assert re.search(PATTERN, drifted[1].split("\t")[-1])


def test_faults_can_be_seen_cleared_and_refused(amazon: Amazon) -> None:
    switch(amazon, "error500", "*", None)
    assert amazon.client.get("/_emulator/state").json()["faults"] == [
        {"operation": "*", "kind": "error500", "times": None, "probability": 1.0}
    ]
    assert amazon.token(grant_type="refresh_token", refresh_token="x").status_code == 500
    assert amazon.client.request("DELETE", "/_emulator/faults").status_code == 204
    assert amazon.token(grant_type="refresh_token", refresh_token="x").status_code == 400
    for bad in (
        {"operation": "*", "kind": "magic"},
        {"kind": "slow"},
        {"operation": "*", "kind": "slow", "times": 0},
        {"operation": "*", "kind": "slow", "probability": 2},
    ):
        assert amazon.client.post("/_emulator/faults", json=bad).status_code == 400


def test_emulator_switches_are_refused_from_other_hosts_and_sites(amazon: Amazon) -> None:
    other = Client(create_app(amazon.config), "192.0.2.7")
    assert other.get("/_emulator/state").status_code == 403
    assert other.get("/_emulator/calls").status_code == 403
    assert (
        other.post("/_emulator/faults", json={"operation": "*", "kind": "error500"}).status_code
        == 400
    )
    assert other.request("DELETE", "/_emulator/faults").status_code == 403
    assert other.post("/_emulator/rotate_secret", json={}).status_code == 400
    foreign_page = {"Sec-Fetch-Site": "cross-site"}
    assert (
        amazon.client.post("/_emulator/rotate_secret", json={}, headers=foreign_page).status_code
        == 400
    )
    assert not amazon.emulator.state.data["secrets"]


def test_calls_are_counted_also_when_they_are_refused(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    amazon.call(ALICE, token, STOCK)
    amazon.clock.pass_(minutes=1)
    amazon.client.post("/_emulator/revoke", json={"selling_partner_id": ALICE})
    amazon.call(ALICE, token, STOCK)
    calls = {
        (entry["selling_partner_id"], entry["operation"]): entry
        for entry in amazon.client.get("/_emulator/calls").json()["calls"]
    }
    stock = calls[ALICE, "fbaInventory.getInventorySummaries"]
    assert (stock["count"], stock["statuses"]) == (2, {"200": 1, "403": 1})
    assert (stock["first"], stock["last"]) == (
        "2026-11-20T15:30:00.000Z",
        "2026-11-20T15:31:00.000Z",
    )
    assert calls[ALICE, "lwa.token"]["count"] == 1


def test_the_clock_can_be_moved_and_stays_moved(amazon: Amazon) -> None:
    moved = amazon.client.post("/_emulator/clock", json={"offset_seconds": 86400}).json()["now"]
    assert moved == "2026-11-21T15:30:00.000Z"
    amazon.start()
    assert amazon.client.get("/_emulator/state").json()["now"] == moved
    assert amazon.client.post("/_emulator/clock", json={}).status_code == 400


def test_application_files_say_what_is_wrong() -> None:
    good = {
        "client_id": "a",
        "application_id": "b",
        "client_secrets": ["s"],
        "redirect_uris": ["https://x.example/"],
        "roles": ["Pricing"],
    }
    assert application_from(good).roles == ("Pricing",)
    changes: tuple[dict[str, object], ...] = (
        {"client_id": 1},
        {"client_secrets": []},
        {"roles": ["Everything"]},
        {"redirect_uris": "x"},
    )
    for change in changes:
        with pytest.raises(ApplicationFileError):
            application_from({**good, **change})
    with pytest.raises(ApplicationFileError):
        application_from([])


def test_the_report_command_writes_the_document(tmp_path: Path) -> None:
    out = tmp_path / "orders.txt"
    arguments = [
        "report",
        "--seller",
        CHARLIE,
        "--type",
        BY_DATE,
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-05",
        "--out",
        str(out),
    ]
    assert cli.main(arguments) == 0
    plain = out.read_bytes()
    assert b"\t2026-03-05T" in plain
    assert cli.main([*arguments, "--gzip"]) == 0
    assert gzip.decompress(out.read_bytes()) == plain
    settlement = [
        "report",
        "--seller",
        ALICE,
        "--type",
        SETTLEMENT,
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-31",
        "--decimal-comma",
        "--out",
        str(out),
    ]
    assert cli.main(settlement) == 0
    assert re.search(rb"\t\d+\.\d{3},\d\d\tUSD", out.read_bytes())
    assert cli.main([*arguments, "--encoding", "nonsense"]) == 2


def test_the_package_imports_nothing_of_ours_but_lib() -> None:
    program = (
        "import sys, theseller.emulator.cli; print([m for m in sys.modules if"
        " m.startswith('theseller.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    rooms = {name.split(".")[1] for name in re.findall(r"'(theseller\.[a-z_.]+)'", loaded)}
    assert rooms == {"emulator", "lib"}
