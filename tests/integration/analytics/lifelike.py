"""A shop with a lifelike year.

Many products with few sales, weekday and season, refunds weeks later, fees, settlements, a deferred
week.

Written by COPY past row security, since nothing here is under test but the pages that show it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp
from random import Random
from typing import Any

import psycopg
from django.db import connections
from tests.database import test_server
from tests.integration.analytics.facts import CURRENCIES, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import local_day

TITLES = (
    "Bamboo cutting board, set of 3, with juice groove",
    "Stainless steel travel mug 450 ml, matt black", "Silicone baking mats (2 pieces)",
    "Cast iron pan 28 cm with wooden handle", "Linen apron, one size, olive",
    "Glass storage jars with cork lid, 6 \u00d7 1 l", "Magnetic knife strip, walnut, 40 cm",
    "Beeswax food wraps, 7 pieces", "Pepper mill, acacia, ceramic grinder",
    "French press 1 l, borosilicate", "Oven gloves, heat resistant to 240 \u00b0C",
    "Salad spinner 4.5 l", "Kitchen scale with bowl, 5 kg", "Pizza stone, round, 33 cm",
    "Spice rack for 18 jars", "Ice cube trays, set of 2", "Garlic press, stainless",
    "Mixing bowls, nested, set of 5", "Wine glasses, set of 6", "Bread bin, metal, cream",
    "Dish rack, folding", "Measuring spoons, magnetic", "Herb scissors with comb",
    "Rolling pin, beech",
)  # fmt: skip
_ORDER = (
    "tenant_id", "local_day", "order_id", "line_key", "connection_id", "marketplace_id",
    "purchased_at", "last_updated_at", "status", "fulfilment", "is_business", "is_replacement",
    "sku", "asin", "quantity", "currency", "item_price", "promotion_discount", "source",
    "replacement_stated",
)  # fmt: skip
_LEDGER = (
    "tenant_id", "local_day", "source", "source_key", "source_line", "connection_id",
    "marketplace_id", "posted_at", "state", "kind", "transaction_type", "breakdown", "currency",
    "amount", "order_id", "sku", "settlement_id",
)  # fmt: skip


@dataclass
class Year:
    """Makes the rows of one shop up to `at`."""

    shop: Shop
    at: datetime
    days: int
    per_day: float
    stores: tuple[str, ...]
    seed: int = 7
    products: int = len(TITLES)
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    ledger: list[tuple[Any, ...]] = field(default_factory=list)

    def make(self) -> None:
        chance = Random(self.seed)  # repeatable, not secret  # noqa: S311
        prices = [
            Decimal(int(900 + 2600 * chance.random() ** 2)) / 100 + Decimal("0.09")
            for _ in range(self.products)
        ]
        weights = [1 / (rank + 1) for rank in range(self.products)]
        for back in range(self.days, -1, -1):
            noon = self.at - timedelta(days=back)
            season = (
                1.0
                + 0.35 * exp(-(((noon.timetuple().tm_yday - 335) / 28) ** 2))
                + 0.0006 * (self.days - back)
            )
            weekday = (1.1, 1.08, 1.06, 1.0, 0.9, 0.86, 1.08)[noon.weekday()]
            for number, store in enumerate(self.stores):
                count = int(
                    chance.gauss(1, 0.12) * self.per_day * season * weekday / (1 + 1.6 * number)
                )
                for _ in range(max(count, 0)):
                    self._order(
                        chance,
                        noon,
                        store,
                        chance.choices(range(self.products), weights)[0],
                        prices,
                    )
                self._running_costs(chance, noon, store, back)

    def _order(
        self, chance: Random, noon: datetime, store: str, product: int, prices: list[Decimal]
    ) -> None:
        moment = noon.replace(hour=0, minute=0) + timedelta(
            minutes=chance.triangular(0, 1439, 1180)
        )
        if moment > self.at:
            return
        age = (self.at - moment).total_seconds() / 86_400
        status = (
            "cancelled"
            if chance.random() < 0.025
            else "pending"
            if age < 0.12
            else "unshipped"
            if age < 0.7
            else "shipped"
        )
        priced = status != "pending" or chance.random() < 0.5
        quantity = 1 if chance.random() < 0.9 else chance.randrange(2, 4)
        price = prices[product] * quantity
        discount = (
            (price * Decimal(chance.randrange(5, 20)) / 100).quantize(Decimal("0.01"))
            if chance.random() < 0.15
            else None
        )
        order = f"303-{chance.randrange(10**7):07}-{chance.randrange(10**7):07}"
        replacement = chance.random() < 0.004
        sku, asin = f"KIT-{2210 + product * 7}", f"B0C{product:02}X7QLM"
        self.orders.append((
            self.shop.tenant, local_day(store, moment), order, "1", self.shop.connection, store,
            moment, moment, status, "amazon", chance.random() < 0.04, replacement, sku, asin,
            quantity, CURRENCIES[store] if priced else None, price if priced else None, discount,
            "orders_api", replacement,
        ))  # fmt: skip
        if status == "shipped" and age > 1.5:
            shipped = moment + timedelta(hours=chance.uniform(12, 34))
            self._sale(chance, shipped, store, order, sku, price, discount)
            if chance.random() < 0.045 + 0.03 * (product % 4 == 2):
                self._refund(
                    moment + timedelta(days=chance.gammavariate(2.2, 6)), store, order, sku, price
                )

    def _sale(
        self,
        chance: Random,
        at: datetime,
        store: str,
        order: str,
        sku: str,
        price: Decimal,
        discount: Decimal | None,
    ) -> None:
        lines = [
            (ChargeType.PRINCIPAL, price, "OurPricePrincipal"),
            (ChargeType.REFERRAL, -price * Decimal("0.15"), "Commission"),
            (ChargeType.FBA_FULFILMENT, -Decimal("2.9") - price / 40, "FBAPerUnitFulfillmentFee"),
        ]
        if discount:
            lines.append((ChargeType.PROMOTION, -discount, "OurPriceDiscount"))
        if chance.random() < 0.2:
            lines.append((ChargeType.SHIPPING, Decimal("3.99"), "ShippingPrincipal"))
        self._post(at, store, "Shipment", lines, order, sku, deferred=chance.random() < 0.8)

    def _refund(self, at: datetime, store: str, order: str, sku: str, price: Decimal) -> None:
        self._post(at, store, "Refund", [
            (ChargeType.REFUND_PRINCIPAL, -price, "OurPricePrincipal"),
            (ChargeType.REFERRAL, price * Decimal("0.15"), "Commission"),
            (ChargeType.REFUND_ADMIN, -price * Decimal("0.03"), "RefundCommission"),
        ], order, sku)  # fmt: skip

    def _running_costs(self, chance: Random, noon: datetime, store: str, back: int) -> None:
        spend = Decimal(int(self.per_day * 120 * chance.uniform(0.6, 1.3))) / 100
        self._post(
            noon,
            store,
            "ProductAdsPayment",
            [(ChargeType.ADVERTISING, -spend, "ProductAdsPayment")],
        )
        if noon.day == 12:
            self._post(
                noon,
                store,
                "ServiceFee",
                [(ChargeType.STORAGE, -Decimal("3.1") * int(self.per_day), "FBAStorageFee")],
            )
        if noon.day == 3:
            self._post(
                noon,
                store,
                "ServiceFee",
                [(ChargeType.SUBSCRIPTION, -Decimal("39.00"), "Subscription")],
            )
        if noon.day == 20:
            self._post(
                noon,
                store,
                "Adjustment",
                [(ChargeType.REIMBURSEMENT, Decimal("48.20"), "WarehouseLost")],
                sku="KIT-2217",
            )
        if noon.weekday() == 2 and back % 14 < 7:
            self._post(
                noon,
                store,
                "Transfer",
                [(ChargeType.TRANSFER, -Decimal(9_000), "DisbursementAmount")],
            )
        if back == 4:
            self._post(
                noon,
                store,
                "ServiceFee",
                [(ChargeType.UNCLASSIFIED, Decimal("-7.40"), "SustainabilityLevy")],
            )

    def _post(
        self, at: datetime, store: str, type_: str,
        lines: Iterable[tuple[ChargeType, Decimal, str]], order: str | None = None,
        sku: str | None = None, *, deferred: bool = False,
    ) -> None:  # fmt: skip
        if at > self.at - timedelta(hours=6):
            return
        key, is_deferred = str(new_id()), deferred and self.at - at < timedelta(days=7)
        for number, (kind, amount, words) in enumerate(lines, 1):
            self.ledger.append((
                self.shop.tenant, local_day(store, at), "finances", key, number,
                self.shop.connection, store, at, "deferred" if is_deferred else "released",
                kind.value, type_, words, CURRENCIES[store], amount.quantize(Decimal("0.01")),
                order, sku, None,
            ))  # fmt: skip

    def settle(self, until: datetime) -> None:
        """Add settlements of everything posted before `until`: the same lines from the other source."""
        settled = [
            (*line[:2], "settlement", f"S-{line[3]}", *line[4:8], "settled", *line[9:])
            for line in self.ledger if line[7] < until
        ]  # fmt: skip
        # Amazon states the settlement of a transaction that is in one.
        self.ledger = [
            (*line[:-1], f"S-{line[3]}" if line[7] < until else None) for line in self.ledger
        ] + settled

    def write(self) -> None:
        """COPY everything, name the products, and mark every day dirty."""
        with _superuser() as connection:
            _copy(connection, "ingest_order_line", _ORDER, self.orders)
            _copy(connection, "ingest_ledger_line", _LEDGER, self.ledger)
            products = {
                (store, f"KIT-{2210 + index * 7}", f"B0C{index:02}X7QLM", title)
                for store in self.stores
                for index, title in enumerate(TITLES[: self.products])
            }
            _copy(
                connection, "ingest_product",
                ("tenant_id", "marketplace_id", "sku", "connection_id", "asin", "title",
                    "updated_at"),
                [
                    (self.shop.tenant, store, sku, self.shop.connection, asin, title, self.at)
                    for store, sku, asin, title in products
                ],
            )  # fmt: skip
            connection.execute(
                "insert into ingest_dirty_day select distinct tenant_id, marketplace_id, local_day,"
                " now() from (select tenant_id, marketplace_id, local_day from ingest_order_line"
                " where tenant_id = %(t)s union  select tenant_id, marketplace_id, local_day from"
                " ingest_ledger_line where tenant_id = %(t)s) d on conflict do nothing",
                {"t": self.shop.tenant},
            )

    def connect(self, *, arriving: bool = False) -> None:
        """Give the shop a connection with streams, as if it were pulled from Amazon."""
        with _superuser() as connection:
            connection.execute(
                "insert into connections_connection (tenant_id, id, origin, region,"
                " selling_partner_id, marketplace_ids, features, roles, created_at, authorised_at)"
                " values (%s, %s, 'lwa', 'eu', 'A1EXAMPLE', %s, '{}', '{}', %s, %s)",
                [self.shop.tenant, self.shop.connection, list(self.stores), self.at, self.at],
            )
            for name, minutes in (("orders", 9), ("transactions", 38), ("inventory", 61)):
                connection.execute(
                    "insert into ingest_stream (tenant_id, connection_id, name, marketplace_id,"
                    " work_done, work_total, due_at, last_outcome, last_success_at, fresh_until)"
                    " values (%s, %s, %s, '', %s, 12, %s, 'ok', %s, %s)",
                    [
                        self.shop.tenant,
                        self.shop.connection,
                        name,
                        5 if arriving else 12,
                        self.at,
                        self.at,
                        self.at - timedelta(minutes=minutes),
                    ],
                )


def fill(
    shop: Shop, at: datetime, *, days: int, per_day: float, stores: tuple[str, ...], seed: int = 7
) -> Year:
    """Fill `shop` and recompute its figures. Settlements cover all but the last twelve days."""
    year = Year(shop, at, days, per_day, stores, seed)
    year.make()
    settled = (at - timedelta(days=12)).replace(hour=10, minute=0)
    year.settle(settled)
    year.write()
    begin = datetime(at.year - 2, 1, 1, tzinfo=UTC)
    shop.settlement_document(begin, settled, stores)
    shop.roll_up()
    shop.cover(begin, at, stores)
    year.connect()
    return year


def _superuser() -> psycopg.Connection[Any]:
    connection = psycopg.connect(
        test_server().superuser_dsn(connections["default"].settings_dict["NAME"]), autocommit=True
    )
    connection.execute(
        "set session_replication_role = replica"
    )  # No triggers: they would ask for a tenant's scope.
    return connection


def _copy(
    connection: psycopg.Connection[Any],
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row(row)
