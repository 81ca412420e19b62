"""Packing slips against real processes: turned on, fetched from the emulated Amazon, printed, turned off; then everything is searched.

The emulated Amazon puts a canary into every field of a buyer. One page may show canaries, and nothing may keep any.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.leaks import search_everything
from tests.search import CANARY
from tests.visitors import CHROMIUM, Visitor, chromium, visitor
from tests.world import World, running_world

from theseller.amazon.roles import RestrictedRole
from theseller.postgres.processes import wait_until

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: install it or name it in CHROMIUM"),
    pytest.mark.timeout(1800),
]
PATIENCE = 360.0
SLIPS, PRINT = "/packing-slips/", "/packing-slips/print/"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world(settings={"THESELLER_RESTRICTED_ROLES": RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value}) as running:
        yield running


def test_recipients_come_are_printed_and_are_gone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with chromium() as browser, visitor(browser, world.web, world.emulator) as alice:
        alice.sign_in("alice@example.com", world.password)
        _connect(alice, world)
        _turn_on(alice, world)
        _get_and_print(alice, world)
        tables = search_everything(world, [], files=False)  # while they are held
        _turn_off(alice, world)
        shown = {address.removeprefix(world.web) for address, body in alice.visit.bodies if CANARY.whole.search(body)}
        assert shown == {PRINT}
        assert not alice.visit.complaints
        assert not [address for address in alice.visit.addresses if CANARY.whole.search(address.encode())]
    world.stop()
    files = search_everything(world, [], database=False)
    with capsys.disabled():
        print(f"\n  in tables, while 5 recipients are held: {tables}\n  in files, afterwards: {files}")  # noqa: T201
    assert not tables.hits
    assert not files.hits
    assert min(tables.tables - 100, files.files - 300, files.bytes - 20_000_000) > 0, "too little was searched to prove anything"


def _connect(alice: Visitor, world: World) -> None:
    page = alice.page
    alice.go("/connections/new/")
    page.get_by_role("button", name="Continue: review permissions").click()
    page.get_by_role("button", name="Continue to Amazon").click()
    page.wait_for_url(f"{world.emulator}/**")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{world.web}/connections/")
    to_ship = "select count(distinct order_id) from ingest_order_line where fulfilment = 'merchant' and status = 'unshipped'"
    assert wait_until(lambda: int(world.rows(to_ship)[0][0]) >= 5, PATIENCE, step=0.5)


def _turn_on(alice: Visitor, world: World) -> None:
    page = alice.page
    alice.go(SLIPS)
    page.get_by_role("link", name="Review terms").click()
    page.get_by_label("I have read this").check()
    page.get_by_role("button", name="Turn packing slips on").click()
    page.wait_for_load_state()
    if "second-factor" in page.url:  # more than five minutes since she signed in
        page.get_by_label("Password").fill(world.password)
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/on/")
        page.get_by_label("I have read this").check()
        page.get_by_role("button", name="Turn packing slips on").click()
    expect(page.locator("main [role=status]")).to_contain_text("Packing slips are on")


def _get_and_print(alice: Visitor, world: World) -> None:
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
    assert world.rows("select count(*) from audit_event where tag = 'vault:recipient:viewed'") == [(5,)]


def _turn_off(alice: Visitor, world: World) -> None:
    page = alice.page
    alice.go(SLIPS)
    page.get_by_role("link", name="Turn off…").click()
    page.get_by_role("button", name="Turn off and destroy").click()
    expect(page.locator("main [role=status]")).to_contain_text("1 key destroyed, 5 recipients erased")
    assert world.rows("select count(*) from pii.recipient") == [(0,)]
