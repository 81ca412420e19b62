"""A shop that the product fills through its own streams or files, and what its pages show.

A test moves the clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections as databases
from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import EmulatedAmazon
from tests.integration.analytics.recomputation.raw import Cells

from theseller.amazon.reports import Options
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_queries import ProductQuery, product_page
from theseller.analytics.pages.queries import day_series, stores
from theseller.analytics.pages.types import ProductFigures, Scope
from theseller.analytics.profit.operations import set_costs
from theseller.analytics.profit.types import BEGINNING, CostChange, CostKey
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.analytics.rollups.types import Figures
from theseller.connections.operations import complete_authorization, start_authorization
from theseller.connections.types import Authorized
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.types import StreamKey
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

SESSION = Secret("alices-browser-session")
DAY_COLUMNS = (
    "orders", "units", "ordered_sales", "order_items", "cancelled_orders", "pending_orders",
    "net_proceeds", "product_sales", "credits", "discounts", "refunded_sales", "fees",
    "advertising", "reimbursements", "unclassified", "refunds", "deferred",
)  # fmt: skip
SKU_COLUMNS = (
    "orders",
    "units",
    "ordered_sales",
    "refunds",
    "refunded_sales",
    "fees",
    "net_proceeds",
    "product_sales",
    "posted_units",
)
_TURNS = 200
_FRESH = timedelta(minutes=3)


@dataclass
class Clock:
    """An instant that passes by a millisecond with every question, for Amazon and for the product alike."""

    at: datetime = datetime(2026, 11, 14, 15, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def move(self, **amount: float) -> None:
        self.at += timedelta(**amount)


@dataclass
class Shop:
    """One tenant of the product."""

    tenant: UUID
    clock: Clock
    connection: UUID = field(default_factory=lambda: UUID(int=0))

    @classmethod
    def connect(
        cls,
        cast: Cast,
        amazon: EmulatedAmazon,
        clock: Clock,
        seller: str,
        marketplace: str,
        windows: int,
    ) -> Shop:
        """Authorize `seller` for Alice's shop, with a history of `windows` times 30 days."""
        shop = cls(cast.alices_shop, clock)
        known: dict[str, Any] = {
            "session_key": SESSION,
            "tenant": shop.tenant,
            "actor": cast.alice.actor,
            "at": clock(),
        }
        begun = start_authorization(
            features=["sales", "finances"],
            marketplace_id=marketplace,
            person=cast.alice.id,
            **known,
        )
        back = amazon.consent(begun.consent_url, seller=seller)
        done = complete_authorization(
            state=back.state, code=back.code, selling_partner_id=back.selling_partner_id, **known
        )
        assert isinstance(done, Authorized)
        shop.connection = done.connection
        with as_role("worker"):
            plan(shop.tenant, shop.connection, at=clock())
            for name in ("orders_history", "transactions"):
                cursor = shop._stream(name)["cursor"] | {"pending": list(range(windows))}
                shop._run(
                    "update ingest_stream set cursor = %s, work_total = %s where connection_id ="
                    " %s and name = %s",
                    json.dumps(cursor), windows, shop.connection, name,
                )  # fmt: skip
        return shop

    # --- pulling

    # whatever the statement binds
    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with tenant_scope(self.tenant), databases["default"].cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _stream(self, name: str) -> dict[str, Any]:
        [row] = self._run(
            "select to_jsonb(s) from ingest_stream s where connection_id = %s and name = %s",
            self.connection,
            name,
        )
        found: dict[str, Any] = json.loads(row[0]) if isinstance(row[0], str) else row[0]
        return found

    def pull(self) -> None:
        """Let every stream ask Amazon for what it has not seen yet, then bring the figures up to date."""
        with as_role("worker"):
            for name in ("orders_history", "orders", "transactions", "settlements"):
                self._finish(name)
        self.recompute()

    def _finish(self, name: str) -> None:
        begun = self.clock()
        for turn in range(_TURNS):
            stream = self._stream(name)
            if turn and self._is_done(name, stream, begun):
                return
            self._now_due(name, stream)
            run_stream(StreamKey(self.tenant, self.connection, name, ""), now=self.clock)
        raise AssertionError(f"{name} did not finish: {self._stream(name)}")

    def _is_done(self, name: str, stream: dict[str, Any], begun: datetime) -> bool:
        cursor = stream["cursor"]
        if name == "settlements":
            return bool(cursor["listed"] and not cursor["queue"])
        if cursor.get("pending") or cursor.get("open") or cursor.get("token"):
            return False
        return (
            name == "orders_history"
            or datetime.fromisoformat(stream["fresh_until"]) >= begun - _FRESH
        )

    def _now_due(self, name: str, stream: dict[str, Any]) -> None:
        """Let everything be over that a stream waits for: its time, quota, reports under way."""
        self.clock.move(seconds=1)
        past = self.clock() - timedelta(milliseconds=500)
        cursor = stream["cursor"]
        for kind, mark in (("open", "look"), ("parked", "until")):
            over = {mark: past.strftime("%Y-%m-%dT%H:%M:%SZ")}
            cursor = cursor | (
                {kind: {key: value | over for key, value in cursor[kind].items()}}
                if kind in cursor
                else {}
            )
        self._run(
            "update ingest_stream set due_at = least(due_at, %s), cursor = %s where connection_id"
            " = %s and name = %s",
            past, json.dumps(cursor), self.connection, name,
        )  # fmt: skip
        self._run("update ingest_bucket set tokens = burst")

    # --- files

    def import_files(self, files: Iterable[bytes]) -> None:
        """Import report files as a seller uploads them, then bring the figures up to date."""
        for content in files:
            done = import_report(
                [content], Options(), tenant=self.tenant, actor="process:cli", at=self.clock()
            )
            assert done.status in {
                ImportStatus.IMPORTED,
                ImportStatus.ALREADY,
                ImportStatus.EMPTY,
            }, (
                done.status,
                done.why_not,
                done.advice,
            )
        self.recompute()

    # --- figures

    def recompute(self) -> None:
        with as_role("worker"):
            while recompute_dirty(tenant=self.tenant, at=self.clock()).days:
                pass

    def cells(self) -> Cells:
        """Return every cell that the pages show: by store and day, and by store, day and product."""
        found: Cells = {}
        with tenant_scope(self.tenant):
            for store in stores():
                scope = Scope((store.marketplace_id,), store.currency)
                span = Span(store.first_day, store.last_day)
                for day, figures in day_series(scope, span, None).by_day.items():
                    found[store.marketplace_id, day, ""] = _columns(figures, DAY_COLUMNS)
                    products = product_page(
                        scope, Span(day, day), None, ProductQuery(most=10_000, with_lines=False)
                    )
                    assert products.count == len(products.rows)
                    for product in products.rows:
                        found[store.marketplace_id, day, product.sku] = _columns(
                            product, SKU_COLUMNS
                        )
        return found

    # --- profit

    def set_costs(self, costs: dict[tuple[str, str, bool], Decimal], since: date) -> None:
        """Enter the costs of (store, SKU, whether from `since` on)."""
        changes = [
            CostChange(
                CostKey(sku, store, MARKETPLACES[store].currency, since if later else BEGINNING),
                cost,
            )
            for (store, sku, later), cost in costs.items()
        ]
        set_costs(changes, tenant=self.tenant, actor="process:test", at=self.clock())

    def profits(self) -> dict[tuple[str, date, str], Decimal | None]:
        """Return the profit of each day, and of each product's day, as the pages show it."""
        found: dict[tuple[str, date, str], Decimal | None] = {}
        with tenant_scope(self.tenant):
            for store in stores():
                scope = Scope((store.marketplace_id,), store.currency)
                span = Span(store.first_day, store.last_day)
                for day, figures in day_series(scope, span, None).by_day.items():
                    found[store.marketplace_id, day, ""] = figures.profit
                    page = product_page(
                        scope, Span(day, day), None, ProductQuery(most=10_000, with_lines=False)
                    )
                    for product in page.rows:
                        found[store.marketplace_id, day, product.sku] = product.profit
        return found


def _columns(figures: Figures | ProductFigures, names: tuple[str, ...]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name in names if (value := getattr(figures, name)) is not None}
