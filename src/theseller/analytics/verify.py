"""The rollups against their base rows, recounted row by row in Python: another way to the same figures, so that both must be right.

Used by the nightly control and by the property tests. A difference names where it is, never an amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper

from theseller.amazon.kinds import Kind
from theseller.analytics.books import (
    COLUMN_KINDS,
    COUNTED_KINDS,
    REFUND_KINDS,
    SALE_KINDS,
    SETTLEMENT_REPORTS,
    UNCOUNTED_STATES,
    currency_of,
    midnight,
    tax_included,
)
from theseller.analytics.types import SUMMED, Difference
from theseller.tenancy.scope import tenant_scope

Row = dict[str, Any]
Recount = dict[tuple[str, str], dict[str, Any]]
_PRODUCT_COLUMNS = (
    "orders", "units", "ordered_sales", "promotions", "refunds", "refunded_sales", "fees", "net_proceeds", "product_sales", "posted_orders",
    "posted_lines",
)  # fmt: skip


def differences(tenant: UUID, *, days: int, seed: int, using: str = "default") -> tuple[tuple[Difference, ...], int]:
    """Recount up to `days` random clean days of `tenant`; return what differs, and how many days were looked at.

    Days that are marked dirty are left out: they are known to be behind.
    """
    with tenant_scope(tenant, using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "select distinct marketplace_id, local_day from (select marketplace_id, local_day from ingest_order_line where tenant_id = %(t)s"
            " union select marketplace_id, local_day from ingest_ledger_line where tenant_id = %(t)s"
            " union select marketplace_id, local_day from analytics_day where tenant_id = %(t)s) known"
            " where not exists (select from ingest_dirty_day d where d.tenant_id = %(t)s and d.marketplace_id = known.marketplace_id"
            " and d.local_day = known.local_day) order by 1, 2",
            {"t": tenant},
        )
        known = cursor.fetchall()
        chosen = known if len(known) <= days else Random(seed).sample(known, days)  # noqa: S311  # a sample, not a secret
        found = [difference for store, day in chosen for difference in _day_differences(cursor, tenant, store, day)]
    return tuple(found), len(chosen)


def _day_differences(cursor: CursorWrapper, tenant: UUID, store: str, day: date) -> Iterable[Difference]:
    orders = _rows(cursor, "ingest_order_line", tenant, store, day)
    ledger = _rows(cursor, "ingest_ledger_line", tenant, store, day)
    source = _book(cursor, tenant, store, day, ledger)
    counted, deferred = _counted(cursor, tenant, ledger, source)
    expected = recount_day(store, orders, counted, deferred, source)
    stored = {(row["currency"], ""): row for row in _rows(cursor, "analytics_day", tenant, store, day)}
    yield from _compare(store, day, expected, stored, (*SUMMED, "ledger_source"))
    expected = recount_products(store, orders, counted)
    stored = {(row["currency"], row["sku"]): row for row in _rows(cursor, "analytics_day_product", tenant, store, day)}
    yield from _compare(store, day, expected, stored, _PRODUCT_COLUMNS)


def _compare(store: str, day: date, expected: Recount, stored: Recount, columns: Sequence[str]) -> Iterable[Difference]:
    for currency, sku in sorted({*expected, *stored}):
        ours, theirs = expected.get((currency, sku)), stored.get((currency, sku))
        for column in columns:
            if ours is None or theirs is None or ours[column] != theirs[column]:
                yield Difference(store, day, currency, sku, column)


def _rows(cursor: CursorWrapper, table: str, tenant: UUID, store: str, day: date) -> list[Row]:
    cursor.execute(f"select * from {table} where tenant_id = %s and marketplace_id = %s and local_day = %s", [tenant, store, day])  # noqa: S608  # our own names
    return [dict(zip([column.name for column in cursor.description], row, strict=True)) for row in cursor.fetchall()]


def _book(cursor: CursorWrapper, tenant: UUID, store: str, day: date, ledger: Sequence[Row]) -> str:
    begin, end = midnight(store, day), midnight(store, day + timedelta(days=1))
    cursor.execute(
        "select covers_from, covers_until, marketplace_ids from ingest_document where tenant_id = %s and report_type = any (%s)"
        " and covers_until > %s order by covers_from",
        [tenant, list(SETTLEMENT_REPORTS), begin],
    )
    reached = begin
    for covers_from, covers_until, stores in cursor.fetchall():
        if (store in stores or not store) and covers_from <= reached:
            reached = max(reached, covers_until)
    if reached >= end:
        return "settlement"
    sources = {row["source"] for row in ledger}
    return next((source for source in ("finances", "settlement") if source in sources), "none")


def _counted(cursor: CursorWrapper, tenant: UUID, ledger: Sequence[Row], source: str) -> tuple[list[Row], list[Row]]:
    cursor.execute(
        "select distinct source, supersedes, source_key from ingest_ledger_line where tenant_id = %s and supersedes = any (%s)",
        [tenant, [row["source_key"] for row in ledger]],
    )
    gone = {(of, old) for of, old, new in cursor.fetchall() if old != new}
    standing = [row for row in ledger if row["state"] not in UNCOUNTED_STATES and (row["source"], row["source_key"]) not in gone]
    counted = [row for row in standing if row["source"] == source and row["state"] != "deferred" and Kind(row["kind"]) in COUNTED_KINDS]
    return counted, [row for row in standing if row["state"] == "deferred"]


def recount_day(store: str, orders: Sequence[Row], counted: Sequence[Row], deferred: Sequence[Row], source: str) -> Recount:
    """Return the figures of one day by currency (its key has an empty SKU), from order lines and the ledger lines that count."""
    figures: Recount = defaultdict(lambda: dict.fromkeys(SUMMED, 0) | {"ledger_source": source})
    by_order: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in orders:
        by_order[row["currency"] or currency_of(store), row["order_id"]].append(row)
    for (currency, _), lines in by_order.items():
        _add_order(figures[currency, ""], lines, taxed=tax_included(store))
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in deferred:
        figures[row["currency"], ""]["deferred"] += row["amount"]
        figures[row["currency"], ""]["deferred_sales"] += row["amount"] if Kind(row["kind"]) in COLUMN_KINDS["product_sales"] else 0
    for row in counted:
        day = figures[row["currency"], ""]
        kind = Kind(row["kind"])
        day["net_proceeds"] += row["amount"]
        day["posted_lines"] += 1
        day["settled_net"] += row["amount"] if row["source"] == "settlement" else 0
        for column, kinds in COLUMN_KINDS.items():
            day[column] += row["amount"] if kind in kinds else 0
        if (counting := _order_column(row)) is not None:
            seen[row["currency"], counting].add(row["order_id"] or row["source_key"])
    for (currency, column), keys in seen.items():
        figures[currency, ""][column] = len(keys)
    return dict(figures)


def _order_column(row: Row) -> str | None:
    """Return the column that counts the order of a line: those refunded, or those whose sale was posted."""
    if Kind(row["kind"]) in REFUND_KINDS and row["amount"] < 0:
        return "refunds"
    return "posted_orders" if Kind(row["kind"]) in SALE_KINDS and row["amount"] > 0 else None


def _add_order(day: dict[str, Any], lines: Sequence[Row], *, taxed: bool) -> None:
    counted = [line for line in lines if _is_sale(line)]
    day["orders"] += bool(counted)
    day["cancelled_orders"] += all(line["status"] == "cancelled" for line in lines)
    day["pending_orders"] += any(line["status"] == "pending" and not line["is_replacement"] for line in lines)
    day["order_items"] += len(counted)
    for line in counted:
        day["units"] += line["quantity"]
        day["unpriced_units"] += line["quantity"] if line["item_price"] is None else 0
        day["ordered_sales"] += line["item_price"] or 0
        day["ordered_tax"] += (line["item_tax"] or 0) if taxed else 0
        day["promotions"] -= abs(line["promotion_discount"] or Decimal(0))


def _is_sale(line: Row) -> bool:
    return line["status"] != "cancelled" and not line["is_replacement"]


def recount_products(store: str, orders: Sequence[Row], counted: Sequence[Row]) -> Recount:
    """Return the figures of one day by currency and SKU; money that names no product is left out."""
    figures: Recount = defaultdict(lambda: dict.fromkeys(_PRODUCT_COLUMNS, 0))
    seen: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for line in orders:
        if not _is_sale(line):
            continue
        key = (line["currency"] or currency_of(store), line["sku"])
        figures[key]["units"] += line["quantity"]
        figures[key]["ordered_sales"] += line["item_price"] or 0
        figures[key]["promotions"] -= abs(line["promotion_discount"] or Decimal(0))
        seen[(*key, "orders")].add(line["order_id"])
    for row in counted:
        if not row["sku"]:
            continue
        key = (row["currency"], row["sku"])
        figures[key]["net_proceeds"] += row["amount"]
        figures[key]["posted_lines"] += 1
        for column in ("refunded_sales", "fees", "product_sales"):
            figures[key][column] += row["amount"] if Kind(row["kind"]) in COLUMN_KINDS[column] else 0
        if (counting := _order_column(row)) is not None:
            seen[(*key, counting)].add(row["order_id"] or row["source_key"])
    for (currency, sku, column), keys in seen.items():
        figures[currency, sku][column] = len(keys)
    return dict(figures)
