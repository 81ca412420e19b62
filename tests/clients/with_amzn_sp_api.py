"""Amazon's own SDK for Python, amzn-sp-api, against the emulator.

Reads the task as JSON, writes what it found as JSON.

It runs in the environment that bin/clients makes, not in the project's. The SDK exchanges no codes,
retries nothing and downloads no documents: those steps are done here as its guide does them.
"""

# mypy: ignore-errors

from __future__ import annotations

import gzip
import json
import logging
import sys
import time

import requests  # noqa: TID251
from spapi import ApiException, SPAPIClient, SPAPIConfig
from spapi.api.finances_v2024_06_19.finances_v2024_api import FinancesV2024Api
from spapi.api.orders_v2026_01_01.get_order_api import GetOrderApi
from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi
from spapi.api.reports_v2021_06_30.reports_api import ReportsApi
from spapi.models.reports_v2021_06_30.create_report_specification import CreateReportSpecification

logging.disable(logging.CRITICAL)
task = json.load(sys.stdin)
fields = {
    "client_id": task["client_id"],
    "client_secret": task["client_secret"],
    "code": task["code"],
    "grant_type": "authorization_code",
}
granted = requests.post("https://api.amazon.com/auth/o2/token", data=fields, timeout=30)
granted.raise_for_status()
config = SPAPIConfig(
    task["client_id"], task["client_secret"], granted.json()["refresh_token"], region="EU"
)
# Its own way to other addresses: its HTTP client takes neither proxy nor authority from the
# environment.
client = SPAPIClient(
    config,
    oauth_endpoint=f"{task['emulator']}/auth/o2/token",
    endpoint=f"{task['emulator']}/spapi/eu",
).api_client

reports = ReportsApi(client)
settlements = reports.get_reports(
    report_types=[task["settlement"]], marketplace_ids=[task["marketplace"]], page_size=100
).reports
specification = CreateReportSpecification(
    report_type=task["report"],
    marketplace_ids=[task["marketplace"]],
    data_start_time=task["start"],
    data_end_time=task["end"],
)
created = reports.create_report(specification)
while (report := reports.get_report(created.report_id)).processing_status not in {
    "DONE",
    "FATAL",
    "CANCELLED",
}:
    time.sleep(0.1)
described = reports.get_report_document(report.report_document_id)
served = requests.get(described.url, timeout=30)
content = (
    gzip.decompress(served.content) if described.compression_algorithm == "GZIP" else served.content
)
text = content.decode(served.encoding)

orders, token = [], {}
while True:
    page = SearchOrdersApi(client).search_orders(
        last_updated_after=task["start"],
        last_updated_before=task["end"],
        max_results_per_page=20,
        **token,
    )
    orders += [order.order_id for order in page.orders]
    if not page.pagination:
        break
    token = {"pagination_token": page.pagination.next_token}


def list_transactions(**query):  # noqa: ANN003, ANN201
    for _ in range(5):
        try:
            return (
                FinancesV2024Api(client)
                .list_transactions(posted_after=task["start"], posted_before=task["end"], **query)
                .payload
            )
        except ApiException as problem:
            if problem.status != 429:
                raise
            time.sleep(0.1)
    raise SystemExit("throttled too often")


transactions, pages, token = [], 0, {}
while True:
    page = list_transactions(**token)
    pages += 1
    transactions += [transaction.transaction_id for transaction in page.transactions]
    if not page.next_token:
        break
    token = {"next_token": page.next_token}

error = None
try:
    GetOrderApi(client).get_order("026-0000000-0000000")
except ApiException as problem:
    error = json.loads(problem.body)["errors"][0]["code"]
found = {
    "settlements": len(settlements),
    "text": text,
    "orders": orders,
    "transactions": transactions,
    "pages": pages,
    "error": error,
}
print(json.dumps(found))  # noqa: T201
