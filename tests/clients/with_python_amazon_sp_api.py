"""python-amazon-sp-api against the emulator.

Reads the task as JSON from standard input, writes what it found as JSON.

It runs in the environment that bin/clients makes, not in the project's.
"""

# mypy: ignore-errors

from __future__ import annotations

import json
import sys
import time

from sp_api.api import Finances, Orders, Reports
from sp_api.auth import AccessTokenClient
from sp_api.base import Marketplaces, SellingApiException
from sp_api.base.credential_provider import CredentialProvider
from sp_api.util import throttle_retry

task = json.load(sys.stdin)
credentials = {
    "refresh_token": "none",
    "lwa_app_id": task["client_id"],
    "lwa_client_secret": task["client_secret"],
}
provided = CredentialProvider(credentials=credentials).credentials
credentials["refresh_token"] = AccessTokenClient(credentials=provided).authorize_auth_code(
    task["code"]
)["refresh_token"]
known = {"credentials": credentials, "marketplace": Marketplaces.UK}
reports = Reports(**known)
orders_api = Orders(version="2026-01-01", **known)
finances = Finances(version="2024-06-19", **known)

settlements = reports.get_reports(reportTypes=[task["settlement"]], pageSize=100).payload["reports"]
created = reports.create_report(
    reportType=task["report"],
    marketplaceIds=[task["marketplace"]],
    dataStartTime=task["start"],
    dataEndTime=task["end"],
).payload
while (report := reports.get_report(created["reportId"]).payload)["processingStatus"] not in {
    "DONE",
    "FATAL",
    "CANCELLED",
}:
    time.sleep(0.1)
document = reports.get_report_document(report["reportDocumentId"], download=True).payload

orders, token = [], {}
while True:
    page = orders_api.search_orders(
        lastUpdatedAfter=task["start"],
        lastUpdatedBefore=task["end"],
        maxResultsPerPage=20,
        marketplaceIds=task["stores"],
        **token,
    )
    orders += [order["orderId"] for order in page.payload["orders"]]
    following = (page.pagination or {}).get("nextToken")
    if not following:
        break
    token = {"paginationToken": following}


@throttle_retry(tries=5, delay=0.1, rate=1)
def list_transactions(**query):  # noqa: ANN003, ANN201
    return finances.list_transactions(
        postedAfter=task["start"], postedBefore=task["end"], **query
    ).payload


transactions, pages, token = [], 0, {}
while True:
    page = list_transactions(**token)
    pages += 1
    transactions += [transaction["transactionId"] for transaction in page["transactions"]]
    if not page.get("nextToken"):
        break
    token = {"nextToken": page["nextToken"]}

error = None
try:
    orders_api.get_order("026-0000000-0000000")
except SellingApiException as problem:
    error = problem.error[0]["code"] if isinstance(problem.error, list) else problem.amzn_code
print(  # noqa: T201
    json.dumps(
        {
            "settlements": len(settlements), "text": document["document"], "orders": orders,
            "transactions": transactions, "pages": pages, "error": error,
        }
    )
)  # fmt: skip
