"""Writes base rows for a tenant, as ingest would.

In its scope, as the application role, marking the days it touches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.rollups.column_charge_types import SETTLEMENT_REPORTS
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.connections.operations import connection_for_files
from theseller.ingest.facts.history_windows import HISTORY_WINDOWS, format_instant, window
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region, local_day
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

US, DE, FR, UK, JP = (
    "ATVPDKIKX0DER",
    "A1PA6795UKMFR9",
    "A13V1IB3VIYZZH",
    "A1F83G8C2ARO7P",
    "A1VC38T7YXB528",
)
CURRENCIES = {US: "USD", DE: "EUR", FR: "EUR", UK: "GBP", JP: "JPY"}
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A tenant with base rows and nothing else."""

    tenant: UUID
    connection: UUID = field(default_factory=new_id)

    @classmethod
    def open(cls, name: str = "Alice's shop") -> Shop:
        return cls(create_tenant(name=name, actor="process:test", at=NOON))

    @contextmanager
    def scope(self, using: str = "worker") -> Iterator[Any]:
        with tenant_scope(self.tenant, using=using), connections[using].cursor() as cursor:
            yield cursor

    def order(
        self,
        at: datetime,
        price: object = "20.00",
        *,
        store: str = DE,
        **over: Any,  # noqa: ANN401 - any column
    ) -> str:
        """Add one order line; return its order id."""
        row: dict[str, Any] = {
            "order_id": f"303-{new_id().int % 10**7:07}-{new_id().int % 10**7:07}", "line_key": "1",
            "purchased_at": at, "last_updated_at": at, "status": "shipped", "fulfilment": "amazon",
            "is_business": False, "is_replacement": False, "sku": "MUG-1", "asin": "B000000001",
            "quantity": 1, "currency": CURRENCIES.get(store) if price is not None else None,
            "item_price": None if price is None else Decimal(str(price)), "item_tax": None,
            "promotion_discount": None, "source": "orders_api", "marketplace_id": store,
            "local_day": local_day(store, at),
            "replacement_stated": over.get("is_replacement", False),
        } | over  # fmt: skip
        self._insert("ingest_order_line", row)
        self.mark(row["marketplace_id"], row["local_day"])
        return str(row["order_id"])

    def money(
        self,
        at: datetime,
        amount: object,
        kind: ChargeType = ChargeType.PRINCIPAL,
        *,
        store: str = DE,
        **over: Any,  # noqa: ANN401
    ) -> str:  # any column
        """Add one ledger line; return its source key."""
        row: dict[str, Any] = {
            "source": "finances", "source_key": str(new_id()), "source_line": 1, "posted_at": at,
            "state": "released", "kind": kind.value, "transaction_type": "Shipment",
            "breakdown": kind.value, "currency": CURRENCIES.get(store, "EUR"),
            "amount": Decimal(str(amount)), "quantity": None, "order_id": None, "sku": "MUG-1",
            "asin": None, "supersedes": None, "marketplace_id": store,
            "local_day": local_day(store, at),
        } | over  # fmt: skip
        self._insert("ingest_ledger_line", row)
        self.mark(row["marketplace_id"], row["local_day"])
        return str(row["source_key"])

    def stock(self, fulfillable: int, *, store: str = DE, **over: Any) -> None:  # noqa: ANN401
        """Add the stock of a product in one store."""
        row: dict[str, Any] = {
            "marketplace_id": store, "sku": "MUG-1", "condition": "NewItem", "asin": "B000000001",
            "fnsku": "X000000001", "fulfillable": fulfillable, "inbound": 0, "reserved": 0,
            "unfulfillable": 0, "total": fulfillable, "as_of": NOON,
        } | over  # fmt: skip
        self._insert("ingest_inventory", row)

    def traffic(
        self,
        day: date,
        sessions: int,
        page_views: int,
        units: int,
        share: str | None,
        *,
        store: str = DE,
        asin: str = "",
    ) -> None:
        """Add the traffic of a store's day, or of a product; `share` is the featured offer's."""
        row = {
            "marketplace_id": store, "local_day": day, "asin": asin, "sessions": sessions,
            "page_views": page_views, "units_ordered": units, "ordered_sales": Decimal(units),
            "currency": CURRENCIES[store],
            "buy_box_percent": None if share is None else Decimal(share),
        }  # fmt: skip
        self._insert("ingest_traffic_day", row)

    def returned(
        self,
        at: datetime,
        condition: str = "SELLABLE",
        reason: str = "UNWANTED_ITEM",
        *,
        store: str = DE,
        **over: Any,  # noqa: ANN401 - any column
    ) -> None:
        """Add a returned unit."""
        row: dict[str, Any] = {
            "returned_at": at, "order_id": f"303-{new_id().int % 10**7:07}-1234567",
            "sku": "MUG-1", "fnsku": "X000000001", "occurrence": 1, "marketplace_id": store,
            "local_day": local_day(store, at), "asin": "B000000001", "quantity": 1,
            "fulfillment_center": "LEJ1", "disposition": condition, "reason": reason,
            "status": "Unit returned to inventory",
        } | over  # fmt: skip
        self._insert("ingest_return", row)

    def product(self, title: str, *, store: str = DE, sku: str = "MUG-1") -> None:
        """Add the name of a product."""
        row = {
            "marketplace_id": store, "sku": sku, "asin": "B000000001", "title": title,
            "updated_at": NOON,
        }  # fmt: skip
        self._insert("ingest_product", row)

    def settlement(
        self, covers_from: datetime, covers_until: datetime, stores: tuple[str, ...] = (DE,)
    ) -> None:
        """Add a settlement document, and mark every day that it touches: their book may change."""
        self.settlement_document(covers_from, covers_until, stores)
        for store in stores:
            day, last = local_day(store, covers_from), local_day(store, covers_until)
            while day <= last:
                self.mark(store, day)
                day += timedelta(days=1)

    def settlement_document(
        self,
        covers_from: datetime,
        covers_until: datetime,
        stores: tuple[str, ...] = (DE,),
        number: str | None = None,
    ) -> None:
        """Add a settlement document and nothing else."""
        row = {
            "id": new_id(), "origin": "imported", "report_type": SETTLEMENT_REPORTS[0],
            "source_key": number or str(new_id()), "content_sha256": bytes(32),
            "marketplace_ids": list(stores), "covers_from": covers_from,
            "covers_until": covers_until, "rows_kept": 1, "recorded_at": NOON,
        }  # fmt: skip
        self._insert("ingest_document", row)

    def payout(
        self, number: str, total: str, begin: datetime, end: datetime, currency: str = "EUR"
    ) -> None:
        """Add what the head of a settlement states."""
        row = {
            "settlement_id": number, "currency": currency, "total_amount": Decimal(total),
            "starts_at": begin, "ends_at": end, "deposited_at": end, "recorded_at": NOON,
        }  # fmt: skip
        self._insert("ingest_settlement", row)

    def cover(self, begin: datetime, end: datetime, stores: tuple[str, ...] = (DE,)) -> None:
        """Record that documents of orders and of money cover these instants, and compute them."""
        for report in (
            SETTLEMENT_REPORTS[0],
            "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
        ):
            row = {
                "id": new_id(), "origin": "imported", "report_type": report,
                "source_key": str(new_id()), "content_sha256": bytes(32),
                "marketplace_ids": list(stores), "covers_from": begin, "covers_until": end,
                "rows_kept": 1, "recorded_at": NOON,
            }  # fmt: skip
            self._insert("ingest_document", row)
        self.roll_up()

    def transactions_read(
        self, since: datetime, until: datetime, region: Region = Region.EU
    ) -> None:
        """Record that the transactions of these instants were read, of all stores of a region."""
        with tenant_scope(self.tenant):
            connection = connection_for_files(region, tenant=self.tenant, at=NOON)
        indexes = range(HISTORY_WINDOWS)
        pending = [index for index in indexes if window(until, index).end <= since]
        cursor = json.dumps({"anchor": format_instant(until), "pending": pending})
        self.run(
            "insert into ingest_stream (tenant_id, connection_id, name, cursor, due_at,"
            " fresh_until) values (%s, %s, 'transactions', %s, %s, %s) on conflict (tenant_id,"
            " connection_id, name, marketplace_id) do update set cursor = excluded.cursor,"
            " fresh_until = excluded.fresh_until",
            [self.tenant, connection, cursor, NOON, until],
        )

    def mark(self, store: str, day: date) -> None:
        with self.scope() as cursor:
            cursor.execute(
                "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
                " values (%s, %s, %s, clock_timestamp()) on conflict (tenant_id, marketplace_id,"
                " local_day) do update set marked_at = excluded.marked_at",
                [self.tenant, store, day],
            )

    def roll_up(self) -> int:
        """Recompute all dirty days; return how many."""
        done = 0
        while (batch := recompute_dirty(tenant=self.tenant, at=NOON, using="worker")).days:
            done += batch.days
        return done

    def day(self, day: date, store: str = DE, currency: str | None = None) -> dict[str, Any]:
        """Return the rollup row of a day, or {} when there is none."""
        rows = self.select(
            "select * from analytics_day where local_day = %s and marketplace_id = %s and currency"
            " = %s",
            [day, store, currency or CURRENCIES[store]],
        )
        return rows[0] if rows else {}

    def select(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        with self.scope() as cursor:
            cursor.execute(sql, parameters or [])
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, sql: str, parameters: list[Any] | None = None) -> None:
        with self.scope() as cursor:
            cursor.execute(sql, parameters or [])

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        row = {
            "tenant_id": self.tenant,
            **({} if table == "ingest_document" else {"connection_id": self.connection}),
            **row,
        }
        if table == "ingest_document":
            row["connection_id"] = self.connection
        with self.scope() as cursor:
            marks = ", ".join(["%s"] * len(row))
            cursor.execute(
                f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values())
            )  # our own names
