"""The whole way, in a browser, against real processes; then everything is searched.

Connect, watch, read, share, keep apart, print packing slips, disconnect, prove.

Alice goes it on a wide screen, and each page is shown at the width of a phone as well. With the
marker `exhaustive` Charlie goes it after her, on a phone. Every figure is compared with what the
emulated Amazon knows to be true.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser_sessions import PHONE, WIDE, BrowserSession, browser_session, chromium
from tests.demo_deployment import Demo, running_demo
from tests.demo_leak_scan import scan_everything
from tests.expected_figures import (
    ALICE,
    CHARLIE,
    ExpectedFigures,
    ExpectedLedger,
    ExpectedSales,
    moments,
)
from tests.journeys import packing_slips
from tests.journeys.checked_controls import checked
from tests.leak_scanner import Exact, ScanResult

from theseller.lib import clock
from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_processes import wait_until
from theseller.postgres.server import Server

pytestmark = pytest.mark.timeout(2400)
PATIENCE = 720.0
#: How old what a page shows may be: a pull, and the minutes that it leaves Amazon to make up its
#: mind.
PULLED = timedelta(minutes=5)
_WITHIN = "document.documentElement.scrollWidth <= window.innerWidth"
#: By which operations the history is pulled, and how many months of it are compared.
_HISTORY = {"transactions": ("finances.*", 2), "orders_history": ("reports.createReport", 3)}
MONEY_DAYS = timedelta(days=50)  # what the first two months of the backfill, the newest, cover


@dataclass(frozen=True, slots=True)
class Shop:
    """A seller as the demo has them.

    Who owns it, what they click at Amazon, where the figures are compared.
    """

    owner: str
    seller: str
    marketplace: str
    code: str
    symbol: str
    tenant: str
    account: str


ALICES = Shop(
    "alice",
    ALICE,
    "ATVPDKIKX0DER",
    "US",
    "$",
    "a11ce000-0000-7000-8000-000000000001",
    "Alice's shop",
)
CHARLIES = Shop(
    "charlie",
    CHARLIE,
    "A1F83G8C2ARO7P",
    "UK",
    "£",
    "c4a811e0-0000-7000-8000-000000000002",
    "Charlie's shop",
)


@pytest.fixture
def demo() -> Iterator[Demo]:
    with running_demo(settings=packing_slips.SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return what shows a sentence to the person who runs the tests, also when they pass."""

    def write(sentence: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {sentence}")

    return write


@pytest.mark.parametrize(
    "others", [(), pytest.param((CHARLIES,), marks=pytest.mark.exhaustive)], ids=["one", "two"]
)
def test_journey_from_connecting_to_deletion_certificate(
    demo: Demo,
    browser: Browser,
    tmp_path: Path,
    say: Callable[[str], None],
    others: tuple[Shop, ...],
) -> None:
    sessions: dict[str, str] = {}
    states: dict[str, str] = {}
    with browser_session(browser, demo.web, demo.emulator, viewport=WIDE) as alice:
        _sign_in(alice, demo, "alice", sessions)
        _connect(alice, ALICES)
        _watch_history_arrive(alice, demo, ALICES)
        shown = _read_figures(alice, demo, ALICES, tmp_path)
        _see_what_alice_sees(browser, demo, sessions, shown)
        _see_nothing_of_alices(browser, demo, sessions, shown)
        say(f"in tables, while 5 recipients are stored: {_print_slips(alice, demo, sessions)}")
        orders = _order_ids(demo, ALICES)
        certificate = _disconnect(alice, demo, ALICES, tmp_path)
        _judge(alice, demo, states)
    _verify(demo, certificate, tmp_path)
    _nothing_left(demo, ALICES, orders)
    checked(demo)
    for shop in others:
        _another_on_a_phone(browser, demo, shop, tmp_path, sessions, states)
    assert len(states) == 2 * (1 + len(others)), "each authorisation with its state and its code"
    _search(demo, sessions, states, say)
    _find_what_was_planted(demo)


def _another_on_a_phone(
    browser: Browser,
    demo: Demo,
    shop: Shop,
    folder: Path,
    sessions: dict[str, str],
    states: dict[str, str],
) -> None:
    with browser_session(browser, demo.web, demo.emulator, viewport=PHONE) as other:
        _sign_in(other, demo, shop.owner, sessions)
        demo.slow_amazon()
        _connect(other, shop)
        _watch_history_arrive(other, demo, shop)
        _read_figures(other, demo, shop, folder)
        _verify(demo, _disconnect(other, demo, shop, folder), folder)
        _judge(other, demo, states)


def _sign_in(who: BrowserSession, demo: Demo, name: str, sessions: dict[str, str]) -> None:
    who.sign_in(f"{name}@example.com", demo.password)
    sessions[f"session of {name}"] = who.session()
    assert _fits(who.page)


def _connect(who: BrowserSession, shop: Shop) -> None:
    """Choose, read which roles and why, consent at Seller Central, come back."""
    page = who.page
    who.go("/")
    page.get_by_role("link", name="Connect", exact=True).click()
    assert _fits(page)
    page.get_by_label("Your Amazon store").select_option(shop.marketplace)
    page.get_by_role("button", name="Continue: review permissions").click()
    review = page.locator("main").inner_text()
    for said in ("Finance and Accounting", "Sales and orders", "Fees, refunds and payouts"):
        assert said in review
    assert review.count("Restricted") == review.count("off until an owner turns them on") == 1
    assert review.count("Needed for") == review.count("Amazon allows") in {3, 4}
    assert _fits(page)
    page.get_by_role("button", name="Continue to Amazon").click()
    expect(page.get_by_role("heading", name="Authorize TheSeller")).to_be_visible()
    assert page.url.startswith(f"{who.traffic.origins[1]}/seller-central/")
    page.locator("label.choice", has_text=shop.account).filter(has_text=shop.seller).filter(
        has_text="Primary"
    ).click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{who.web}/connections/")
    expect(page.get_by_text("Your history is being imported")).to_be_visible()
    expect(page.get_by_text(f"Amazon seller {shop.seller}")).to_be_visible()


def _watch_history_arrive(who: BrowserSession, demo: Demo, shop: Shop) -> None:
    """Watch the bar grow without touching the page, until what is compared below has come in.

    From then on Amazon answers slowly: years of history that no one compares are most of the work.
    """
    bar = who.page.locator('[data-stream="orders_history"]').first
    expect(bar).to_be_visible()
    seen: list[int] = []
    slowed: list[str] = []

    def arrived() -> bool:
        percent = int(bar.get_attribute("data-percent") or 0)
        if not seen or percent != seen[-1]:
            seen.append(percent)
        if len(seen) <= 2:
            return False
        enough = _older_than_is_compared(demo, shop)
        if enough != slowed:
            slowed[:] = enough
            demo.slow_amazon(*enough)
        return len(enough) == len(_HISTORY) and _figures_are_in(demo, shop)

    assert wait_until(arrived, PATIENCE, step=0.5), (
        f"the history did not arrive, progress was {seen}\n{demo.last_words()}"
    )
    assert seen == sorted(seen), "progress went backwards"
    demo.slow_amazon("*")
    assert _fits(who.page)


def _older_than_is_compared(demo: Demo, shop: Shop) -> list[str]:
    """Return the operations by which the history is pulled of which the compared months are in."""
    streams = {str(name): int(done) for name, done in demo.rows(
        "select name, min(work_done) from ingest_stream where tenant_id = %s and marketplace_id ="
        " '' and not exists"
        " (select from connections_disconnection d where d.connection_id ="
        " ingest_stream.connection_id) group by 1", (shop.tenant,),
    )}  # fmt: skip
    return [operations for name, (operations, months) in _HISTORY.items()
            if streams.get(name, 0) >= months]  # fmt: skip


def _figures_are_in(demo: Demo, shop: Shop) -> bool:
    """Return whether everything else that is compared has come in and the days are added up."""
    waiting = (
        "select count(*) from ingest_stream where tenant_id = %s and name in ('settlements',"
        " 'orders') and work_done < work_total"
    )
    dirty = (
        "select count(*) from ingest_dirty_day where tenant_id = %s and marketplace_id = %s and"
        " local_day > %s"
    )
    since = (clock.now() - MONEY_DAYS).date()
    return demo.rows(waiting, (shop.tenant,)) == [(0,)] and demo.rows(
        dirty, (shop.tenant, shop.marketplace, since)
    ) == [(0,)]


def _read_figures(who: BrowserSession, demo: Demo, shop: Shop, folder: Path) -> str:
    """Compare the dashboard's tiles, its file of days, and one day's own page with the truth.

    Return the tiles' text.
    """
    page, at = who.page, clock.now()
    truth = ExpectedFigures(shop.seller, shop.code)
    today = truth.store.marketplace.local_day(at)
    first, last = today - timedelta(days=24), today - timedelta(days=4)
    assert _settled_days(demo, shop), "no settlement covers any day"
    query = f"?period=custom&from={first}&to={last}&store={shop.code}"
    who.go(f"/{query}")
    tiles = _tiles(page)
    known = [
        (truth.sold(first, last, when), truth.earned(first, last, when))
        for when in moments(at - PULLED, at)
    ]
    sold, earned = next(
        (pair for pair in known if _as_tiles(*pair, shop.symbol) == tiles), known[0]
    )
    assert tiles == _as_tiles(sold, earned, shop.symbol)
    for said in ("Previous 21 days", "Orders updated", "Money updated", "Profit and loss"):
        assert said in page.locator("main").inner_text()
    assert page.locator(".plot canvas").count() == 1
    assert _fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").last.click()
    file = folder / f"{shop.owner}-days.csv"
    download.value.save_as(file)
    for row in csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()):
        day = date.fromisoformat(row["day"])
        assert (int(row["orders"]), int(row["units"]), Decimal(row["ordered_sales"])) == _values(
            sold[day]
        ), day
        assert (
            ExpectedLedger(
                Decimal(row["refunded_sales"]), Decimal(row["fees"]), Decimal(row["net_proceeds"])
            )
            == earned[day]
        ), day
    _read_products_and_day(who, shop, query, last, sold[last].sales, earned[last].net)
    return json.dumps(tiles)


def _as_tiles(
    sold: dict[date, ExpectedSales], earned: dict[date, ExpectedLedger], symbol: str
) -> dict[str, str]:
    """Return what the dashboard's tiles must show."""
    money = _money_of(symbol, 0)
    return {
        "Ordered sales": money(sum(day.sales for day in sold.values())),
        "Units": f"{sum(day.units for day in sold.values()):,}",
        "Orders": f"{sum(day.orders for day in sold.values()):,}",
        "Refunds": money(-sum(day.refunds for day in earned.values())),
        "Amazon fees": money(-sum(day.fees for day in earned.values())),
        "Net proceeds": money(sum(day.net for day in earned.values())),
        # No cost of goods is entered: the profit is not known.
        "Profit": "\u2013",
    }


def _values(sold: object) -> tuple[object, ...]:
    return tuple(getattr(sold, name) for name in ("orders", "units", "sales"))


def _read_products_and_day(
    who: BrowserSession, shop: Shop, query: str, day: date, sales: Decimal, net: Decimal
) -> None:
    page, money = who.page, _money_of(shop.symbol, 2)
    who.go(f"/products/{query}")
    assert page.locator("table.products tbody tr").count() >= 10
    assert _fits(page)
    who.go(f"/days/{day}/?store={shop.code}")
    assert _tiles(page)["Ordered sales"] == money(sales)
    assert _tiles(page)["Net proceeds"] == money(net)
    assert _fits(page)


def _settled_days(demo: Demo, shop: Shop) -> int:
    found = demo.rows(
        "select count(*) from analytics_day where tenant_id = %s and marketplace_id = %s and"
        " settled_net <> 0",
        (shop.tenant, shop.marketplace),
    )
    return int(found[0][0])


def _tiles(page: Page) -> dict[str, str]:
    """Return what the tiles show, by their label."""
    found = {}
    for tile in page.locator(".tile").all():
        label = tile.locator(".tile-label > span").first.inner_text()
        found[label] = tile.locator(".tile-value > *").first.inner_text().strip()
    return found


def _money_of(symbol: str, digits: int) -> Callable[[Decimal | int], str]:
    def text(amount: Decimal | int) -> str:
        rounded = abs(Decimal(amount)).quantize(
            Decimal(1).scaleb(-digits), rounding="ROUND_HALF_UP"
        )
        return f"{'−' if amount < 0 and rounded else ''}{symbol}{rounded:,}"

    return text


def _see_what_alice_sees(
    browser: Browser, demo: Demo, sessions: dict[str, str], shown: str
) -> None:
    """Bob is on Alice's team: the same figures, but no right to connect or disconnect."""
    with browser_session(browser, demo.web, demo.emulator) as bob:
        _sign_in(bob, demo, "bob", sessions)
        bob.go(_same_days(ALICES))
        assert json.dumps(_tiles(bob.page)) == shown
        bob.go("/connections/")
        assert bob.page.get_by_text("Disconnect…").count() == 0
        _judge(bob, demo, {})


def _see_nothing_of_alices(
    browser: Browser, demo: Demo, sessions: dict[str, str], shown: str
) -> None:
    """Charlie owns another shop: not a figure, not a name, and Alice's addresses do not exist."""
    ids = demo.rows(
        "select id::text from connections_connection where tenant_id = %s", (ALICES.tenant,)
    )
    with browser_session(browser, demo.web, demo.emulator) as charlie:
        _sign_in(charlie, demo, "charlie", sessions)
        said = ""
        for path in (
            _same_days(ALICES),
            "/products/",
            f"/days/{clock.now().date() - timedelta(days=5)}/",
            "/connections/",
            "/imports/",
        ):
            charlie.go(path)
            said += charlie.page.content()
        for word in ("Alice", "Larkhill", "LAR-", ALICE, "$", *json.loads(shown).values()):
            assert word not in said, f"Charlie sees {word!r}"
        _judge(charlie, demo, {})
        for (connection,) in ids:
            for path in ("disconnection/", "erasure/", "certificate.json"):
                answer = charlie.context.request.get(f"{demo.web}/connections/{connection}/{path}")
                assert answer.status == 404
                assert "Alice" not in answer.text()


def _print_slips(who: BrowserSession, demo: Demo, sessions: dict[str, str]) -> ScanResult:
    needles = [Exact(name, value.encode()) for name, value in sessions.items()]
    return packing_slips.fetch_print_and_delete(who, demo, needles, ALICES.tenant)


def _same_days(shop: Shop) -> str:
    truth = ExpectedFigures(shop.seller, shop.code)
    today = truth.store.marketplace.local_day(clock.now())
    first, last = today - timedelta(days=24), today - timedelta(days=4)
    return f"/?period=custom&from={first}&to={last}&store={shop.code}"


def _disconnect(who: BrowserSession, demo: Demo, shop: Shop, folder: Path) -> Path:
    """Disconnect while history still arrives; watch the erasure; download the certificate."""
    page = who.page
    who.go("/connections/")
    page.get_by_role("link", name="Disconnect…").click()
    page.wait_for_url(re.compile("/(disconnection|second-factor)/"))
    who.step_up_if_required(demo.password)
    expect(page.get_by_role("heading", name="Disconnect")).to_be_visible()
    assert _fits(page)
    page.get_by_label("Type DISCONNECT to confirm").fill("DISCONNECT")
    page.get_by_role("button", name="Disconnect and erase").click()
    page.wait_for_url(re.compile("/erasure/$"))
    assert demo.rows(
        "select count(*) from connections_refresh_token where tenant_id = %s", (shop.tenant,)
    ) == [(0,)]
    calls = _calls(demo, shop)
    expect(page.get_by_role("heading", name="Certificate of deletion")).to_be_visible(
        timeout=300_000
    )
    assert _fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the certificate").click()
    file = folder / f"{shop.owner}-certificate.json"
    download.value.save_as(file)
    # One call may have been under way when the token went; none begins after it.
    assert _calls(demo, shop) <= calls + 1
    return file


def _calls(demo: Demo, shop: Shop) -> int:
    calls = demo.ask_emulator("GET", "calls")["calls"]
    return sum(int(call["count"]) for call in calls if call["selling_partner_id"] == shop.seller)


def _verify(demo: Demo, certificate: Path, folder: Path) -> None:
    """The command accepts the certificate and refuses it when one byte is changed."""
    done = demo.theseller("verify-deletion-certificate", str(certificate))
    assert (done.returncode, done.stdout[:6]) == (0, "VALID:"), done.stderr
    content = bytearray(certificate.read_bytes())
    at = content.index(b'"deleted"') + 12
    content[at] ^= 1
    changed = folder / "changed.json"
    changed.write_bytes(content)
    refused = demo.theseller("verify-deletion-certificate", str(changed))
    assert refused.returncode == 1
    assert "REFUSED" in refused.stderr
    assert (
        json.loads(demo.theseller("verify-deletion-certificate", str(changed), "--json").stdout)[
            "valid"
        ]
        is False
    )


def _order_ids(demo: Demo, shop: Shop) -> list[str]:
    return [
        str(row[0])
        for row in demo.rows(
            "select distinct order_id from ingest_order_line where tenant_id = %s", (shop.tenant,)
        )
    ]


def _nothing_left(demo: Demo, shop: Shop, orders: list[str]) -> None:
    """No fact of the shop is in any table, nor any of its order numbers in any column of any table.

    But for the planner's samples: PostgreSQL keeps some values of each column in pg_statistic until
    it next analyses a table that has rows, so an erasure does not reach them at once.
    """
    assert len(orders) > 1000
    rows = demo.rows(
        "select 'lines', count(*) from ingest_order_line where tenant_id = %(t)s union all"
        " select 'ledger', count(*) from ingest_ledger_line where tenant_id = %(t)s union all"
        " select 'days', count(*) from analytics_day where tenant_id = %(t)s union all"
        " select 'products', count(*) from analytics_day_product where tenant_id = %(t)s".replace(
            "%(t)s", f"'{shop.tenant}'"
        )
    )
    assert dict(rows) == {"lines": 0, "ledger": 0, "days": 0, "products": 0}
    found = scan_everything(
        demo,
        [Exact(f"order {number}", order.encode()) for number, order in enumerate(orders[::200])],
        files=False,
    )
    assert not [hit for hit in found.hits if not hit.place.endswith("/pg_catalog.pg_statistic")]


def _judge(who: BrowserSession, demo: Demo, states: dict[str, str]) -> None:
    secrets = {
        name: demo.secret(name)
        for name in ("lwa-client-secret", "root-key", "django-session-key", "demo-cast-password")
    }
    who.traffic.judge(
        {**secrets, "session": who.session()}, callback=f"{demo.web}/connections/callback/"
    )
    for name in ("state", "spapi_oauth_code"):
        for value in who.traffic.passed_through(name):
            states[f"{name} {len(states)}"] = value


def _search(
    demo: Demo, sessions: dict[str, str], states: dict[str, str], say: Callable[[str], None]
) -> None:
    """Check that nothing that the deployment keeps has a canary or a credential.

    Its tables while it runs, its files once it has stopped.
    """
    needles = [Exact(name, value.encode()) for name, value in {**sessions, **states}.items()]
    tables = scan_everything(demo, needles, files=False)
    demo.stop()
    files = scan_everything(demo, needles, database=False)
    say(f"in tables: {tables}")
    say(f"in files: {files}")
    assert not tables.hits
    assert not files.hits
    assert min(tables.tables - 100, files.files - 500, files.bytes - 50_000_000) > 0, (
        "too little was searched to prove anything"
    )


def _find_what_was_planted(demo: Demo) -> None:
    """Find one canary in a table, a job's argument, a log line and a file by the same search.

    It would have found one before.
    """
    planted = "CNRY" + "PLANTED2PLANTED3PLAN"
    database = Server(
        demo.state,
        binaries=find_binaries(os.environ),
        superuser_password=demo.secret("db-superuser"),
    )
    with database.running():
        with demo.superuser() as superuser:
            superuser.execute(
                "insert into procrastinate_jobs (queue_name, task_name, args, scheduled_at) values"
                " ('q', 'planted', %s, now() + '1 day')",
                (json.dumps({"name": planted}),),
            )
            superuser.execute("update accounts_user set name = %s where name = 'Bob'", (planted,))
        with (demo.state / "log" / "web.log").open("a") as log:
            log.write(f"refused a cell with {planted}\n")
        (demo.state / "emulator" / "left-over.gz").write_bytes(gzip.compress(planted.encode()))
        hits = scan_everything(demo, []).hits
    assert {hit.needle for hit in hits} == {"canary"}
    places = "\n".join(hit.place for hit in hits)
    for place in (
        "table theseller/public.procrastinate_jobs",
        "table theseller/public.accounts_user",
        "log/web.log",
        "left-over.gz › gzip",
    ):
        assert place in places
    # What a table's row held is in the database's own files too, as the search must see without the
    # database's help.
    assert "pg_wal/" in places


def _fits(page: Page) -> bool:
    """Return whether the page is no wider than its window, and than a phone's."""
    shown, fits = page.viewport_size or WIDE, True
    for size in (PHONE, shown):
        page.set_viewport_size(size)
        fits &= wait_until(lambda: bool(page.evaluate(_WITHIN)), 10.0)
    return fits
