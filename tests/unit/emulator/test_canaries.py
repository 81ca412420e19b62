"""Every place of personal data carries a canary, in every payload that has the place."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.unit.emulator.support import ALICE, NOW

from theseller.emulator.canary_texts import (
    ALL_ORDERS_COLUMNS,
    ORDER_PATHS,
    PATTERN,
    all_paths,
    canary,
)
from theseller.emulator.reports import all_orders
from theseller.emulator.spapi.order_json import SECTIONS, OrderWriter
from theseller.emulator.world.order_types import Order
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World


def planted(body: object, path: str = "") -> set[str]:
    """Return the paths below which there is a canary."""
    if isinstance(body, dict):
        return {
            found
            for key, value in body.items()
            for found in planted(value, f"{path}.{key}" if path else key)
        }
    if isinstance(body, list):
        return {found for value in body for found in planted(value, f"{path}[]")}
    return {path} if isinstance(body, str) and re.search(PATTERN, body) else set()


def recent(world: World) -> list[Order]:
    seller = SELLERS[ALICE]
    return list(
        world.orders_created(
            seller, list(seller.stores), NOW - timedelta(days=20), NOW - timedelta(days=4)
        )
    )


def test_every_listed_order_path_carries_a_canary(world: World) -> None:
    writer = OrderWriter(7, NOW, frozenset(SECTIONS))
    found = {path for order in recent(world) for path in planted(writer.write(order))}
    assert found == {path for paths in ORDER_PATHS.values() for path in paths}


def test_without_the_restricted_role_a_recipient_has_a_location_and_no_name(world: World) -> None:
    writer = OrderWriter(
        7, NOW, frozenset({"RECIPIENT"}), frozenset({"Inventory and Order Tracking"})
    )
    for order in recent(world)[:50]:
        address = writer.write(order)["recipient"]["deliveryAddress"]
        assert set(address) == {
            "city",
            "districtOrCounty",
            "stateOrRegion",
            "municipality",
            "postalCode",
            "countryCode",
            "addressType",
        }


def test_an_order_without_sections_still_carries_what_amazon_does_not_gate(world: World) -> None:
    writer = OrderWriter(7, NOW, frozenset())
    for order in recent(world)[:50]:
        body = writer.write(order)
        assert planted(body) == set(ORDER_PATHS[""])
        assert not set(body) & {
            "buyer",
            "recipient",
            "proceeds",
            "fulfillment",
            "packages",
            "tax",
            "payment",
        }


def test_each_section_brings_its_own_paths_only(world: World) -> None:
    orders = recent(world)
    for section in SECTIONS:
        writer = OrderWriter(7, NOW, frozenset({section}))
        found = {path for order in orders for path in planted(writer.write(order))}
        assert found == {*ORDER_PATHS[""], *ORDER_PATHS.get(section, ())}


def test_all_orders_rows_carry_one_in_each_listed_column(world: World) -> None:
    seller = SELLERS[ALICE]
    header = all_orders.columns(all_orders.ORDER_DATE, seller)
    rows = all_orders.rows(world, seller, all_orders.ORDER_DATE, NOW - timedelta(days=3), NOW, NOW)
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        assert {column for column, cell in cells.items() if re.search(PATTERN, cell)} == set(
            ALL_ORDERS_COLUMNS
        )


def test_canaries_are_unique_and_repeatable() -> None:
    made = {canary(7, path, key) for path in sorted(all_paths()) for key in ("1", "2", "3")}
    assert len(made) == 3 * len(all_paths())
    assert all(re.fullmatch(PATTERN, text) for text in made)
    assert (
        canary(7, "buyer.buyerName", "1")
        == canary(7, "buyer.buyerName", "1")
        != canary(8, "buyer.buyerName", "1")
    )


def test_plausible_recipients_carry_no_canary_and_differ(world: World) -> None:
    """For demonstrations: whom a parcel is for reads like a person. Everything else is marked as always."""
    roles = frozenset({"Direct to Consumer Shipping (Restricted)"})
    orders = [
        order
        for seller in SELLERS.values()
        for order in world.orders_created(seller, list(seller.stores), NOW - timedelta(days=3), NOW)
    ]
    names = set()
    for order in orders:
        marked, invented = (
            OrderWriter(7, NOW, frozenset(SECTIONS), roles, plausible=plausible).write(order)
            for plausible in (False, True)
        )
        assert planted(invented) == {
            path
            for path in planted(marked)
            if not path.startswith("recipient.") and not path.endswith("giftMessage")
        }
        address = invented["recipient"]["deliveryAddress"]
        assert {"name", "addressLine1", "city", "postalCode"} <= set(address)
        assert ("phone" in address) == (order.destination in {"US", "CA", "GB", "DE", "FR"}), (
            "only numbers kept for fiction"
        )
        assert address["countryCode"] == order.destination
        assert all(isinstance(value, str) and value for value in address.values())
        names.add(address["name"])
        again = OrderWriter(7, NOW, frozenset(SECTIONS), roles, plausible=True).write(order)
        assert again == invented
    assert len(names) > 40


def test_without_the_role_no_recipient_is_invented(world: World) -> None:
    for order in recent(world)[:20]:
        address = OrderWriter(7, NOW, frozenset({"RECIPIENT"}), frozenset(), plausible=True).write(
            order
        )["recipient"]["deliveryAddress"]
        assert "name" not in address
