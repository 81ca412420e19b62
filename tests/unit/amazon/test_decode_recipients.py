"""What a packing slip's call answers: a whole address or none, and whether a parcel can have left."""

from __future__ import annotations

import json

import pytest

from theseller.amazon.decoders.recipients import SlipData, decode_slip_data

ADDRESS = {"name": "A. Miller", "addressLine1": "1 Row", "city": "Bangor", "countryCode": "US"}


def _decoded(status: str | None = "UNSHIPPED", **address: str | None) -> SlipData:
    order: dict[str, object] = {
        "orderId": "111-1", "createdTime": "2026-11-01T00:00:00Z",
        "lastUpdatedTime": "2026-11-02T00:00:00Z", "orderItems": [], "salesChannel": {},
        "recipient": {"deliveryAddress": {**ADDRESS, **address}},
    }  # fmt: skip
    if status:
        order["fulfillment"] = {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"}
    return decode_slip_data(json.dumps({"order": order}).encode())[0]


@pytest.mark.parametrize(
    ("status", "left", "cancelled"),
    [
        ("PENDING", False, False), ("UNSHIPPED", False, False), ("CANCELLED", False, True),
        ("UNFULFILLABLE", False, True), ("SHIPPED", True, False),
        ("PARTIALLY_SHIPPED", True, False), ("A_NEW_ONE", True, False), (None, True, False),
    ],
)  # fmt: skip
def test_order_status_tells_whether_the_parcel_may_have_left(
    status: str | None,
    left: bool,  # noqa: FBT001
    cancelled: bool,  # noqa: FBT001
) -> None:
    found = _decoded(status)
    assert (found.may_have_left, found.cancelled) == (left, cancelled)


def test_an_incomplete_address_is_discarded() -> None:
    assert _decoded().address is not None
    assert _decoded(name=None, companyName="Acme").address is not None
    for missing in ("name", "addressLine1"):
        assert _decoded(**{missing: None}).address is None
    assert "Miller" not in repr(_decoded())
