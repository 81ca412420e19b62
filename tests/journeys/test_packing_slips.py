"""Packing slips against real processes; then everything is searched.

Turned on, fetched from the emulated Amazon, printed, turned off.

The emulated Amazon puts a canary into every field of a buyer. One page may show canaries, and
nothing may keep any.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.browser_sessions import CHROMIUM, BrowserSession, browser_session, chromium
from tests.demo_deployment import Demo, running_demo
from tests.demo_leak_scan import scan_everything
from tests.leak_scanner import CANARY

from theseller.amazon.roles import RestrictedRole
from theseller.postgres.os_processes import wait_until

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: install it or name it in CHROMIUM"
    ),
    pytest.mark.timeout(1800),
]
PATIENCE = 360.0
SLIPS, PRINT = "/packing-slips/", "/packing-slips/print/"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    settings = {"THESELLER_RESTRICTED_ROLES": RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value}
    # The newest orders come at once; years of them would slow down what is tested.
    with running_demo("6", settings=settings) as running:
        yield running


def test_recipients_are_fetched_printed_and_deleted(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    with chromium() as browser, browser_session(browser, demo.web, demo.emulator) as alice:
        alice.sign_in("alice@example.com", demo.password)
        _connect(alice, demo)
        _turn_on(alice, demo)
        _get_and_print(alice, demo)
        tables = scan_everything(demo, [], files=False)  # while they are held
        _turn_off(alice, demo)
        shown = {
            address.removeprefix(demo.web)
            for address, body in alice.traffic.bodies
            if CANARY.whole.search(body)
        }
        assert shown == {PRINT}
        assert not alice.traffic.complaints
        assert not [
            address for address in alice.traffic.addresses if CANARY.whole.search(address.encode())
        ]
    demo.stop()
    files = scan_everything(demo, [], database=False)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  in tables, while 5 recipients are held: {tables}\n  in files, afterwards: {files}"
        )
    assert not tables.hits
    assert not files.hits
    assert min(tables.tables - 100, files.files - 300, files.bytes - 20_000_000) > 0, (
        "too little was searched to prove anything"
    )


def _connect(alice: BrowserSession, demo: Demo) -> None:
    page = alice.page
    demo.slow_amazon("finances.*", "reports.*")  # of which slips need nothing
    alice.go("/connections/new/")
    page.get_by_role("button", name="Continue: review permissions").click()
    page.get_by_role("button", name="Continue to Amazon").click()
    page.wait_for_url(f"{demo.emulator}/**")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{demo.web}/connections/")
    to_ship = (
        "select count(distinct order_id) from ingest_order_line where fulfilment = 'merchant' and"
        " status = 'unshipped'"
    )
    assert wait_until(lambda: int(demo.rows(to_ship)[0][0]) >= 5, PATIENCE, step=0.5)
    demo.slow_amazon("finances.*", "reports.*", "orders.searchOrders")


def _turn_on(alice: BrowserSession, demo: Demo) -> None:
    page = alice.page
    alice.go(SLIPS)
    page.get_by_role("link", name="Review terms").click()
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Turn packing slips on").click()
    page.wait_for_load_state()
    if "second-factor" in page.url:  # more than five minutes since she signed in
        page.get_by_label("Password").fill(demo.password)
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/on/")
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
    page.get_by_role("button", name="Turn off and destroy").click()
    expect(page.locator("main [role=status]")).to_contain_text(
        "1 key destroyed, 5 recipients erased"
    )
    assert demo.rows("select count(*) from pii.recipient") == [(0,)]
