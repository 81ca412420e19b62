"""Amazon's raw answers to day and SKU cells, by code that shares nothing with the product.

No import of it, other names, no floats.

It asks the emulator over HTTP as any client would, reads JSON and tab-separated text itself, and
adds up by rules written down here a second time. What Amazon's labels mean is stated below for the
labels that the emulator has; any other label is an error.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx

Json = dict[str, Any]
#: (store, local day, SKU or "" for the whole day) → column → value.
Cells = dict[tuple[str, date, str], dict[str, Decimal]]
#: The same places → what is counted once there.
Keys = dict[tuple[str, date, str], set[str]]

ZONES = {
    "ATVPDKIKX0DER": "America/Los_Angeles", "A2EUQ1WTGCTBG2": "America/Los_Angeles",
    "A1AM78C64UM0Y8": "America/Los_Angeles", "A1F83G8C2ARO7P": "Europe/London",
    "A1PA6795UKMFR9": "Europe/Berlin", "A13V1IB3VIYZZH": "Europe/Paris",
    "A1VC38T7YXB528": "Asia/Tokyo",
}  # fmt: skip
CHANNELS = {
    "Amazon.com": "ATVPDKIKX0DER", "Amazon.ca": "A2EUQ1WTGCTBG2", "Amazon.com.mx": "A1AM78C64UM0Y8",
    "Amazon.co.uk": "A1F83G8C2ARO7P", "Amazon.de": "A1PA6795UKMFR9", "Amazon.fr": "A13V1IB3VIYZZH",
    "Amazon.co.jp": "A1VC38T7YXB528",
}  # fmt: skip
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
BY_ORDER_DATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"

_BACK_TO_BUYERS = {
    "Refund",
    "GuaranteeClaim",
    "Chargeback",
    "A-to-z Guarantee Refund",
    "Chargeback Refund",
}
#: What a group of a breakdown tree is for a sale, and for money that goes back. None: no profit and
#: no loss.
_OF_GROUP: dict[str, tuple[str | None, str | None]] = {
    "ProductCharges": ("product_sales", "refunded_sales"),
    "Shipping": ("credits", "refunded_sales"), "GiftWrap": ("credits", "refunded_sales"),
    "PromotionRebates": ("discounts", "refunded_sales"), "AmazonFees": ("fees", "fees"),
    "ServiceFees": ("fees", "fees"), "Tax": (None, None), "MarketplaceFacilitatorTax": (None, None),
    "AdvertisingCharges": ("advertising", "advertising"),
    "FBAInventoryReimbursement": ("reimbursements", "reimbursements"),
}  # fmt: skip
_REIMBURSEMENTS = {
    "WAREHOUSE_LOST",
    "WAREHOUSE_DAMAGE",
    "MISSING_FROM_INBOUND",
    "REVERSAL_REIMBURSEMENT",
    "CS_ERROR_ITEMS",
}
_SERVICE_FEES = {
    "Subscription Fee",
    "Storage Fee",
    "StorageRenewalBilling",
    "FBAInboundTransportationFee",
}
_RESERVES = {"Current Reserve Amount", "Previous Reserve Amount Balance"}


@dataclass(frozen=True, slots=True)
class Money:
    """One amount of profit or loss: what it is, where and when it counts, and which posting it is part of."""

    store: str
    day: date
    sku: str
    column: str
    amount: Decimal
    refund_of: str = ""
    """The order or posting whose principal goes back to a buyer with this amount."""
    units: int = 0
    """The units whose sale this amount is."""


class SellerClient:
    """A client of the emulated Amazon for one seller, nothing more than HTTP.

    `wait` lets quota and time pass.
    """

    def __init__(
        self, url: str, region: str, token: Callable[[], str], wait: Callable[[], None]
    ) -> None:
        self.base, self.token, self.wait = f"{url}/spapi/{region}", token, wait
        self.http = httpx.Client(trust_env=False, timeout=60, verify=False)  # noqa: S501

    # handed on as it is
    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401
        while True:
            answer = self.http.request(method, self.base + path, **content)
            if answer.status_code == 403:
                self.http.headers["x-amz-access-token"] = self.token()
            elif answer.status_code == 429:
                self.wait()
            else:
                return answer

    def get(self, path: str, **query: object) -> Json:
        answer = self._ask("GET", path, params={key: str(value) for key, value in query.items()})
        assert answer.status_code == 200, (path, answer.text[:300])
        found: Json = json.loads(answer.text, parse_float=Decimal)
        return found

    def orders(self, since: datetime, until: datetime) -> list[Json]:
        """Return every order created in [since, until], as Amazon tells it now."""
        found: list[Json] = []
        query: Json = {
            "createdAfter": _written(since), "createdBefore": _written(until),
            "maxResultsPerPage": 100, "includedData": "PROCEEDS,FULFILLMENT,PROMOTION",
        }  # fmt: skip
        while True:
            page = self.get("/orders/2026-01-01/orders", **query)
            found += page["orders"]
            following = page.get("pagination", {}).get("nextToken")
            if not following:
                return found
            query["paginationToken"] = following

    def transactions(self, since: datetime, until: datetime) -> list[Json]:
        """Return every transaction that Amazon lists for [since, until), in pieces that it accepts."""
        found: dict[str, Json] = {}
        while since < until:
            end = min(since + timedelta(days=90), until)
            query: Json = {"postedAfter": _written(since), "postedBefore": _written(end)}
            while True:
                payload = self.get("/finances/2024-06-19/transactions", **query)["payload"]
                found |= {entry["transactionId"]: entry for entry in payload["transactions"]}
                if not payload.get("nextToken"):
                    break
                query["nextToken"] = payload["nextToken"]
            since = end
        return list(found.values())

    def settlements(self) -> dict[str, bytes]:
        """Return every settlement document that Amazon keeps, by report id, as it is served."""
        found: dict[str, bytes] = {}
        query: Json = {"reportTypes": SETTLEMENT, "pageSize": 100}
        while True:
            page = self.get("/reports/2021-06-30/reports", **query)
            found |= {
                report["reportId"]: self._document(report["reportDocumentId"])
                for report in page["reports"]
            }
            if not page.get("nextToken"):
                return found
            query = {"nextToken": page["nextToken"]}

    def all_orders(self, store: str, since: datetime, until: datetime) -> bytes:
        """Request a report of the orders placed in [since, until), wait for it and return it as it is served."""
        body = {
            "reportType": BY_ORDER_DATE,
            "marketplaceIds": [store],
            "dataStartTime": _written(since),
            "dataEndTime": _written(until),
        }
        created = self._ask("POST", "/reports/2021-06-30/reports", json=body)
        path = f"/reports/2021-06-30/reports/{created.json()['reportId']}"
        while (report := self.get(path))["processingStatus"] not in {"DONE", "CANCELLED", "FATAL"}:
            self.wait()
        assert report["processingStatus"] == "DONE"
        return self._document(report["reportDocumentId"])

    def _document(self, document_id: str) -> bytes:
        described = self.get(f"/reports/2021-06-30/documents/{document_id}")
        answer = self.http.get(described["url"])
        assert answer.status_code == 200
        return answer.content


def rows_of(served: bytes) -> list[dict[str, str]]:
    """Return the rows of a tab-separated document by column.

    European documents are Windows-1252, others UTF-8.
    """
    plain = gzip.decompress(served) if served[:2] == b"\x1f\x8b" else served
    try:
        text = plain.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = plain.decode("cp1252")
    header, *lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(store: str, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(ZONES[store])).date()


def _number(text: str) -> Decimal:
    """Return the number that ``-1.234,56`` or ``-1234.56`` writes.

    The last separator followed by at most two digits is the decimal one.
    """
    if "," in text:
        return Decimal(text.replace(".", "").replace(",", "."))
    return Decimal(text)


def _moment(text: str) -> datetime:
    """Read ``31.12.2026 23:59:59 UTC`` and ``2026-12-31 23:59:59 UTC``."""
    pattern = "%d.%m.%Y %H:%M:%S UTC" if text[2] == "." else "%Y-%m-%d %H:%M:%S UTC"
    return datetime.strptime(text, pattern).replace(tzinfo=UTC)


# --- money of transactions


def _links(transaction: Json) -> dict[str, str]:
    return {
        link["relatedIdentifierName"]: link["relatedIdentifierValue"]
        for link in transaction["relatedIdentifiers"]
    }


def _groups(branches: Iterable[Json] | None) -> Iterator[tuple[str, Decimal]]:
    """Give the groups of a tree, below Sales and Expenses where it has them."""
    for branch in branches or ():
        if branch["breakdownType"] in {"Sales", "Expenses"}:
            yield from _groups(branch["breakdowns"])
        else:
            yield branch["breakdownType"], Decimal(branch["breakdownAmount"]["currencyAmount"])


def _of_transaction(transaction: Json) -> Iterator[Money]:
    store = transaction["marketplaceDetails"]["marketplaceId"]
    day = _day(store, datetime.fromisoformat(transaction["postedDate"]))
    back = transaction["transactionType"] in _BACK_TO_BUYERS
    key = _links(transaction).get("ORDER_ID") or transaction["transactionId"]
    whole = list(_groups(transaction["breakdowns"]))
    parts: list[tuple[str, str, Decimal]] = []
    units: dict[str, int] = defaultdict(int)
    for item in transaction["items"] or ():
        sku = next((context["sku"] for context in item["contexts"] if context.get("sku")), "")
        groups = list(_groups(item["breakdowns"])) or [
            (whole[0][0], Decimal(item["totalAmount"]["currencyAmount"]))
        ]
        parts += [(sku, name, amount) for name, amount in groups]
        if not back and sum(amount for name, amount in groups if name == "ProductCharges") > 0:
            units[sku] += sum(context.get("quantityShipped", 0) for context in item["contexts"])
    for sku, name, amount in parts or [("", name, amount) for name, amount in whole]:
        column = _OF_GROUP[name][back]
        if column:
            refunded = key if back and name == "ProductCharges" and amount < 0 else ""
            sold = units.pop(sku, 0) if column == "product_sales" else 0
            yield Money(store, day, sku, column, amount, refunded, sold)


# --- money of settlements


def _column_of_row(row: dict[str, str]) -> str | None:
    kind, name, back = (
        row["amount-type"],
        row["amount-description"],
        row["transaction-type"] in _BACK_TO_BUYERS,
    )
    if kind == "ItemPrice":
        return (
            None
            if name.endswith("Tax")
            else "refunded_sales"
            if back
            else "product_sales"
            if name == "Principal"
            else "credits"
        )
    if kind == "Promotion":
        return "refunded_sales" if back else "discounts"
    simple = {"ItemFees": "fees", "ItemWithheldTax": None, "Cost of Advertising": "advertising"}
    if kind in simple:
        return simple[kind]
    assert kind == "other-transaction", kind
    if name in _RESERVES:
        return None
    assert name in _REIMBURSEMENTS | _SERVICE_FEES, name
    return "reimbursements" if name in _REIMBURSEMENTS else "fees"


def _of_settlement(rows: list[dict[str, str]], store: str) -> Iterator[Money]:
    """Give the amounts of one settlement. `store`: whose settlement it is, for rows that name none."""
    summary, *body = rows
    assert sum((_number(row["amount"]) for row in body), Decimal(0)) == _number(
        summary["total-amount"]
    )
    for row in body:
        column = _column_of_row(row)
        if column is None:
            continue
        where = CHANNELS[row["marketplace-name"]] if row["marketplace-name"] else store
        amount = _number(row["amount"])
        principal = (
            column == "refunded_sales"
            and row["amount-type"] == "ItemPrice"
            and row["amount-description"] == "Principal"
        )
        refunded = (row["order-id"] or row["settlement-id"]) if principal and amount < 0 else ""
        yield Money(
            where,
            _day(where, _moment(row["posted-date-time"])),
            row["sku"],
            column,
            amount,
            refunded,
            int(row["quantity-purchased"]) if column == "product_sales" and amount > 0 else 0,
        )


def store_of(rows: list[dict[str, str]]) -> str:
    """Return the store that a settlement's rows name; it has one, or no row that needs one."""
    names = {row["marketplace-name"] for row in rows if row["marketplace-name"]}
    assert len(names) == 1 or len(rows) == 1, names
    return CHANNELS[names.pop()] if names else ""


# --- cells


def _new() -> Cells:
    return defaultdict(lambda: defaultdict(Decimal))


def _keys() -> Keys:
    return defaultdict(set)


def money_cells(transactions: Iterable[Json], settlements: Iterable[list[dict[str, str]]]) -> Cells:
    """Return the ledger's cells, each posting once.

    Settled money comes from its settlement, all other released money from Finances.
    """
    cells, refunds = _new(), _keys()
    stored = list(settlements)
    known = {rows[0]["settlement-id"] for rows in stored}
    found = [money for rows in stored for money in _of_settlement(rows, store_of(rows))]
    for transaction in transactions:
        status, kind = transaction["transactionStatus"], transaction["transactionType"]
        if status == "DEFERRED":
            store = transaction["marketplaceDetails"]["marketplaceId"]
            day = _day(store, datetime.fromisoformat(transaction["postedDate"]))
            cells[store, day, ""]["deferred"] += Decimal(
                transaction["totalAmount"]["currencyAmount"]
            )
        elif (
            status != "DEFERRED_RELEASED"
            and kind != "Transfer"
            and _links(transaction).get("SETTLEMENT_ID") not in known
        ):
            found += _of_transaction(transaction)
    for money in found:
        for sku in {"", money.sku}:
            cell = cells[money.store, money.day, sku]
            cell["net_proceeds"] += money.amount
            cell[money.column] += money.amount
            if sku:
                cell["posted_units"] += money.units
            if money.refund_of:
                refunds[money.store, money.day, sku].add(money.refund_of)
    for place, keys in refunds.items():
        cells[place]["refunds"] = Decimal(len(keys))
    return cells


def order_cells(orders: Iterable[Json]) -> Cells:
    """Return the cells of orders: what was ordered on a day and not canceled.

    Replacements and other channels are left out.
    """
    cells, buyers = _new(), _keys()
    for order in orders:
        if order["salesChannel"]["channelName"] != "AMAZON":
            continue
        store = order["salesChannel"]["marketplaceId"]
        day = _day(store, datetime.fromisoformat(order["createdTime"]))
        status = order["fulfillment"]["fulfillmentStatus"]
        if status == "CANCELLED":
            cells[store, day, ""]["cancelled_orders"] += 1
            continue
        if any(
            link["associationType"] == "REPLACEMENT_ORIGINAL_ID"
            for link in order.get("associatedOrders", ())
        ):
            continue
        cells[store, day, ""]["pending_orders"] += status == "PENDING"
        for item in order["orderItems"]:
            sales = sum(
                (
                    Decimal(part["subtotal"]["amount"])
                    for part in item.get("proceeds", {}).get("breakdowns", ())
                    if part["type"] == "ITEM"
                ),
                Decimal(0),
            )
            _add_item(
                cells,
                buyers,
                (store, day),
                (order["orderId"], item["product"]["sellerSku"]),
                (item["quantityOrdered"], sales),
            )
    return _with_orders(cells, buyers)


def order_cells_of_rows(rows: Iterable[dict[str, str]]) -> Cells:
    """Return the cells of orders from the rows of an all-orders report.

    It names no replacements: they are orders for nothing that were shipped.
    """
    cells, buyers = _new(), _keys()
    by_order: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["sales-channel"] in CHANNELS:
            by_order[row["amazon-order-id"]].append(row)
    for order_id, lines in by_order.items():
        store = CHANNELS[lines[0]["sales-channel"]]
        day = _day(store, datetime.fromisoformat(lines[0]["purchase-date"]))
        status = lines[0]["order-status"]
        if status == "Cancelled":
            cells[store, day, ""]["cancelled_orders"] += 1
            continue
        if all(line["item-price"] and not _number(line["item-price"]) for line in lines):
            continue
        cells[store, day, ""]["pending_orders"] += status == "Pending"
        for line in lines:
            amount = _number(line["item-price"]) if line["item-price"] else Decimal(0)
            _add_item(
                cells,
                buyers,
                (store, day),
                (order_id, line["sku"]),
                (int(line["quantity"]), amount),
            )
    return _with_orders(cells, buyers)


def _add_item(
    cells: Cells,
    buyers: Keys,
    place: tuple[str, date],
    item: tuple[str, str],
    what: tuple[int, Decimal],
) -> None:
    (order_id, sku), (units, sales) = item, what
    for name in ("", sku):
        cells[*place, name]["units"] += units
        cells[*place, name]["ordered_sales"] += sales
        buyers[*place, name].add(order_id)
    cells[*place, ""]["order_items"] += 1


def _with_orders(cells: Cells, buyers: Keys) -> Cells:
    for place, keys in buyers.items():
        cells[place]["orders"] = Decimal(len(keys))
    return cells


def joined(*parts: Cells) -> Cells:
    """Return the cells of several books together; their columns differ, so that nothing is added twice."""
    cells = _new()
    for part in parts:
        for place, columns in part.items():
            for column, value in columns.items():
                cells[place][column] += value
    return cells


def differences(expected: Cells, shown: Cells) -> list[str]:
    """Return a line for each column of each cell in which the two differ.

    What a cell does not have is zero.
    """
    found = []
    for place in sorted({*expected, *shown}):
        ours, theirs = expected.get(place, {}), shown.get(place, {})
        found += [
            f"{place[0]} {place[1]} {place[2] or '(day)'} {column}: {ours.get(column, 0)} of"
            f" Amazon's answers, {theirs.get(column, 0)} shown"
            for column in sorted({*ours, *theirs})
            if ours.get(column, Decimal(0)) != theirs.get(column, Decimal(0))
        ]
    return found
