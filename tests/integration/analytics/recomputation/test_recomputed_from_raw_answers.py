"""Every day and SKU cell of a shop is recomputed from Amazon's raw answers.

The code that does it shares nothing with the product's.

Before and after twelve days in which orders are refunded late, canceled and released, settlements
are closed early, and invoiced orders get a settlement stream of their own over the same days: 0
differences, whether the shop was pulled or its files were imported.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from tests.cast import Cast
from tests.emulated_amazon import EmulatedAmazon, emulated_amazon
from tests.integration.analytics.recomputation import raw
from tests.integration.analytics.recomputation.raw import Cells, SellerClient
from tests.integration.analytics.recomputation.shop import SKU_COLUMNS, Clock, Shop

from theseller.emulator.world.settlement_periods import INVOICED, STANDARD
from theseller.lib.marketplaces import MARKETPLACES

#: Fast enough that no quota of Amazon's matters: the clock hardly moves.
RATE_SCALE = 1_000_000.0
WINDOW = timedelta(days=30)
LAG = timedelta(minutes=2, seconds=5)


@dataclass(frozen=True, slots=True)
class Case:
    """A seller, one store to connect by, and its stores; how much history is read."""

    seller: str
    region: str
    store: str
    stores: tuple[str, ...]
    windows: int


SMALL = Case("A2ALICEEUROPE1", "eu", "A1F83G8C2ARO7P", ("A1F83G8C2ARO7P", "A1PA6795UKMFR9"), 1)
EUROPE = Case(
    "A3CHARLIEEXMPL",
    "eu",
    "A1F83G8C2ARO7P",
    ("A1F83G8C2ARO7P", "A1PA6795UKMFR9", "A13V1IB3VIYZZH"),
    3,
)
AMERICA = Case(
    "A2ALICEEXAMPLE1",
    "na",
    "ATVPDKIKX0DER",
    ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8"),
    3,
)


@dataclass
class Truth:
    """What Amazon's raw answers amount to.

    Settlement documents are kept: Amazon lists them for 90 days only.
    """

    case: Case
    asking: SellerClient
    begun: datetime
    documents: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """Where the pulled history begins."""
        return (self.begun - LAG).replace(microsecond=0) - WINDOW * self.case.windows

    def pulled(self, now: datetime) -> Cells:
        """Return the cells of a shop that pulls: orders, transactions and settlements."""
        self.documents |= self.asking.settlements()
        until = now - timedelta(minutes=2, seconds=10)
        orders = self.asking.orders(self.since - timedelta(days=2), until)
        transactions = self.asking.transactions(self.since, until)
        return raw.joined(
            raw.order_cells(orders),
            raw.money_cells(transactions, map(raw.rows_of, self.documents.values())),
        )

    def files(self, now: datetime) -> list[bytes]:
        """Return the files that a seller downloads now: settlements, and the orders of the last 30 days."""
        settlements = self.asking.settlements()
        self.documents |= settlements
        report = self.asking.all_orders(self.case.store, now - WINDOW, now)
        by_order = defaultdict(list)
        for row in raw.rows_of(report):
            by_order[row["amazon-order-id"]].append(row)
        self.rows |= by_order
        return [*settlements.values(), report]

    def imported(self) -> Cells:
        """Return the cells of a shop that imported every file until now: each order as the newest file has it."""
        money = raw.money_cells([], map(raw.rows_of, self.documents.values()))
        return raw.joined(
            raw.order_cells_of_rows(row for rows in self.rows.values() for row in rows), money
        )


@contextmanager
def running(case: Case, state: Path, clock: Clock) -> Iterator[tuple[EmulatedAmazon, Truth]]:
    with emulated_amazon(state, rate_scale=RATE_SCALE, clock=clock) as amazon:
        asking = SellerClient(
            amazon.url,
            case.region,
            lambda: token(amazon, case),
            lambda: clock.move(milliseconds=50),
        )
        yield amazon, Truth(case, asking, clock())
        asking.http.close()


def token(amazon: EmulatedAmazon, case: Case) -> str:
    """Return an access token of a consent apart from the product's."""
    application = settings.ENVIRONMENT
    host = MARKETPLACES[case.store].seller_central_host
    form = {
        "application_id": application.application_id,
        "state": "raw",
        "account": case.seller,
        "decision": "confirm",
    }
    answer = amazon.http.post(
        f"{amazon.url}/seller-central/{host}/apps/authorize/consent", data=form
    )
    code = parse_qs(urlsplit(answer.headers["location"]).query)["spapi_oauth_code"][0]
    fields = {
        "grant_type": "authorization_code", "code": code, "client_id": application.lwa_client_id,
        "client_secret": settings.LWA_CLIENT_SECRETS()[0].reveal(),
    }  # fmt: skip
    granted: str = amazon.http.post(f"{amazon.url}/auth/o2/token", data=fields).json()[
        "access_token"
    ]
    return granted


def change(amazon: EmulatedAmazon, kind: str, case: Case, store: str = "", **more: object) -> None:
    place = {"selling_partner_id": case.seller, "marketplace_id": store} if store else {}
    amazon.control("changes", kind=kind, **place, **more)


def changeable(amazon: EmulatedAmazon, case: Case, kind: str) -> list[str]:
    found: list[str] = amazon.http.get(
        f"{amazon.url}/_emulator/changeable", params={"selling_partner_id": case.seller}
    ).json()[kind]
    return found


def twelve_days(amazon: EmulatedAmazon, case: Case, clock: Clock) -> Counter[str]:
    """Let twelve days pass in which everything changes that can.

    Return how often each kind of change was made.
    """
    first, *others = case.stores
    made = Counter[str]()
    # At the end the settlement of invoiced orders covers days whose other orders are in no
    # settlement yet.
    closed_on = (
        (4, first, STANDARD),
        (7, others[0], STANDARD),
        (8, first, STANDARD),
        (11, first, INVOICED),
    )
    for day in range(1, 13):
        clock.move(days=1)
        if day in {1, 4, 8, 11}:
            for order_id in changeable(amazon, case, "refund")[-2:]:
                change(amazon, "refund", case, order_id=order_id, percent=50 if day == 4 else 100)
                made["refunds"] += 1
        for order_id in changeable(amazon, case, "cancel")[:1]:
            change(amazon, "cancel", case, order_id=order_id)
            made["cancellations"] += 1
        if day == 3:
            change(amazon, "invoiced", case, first)
        if day in {5, 10}:
            change(amazon, "release", case, first if day == 5 else others[0])
            made["releases"] += 1
        for at, store, stream in closed_on:
            if day == at:
                change(amazon, "close", case, store, stream=stream)
                made["settlements"] += 1
    clock.move(hours=3)
    return made


def of_columns(cells: Cells, since: date) -> Cells:
    """Return what the pages show of these cells: products have fewer columns than days.

    Orders before `since` are history in part.
    """
    partial = {
        "orders",
        "units",
        "ordered_sales",
        "order_items",
        "cancelled_orders",
        "pending_orders",
    }
    return {
        place: {
            name: value for name, value in columns.items()
            if (not place[2] or name in SKU_COLUMNS) and (place[1] > since or name not in partial)
        }
        for place, columns in cells.items()
    }  # fmt: skip


def compare(expected: Cells, shown: Cells, since: date) -> int:
    """Return how many cells there are, after showing that no column of any differs."""
    ours, theirs = of_columns(expected, since), of_columns(shown, since)
    found = raw.differences(ours, theirs)
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:40])
    return sum(1 for columns in theirs.values() if any(columns.values()))


def compare_profit(expected: Cells, shop: Shop, at: datetime) -> int:
    """Enter costs, and compare the profit of each product's days; return how many have one.

    Every fourth product has no cost. The others have one from the beginning, and another in one
    store for the last 30 days.
    """
    since = (at - timedelta(days=30)).date()
    places = [place for place in expected if place[2]]
    costs: dict[tuple[str, str, bool], Decimal] = {}
    for number, sku in enumerate(sorted({sku for _, _, sku in places})):
        for store in sorted({store for store, _, one in places if one == sku and number % 4}):
            costs[store, sku, False] = Decimal(number * 37 + 125) / 100
            costs[store, sku, True] = Decimal(number * 37 + 131) / 100
    shop.set_costs(costs, since)
    wanted = {
        place: columns["net_proceeds"]
        - columns["posted_units"] * costs[place[0], place[2], place[1] >= since]
        for place, columns in expected.items()
        if (place[0], place[2], False) in costs and columns.get("posted_units")
    }
    shown = shop.profits()
    assert {place: shown.get(place) for place in wanted} == wanted
    unknown = {
        place
        for place, columns in expected.items()
        if place[2] and (place[0], place[2], False) not in costs and columns.get("posted_units")
    }
    assert unknown
    assert {shown.get(place) for place in unknown} == {None}
    for store, day in {place[:2] for place in wanted}:
        units = {sku: one for (at_store, on, sku), one in expected.items() if (at_store, on) == (store, day) and one.get("posted_units")}  # fmt: skip
        posted = {sku: one for (at_store, on, sku), one in expected.items() if (at_store, on) == (store, day) and sku}  # fmt: skip
        without = sum(one["net_proceeds"] for sku, one in posted.items() if (store, sku, False) not in costs)  # fmt: skip
        goods = sum(one["posted_units"] * costs[store, sku, day >= since] for sku, one in units.items() if (store, sku, False) in costs)  # fmt: skip
        assert shown[store, day, ""] == expected[store, day, ""]["net_proceeds"] - without - goods
    return len(wanted)


CASES = [
    SMALL,
    pytest.param(EUROPE, marks=pytest.mark.exhaustive, id="europe"),
    pytest.param(AMERICA, marks=pytest.mark.exhaustive, id="america"),
]


@pytest.mark.parametrize("case", CASES)
def test_figures_from_the_api_equal_amazons_raw_responses(
    case: Case, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    with running(case, tmp_path / "amazon", clock) as (amazon, truth):
        shop = Shop.connect(cast, amazon, clock, case.seller, case.store, case.windows)
        since = truth.since.date()
        shop.pull()
        before = compare(truth.pulled(clock()), shop.cells(), since)
        made = twelve_days(amazon, case, clock)
        shop.pull()
        cells = truth.pulled(clock())
        after = compare(cells, shop.cells(), since)
        assert compare_profit(cells, shop, clock()) > 50
    assert before > 200
    assert after > before
    assert made["refunds"] >= 6
    assert made["releases"] == 2
    assert made["settlements"] == 4
    assert made["cancellations"] >= 3
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {case.seller}: {before} cells before, {after} after {dict(made)}: 0 differences\n"
        )


@pytest.mark.parametrize("case", CASES)
def test_figures_from_imported_files_equal_the_rows_of_the_files(
    case: Case, cast: Cast, tmp_path: Path
) -> None:
    clock = Clock()
    with running(case, tmp_path / "amazon", clock) as (amazon, truth):
        shop = Shop(cast.alices_shop, clock)
        shop.import_files(truth.files(clock()))
        before = compare(truth.imported(), shop.cells(), date.min)
        twelve_days(amazon, case, clock)
        shop.import_files(reversed(truth.files(clock())))
        after = compare(truth.imported(), shop.cells(), date.min)
    assert 200 < before < after
