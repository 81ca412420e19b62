"""Orders v0 and restricted data tokens.

What an application without a restricted role receives, and what one with it does.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.emulator.support import ALICE, CHARLIE, Amazon, amazon_with
from tests.unit.emulator.test_canaries import planted

US = "ATVPDKIKX0DER"
V0 = "/orders/v0/orders"
RDT = "/tokens/2021-03-01/restrictedDataToken"
ORDERS = f"{V0}?MarketplaceIds={US}&CreatedAfter=2026-11-10T00:00:00Z&MaxResultsPerPage=50"
SHIPPING = "Direct to Consumer Shipping (Restricted)"
#: Places of personal data that need no restricted data token.
OPEN = {
    "BuyerInfo.BuyerEmail",
    "ShippingAddress.City",
    "ShippingAddress.StateOrRegion",
    "ShippingAddress.PostalCode",
}


def request_token(
    amazon: Amazon, token: str, path: str, *elements: str, seller: str = ALICE
) -> httpx.Response:
    resource: dict[str, Any] = {"method": "GET", "path": path}
    if elements:
        resource["dataElements"] = list(elements)
    return amazon.call(seller, token, RDT, "POST", json={"restrictedResources": [resource]})


def personal(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {re.sub(r"^payload\.(Orders\[\]\.)?", "", path) for path in planted(answer.json())}


def test_orders_without_restricted_role_contain_only_unrestricted_buyer_fields(
    amazon: Amazon,
) -> None:
    token = amazon.connect(ALICE)["access_token"]
    found = amazon.call(ALICE, token, ORDERS)
    assert personal(found) == OPEN
    order_id = found.json()["payload"]["Orders"][0]["AmazonOrderId"]
    assert personal(amazon.call(ALICE, token, f"{V0}/{order_id}")) <= OPEN
    assert personal(amazon.call(ALICE, token, f"{V0}/{order_id}/orderItems")) == set()
    assert personal(amazon.call(ALICE, token, f"{V0}/{order_id}/buyerInfo")) == {"BuyerEmail"}


@pytest.mark.parametrize(
    ("path", "elements", "message"),
    [
        (
            V0,
            ("buyerInfo", "shippingAddress"),
            "one or more requested data elements: [buyerInfo, shippingAddress]",
        ),
        (f"{V0}/{{orderId}}/address", (), "some or all requested resource"),
    ],
)
def test_without_a_restricted_role_no_token_is_made(
    amazon: Amazon, path: str, elements: tuple[str, ...], message: str
) -> None:
    answer = request_token(amazon, amazon.connect(ALICE)["access_token"], path, *elements)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"]) == (400, "InvalidInput")
    assert error["message"].endswith(message)


def test_with_the_role_a_token_opens_what_it_names_for_an_hour(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, roles=(SHIPPING, "Inventory and Order Tracking"))
    token = amazon.connect(ALICE)["access_token"]
    restricted = request_token(amazon, token, V0, "buyerInfo", "shippingAddress").json()
    assert restricted["expiresIn"] == 3600
    rdt = restricted["restrictedDataToken"]
    assert rdt.startswith("Atz.sprdt|")
    whole = personal(amazon.call(ALICE, rdt, ORDERS))
    assert whole > OPEN
    assert {
        "BuyerInfo.BuyerName",
        "ShippingAddress.Name",
        "ShippingAddress.AddressLine1",
        "ShippingAddress.Phone",
    } <= whole
    address_only = request_token(amazon, token, V0, "shippingAddress").json()["restrictedDataToken"]
    assert not {"BuyerInfo.BuyerName"} & personal(amazon.call(ALICE, address_only, ORDERS))
    elsewhere = amazon.call(
        ALICE, rdt, "/orders/2026-01-01/orders?createdAfter=2026-11-18T00:00:00Z"
    )
    assert elsewhere.status_code == 403
    amazon.clock.pass_(seconds=3600)
    assert amazon.call(ALICE, rdt, ORDERS).status_code == 403


def test_a_token_for_any_order_opens_each_order_and_no_list(tmp_path: Path) -> None:
    amazon = amazon_with(tmp_path, roles=(SHIPPING,))
    token = amazon.connect(ALICE)["access_token"]
    order_id = amazon.call(ALICE, token, f"{ORDERS}&OrderStatuses=Shipped").json()["payload"][
        "Orders"
    ][0]["AmazonOrderId"]
    rdt = request_token(amazon, token, f"{V0}/{{orderId}}/address").json()["restrictedDataToken"]
    assert "ShippingAddress.Name" in personal(amazon.call(ALICE, rdt, f"{V0}/{order_id}/address"))
    assert amazon.call(ALICE, rdt, ORDERS).status_code == 403
    assert amazon.call(ALICE, rdt, f"{V0}/{order_id}").status_code == 403


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"restrictedResources": []}',
        b'{"restrictedResources": [{"method": "GET", "path": "/orders/v1/orders"}]}',
     b'{"restrictedResources": [{"method": "", "path": "/orders/v0/orders"}]}',
     b'{"restrictedResources": [1]}'],
)  # fmt: skip
def test_a_malformed_request_is_refused(tmp_path: Path, body: bytes) -> None:
    amazon = amazon_with(tmp_path, roles=(SHIPPING,))
    answer = amazon.call(ALICE, amazon.connect(ALICE)["access_token"], RDT, "POST", content=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "InvalidRequest")


def test_pages_of_the_old_version_hold_every_order_once(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    ids: list[str] = []
    following = ""
    while True:
        payload = amazon.call(ALICE, token, ORDERS + following).json()["payload"]
        ids += [order["AmazonOrderId"] for order in payload["Orders"]]
        if "NextToken" not in payload:
            break
        following = f"&NextToken={payload['NextToken']}"
    assert len(set(ids)) == len(ids) > 150


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"MarketplaceIds={US}",
        "CreatedAfter=2026-11-10",
        f"MarketplaceIds={US}&CreatedAfter=2026-11-10T00:00:00+00:00",
    ],
)
def test_orders_v0_with_invalid_parameters_is_400(amazon: Amazon, query: str) -> None:
    assert (
        amazon.call(ALICE, amazon.connect(ALICE)["access_token"], f"{V0}?{query}").status_code
        == 400
    )


def test_another_seller_s_order_is_not_found(amazon: Amazon) -> None:
    token = amazon.connect(ALICE)["access_token"]
    order_id = amazon.call(ALICE, token, ORDERS).json()["payload"]["Orders"][0]["AmazonOrderId"]
    charlie = amazon.connect(CHARLIE)["access_token"]
    assert amazon.call(CHARLIE, charlie, f"{V0}/{order_id}").status_code == 404
