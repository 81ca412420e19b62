"""Packing slips in a browser: turned on, fetched from the emulated Amazon, printed, turned off.

The emulated Amazon puts a canary into every field of a buyer. One page may show canaries, and
nothing may keep any: the journey that these steps are part of searches everything afterwards.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.browser_sessions import BrowserSession
from tests.demo_deployment import Demo
from tests.demo_leak_scan import scan_everything
from tests.leak_scanner import CANARY, Exact, ScanResult

from theseller.amazon.roles import RestrictedRole
from theseller.postgres.os_processes import wait_until

#: What the operator of the demo sets, to have the role for packing slips.
SETTINGS = {"THESELLER_RESTRICTED_ROLES": RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value}
PATIENCE = 360.0
SLIPS, PRINT = "/packing-slips/", "/packing-slips/print/"


def fetch_print_and_delete(
    alice: BrowserSession, demo: Demo, needles: list[Exact], tenant: str
) -> ScanResult:
    """Fetch and print five slips, then turn the feature off, which erases them.

    Only the printed page may show a canary, and no table may have one while they are stored.

    Returns:
        What was searched while they were stored.
    """
    to_ship = (
        "select count(distinct order_id) from ingest_order_line where fulfilment = 'merchant' and"
        " status = 'unshipped' and tenant_id = %s"
    )
    assert wait_until(lambda: int(demo.rows(to_ship, (tenant,))[0][0]) >= 5, PATIENCE, step=0.5)
    demo.slow_amazon("finances.*", "reports.*", "orders.searchOrders")
    _turn_on(alice, demo)
    _get_and_print(alice, demo)
    tables = scan_everything(demo, needles, files=False)
    assert not tables.hits
    _turn_off(alice, demo)
    demo.slow_amazon("*")
    shown = {
        address.removeprefix(demo.web)
        for address, body in alice.traffic.bodies
        if CANARY.whole.search(body)
    }
    assert shown == {PRINT}
    assert not [
        address for address in alice.traffic.addresses if CANARY.whole.search(address.encode())
    ]
    return tables


def _turn_on(alice: BrowserSession, demo: Demo) -> None:
    page = alice.page
    alice.go(SLIPS)
    page.get_by_role("link", name="Review terms").click()
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Turn packing slips on").click()
    page.wait_for_load_state()
    if "second-factor" in page.url:  # more than five minutes since she signed in
        alice.step_up_if_required(demo.password)
        page.get_by_label("I have read the terms").check()
        page.get_by_role("button", name="Turn packing slips on").click()
    expect(page.locator("main [role=status]")).to_contain_text("Packing slips are on")


def _get_and_print(alice: BrowserSession, demo: Demo) -> None:
    page = alice.page
    alice.go(SLIPS)
    for box in page.locator("[type=checkbox]").all()[:5]:
        box.check()
    page.get_by_role("button", name="Request packing slips").click()
    expect(page.locator("#strip")).to_contain_text("5 slips ready", timeout=PATIENCE * 1000)
    page.get_by_role("button", name="Print all 5").click()
    expect(page.locator(".paper")).to_have_count(5)
    for paper in page.locator("address").all():
        assert CANARY.whole.search(paper.inner_text().encode())
    assert demo.rows("select count(*) from audit_event where tag = 'vault:recipient:viewed'") == [
        (5,)
    ]


def _turn_off(alice: BrowserSession, demo: Demo) -> None:
    page = alice.page
    alice.go(SLIPS)
    page.get_by_role("link", name="Turn off…").click()
    page.wait_for_url(re.compile("/(off|second-factor)/"))
    alice.step_up_if_required(demo.password)
    page.get_by_role("button", name="Turn off and destroy").click()
    expect(page.locator("main [role=status]")).to_contain_text(
        "1 key destroyed, 5 recipients erased"
    )
    assert demo.rows("select count(*) from pii.recipient") == [(0,)]
