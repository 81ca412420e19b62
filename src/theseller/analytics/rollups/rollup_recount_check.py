"""Recount rollups from their base rows, row by row in Python.

It computes the same figures by other code, so that each checks the other; only the table of charge
types by column is the same (`column_charge_types`). A nightly job and the property tests use it. A
difference says where it is, never an amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.rollups.column_charge_types import (
    COLUMN_CHARGE_TYPES,
    COUNTED_CHARGE_TYPES,
    REFUND_CHARGE_TYPES,
    SALE_CHARGE_TYPES,
    SETTLEMENT_REPORTS,
    UNCOUNTED_STATES,
)
from theseller.analytics.rollups.independent_settlement_matching import settled_transactions
from theseller.analytics.rollups.report_rows_counted_twice import counted_twice
from theseller.analytics.rollups.types import SUMMED, Difference
from theseller.lib.marketplaces import MARKETPLACES, currency_of, tax_included
from theseller.tenancy.tenant_scope import tenant_scope

Row = dict[str, Any]
_DAY = timedelta(days=1)
Recount = dict[tuple[str, str], dict[str, Any]]
_PRODUCT_COLUMNS = (
    "orders",
    "units",
    "ordered_sales",
    "promotions",
    "refunds",
    "refunded_sales",
    "fees",
    "net_proceeds",
    "product_sales",
    "posted_orders",
    "posted_lines",
    "posted_units",
)


def differences(
    tenant: UUID, *, days: int, seed: int, using: str = "default"
) -> tuple[tuple[Difference, ...], int]:
    """Recount up to `days` random clean days of `tenant`.

    Days that are marked dirty are left out: they are known to be behind.

    Returns:
        What differs, and how many days were checked.
    """
    with tenant_scope(tenant, using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "select distinct marketplace_id, local_day from (select marketplace_id, local_day from"
            " ingest_order_line where tenant_id = %(t)s union select marketplace_id, local_day from"
            " ingest_ledger_line where tenant_id = %(t)s union select marketplace_id, local_day"
            " from analytics_day where tenant_id = %(t)s) known where not exists (select from"
            " ingest_dirty_day d where d.tenant_id = %(t)s and d.marketplace_id ="
            " known.marketplace_id and d.local_day = known.local_day) order by 1, 2",
            {"t": tenant},
        )
        known = cursor.fetchall()
        # a sample, not a secret
        chosen = known if len(known) <= days else Random(seed).sample(known, days)  # noqa: S311
        found = [
            difference
            for store, day in chosen
            for difference in _day_differences(cursor, tenant, store, day)
        ]
    return tuple(found), len(chosen)


def _day_differences(
    cursor: CursorWrapper, tenant: UUID, store: str, day: date
) -> Iterable[Difference]:
    orders = _rows(cursor, "ingest_order_line", tenant, store, day)
    ledger = _rows(cursor, "ingest_ledger_line", tenant, store, day)
    orders = _without_replacements(orders)
    counted, deferred = _counted_and_deferred(cursor, tenant, ledger)
    expected = recount_day(store, orders, counted, deferred, _source_of(counted))
    stored = {
        (row["currency"], ""): row for row in _rows(cursor, "analytics_day", tenant, store, day)
    }
    yield from _compare(store, day, expected, stored, (*SUMMED, "ledger_source"))
    expected = recount_products(store, orders, counted)
    stored = {
        (row["currency"], row["sku"]): row
        for row in _rows(cursor, "analytics_day_product", tenant, store, day)
    }
    yield from _compare(store, day, expected, stored, _PRODUCT_COLUMNS)
    yield from _invented_stores(cursor, tenant, store, day, ledger)
    yield from counted_twice(cursor, tenant, store, day, ledger)


def _invented_stores(
    cursor: CursorWrapper, tenant: UUID, store: str, day: date, ledger: Sequence[Row]
) -> Iterable[Difference]:
    """Yield a difference where money was booked to a store without data.

    That is money which names no store, booked to a store of which nothing else is stored.
    """
    currencies = {row["currency"] for row in ledger if not row["store_named"]}
    shared = {
        currency
        for currency in currencies
        if sum(one.currency == currency for one in MARKETPLACES.values()) > 1
    }
    if not store or not shared:
        return
    cursor.execute(
        "select exists (select from ingest_order_line where tenant_id = %(t)s and marketplace_id ="
        " %(store)s) or exists (select from ingest_ledger_line where tenant_id = %(t)s and"
        " marketplace_id = %(store)s and store_named)",
        {"t": tenant, "store": store},
    )
    if not cursor.fetchone()[0]:
        yield from (
            Difference(store, day, currency, "", "marketplace_id") for currency in sorted(shared)
        )


def _compare(
    store: str, day: date, expected: Recount, stored: Recount, columns: Sequence[str]
) -> Iterable[Difference]:
    for currency, sku in sorted({*expected, *stored}):
        ours, theirs = expected.get((currency, sku)), stored.get((currency, sku))
        for column in columns:
            if ours is None or theirs is None or ours[column] != theirs[column]:
                yield Difference(store, day, currency, sku, column)


def _rows(cursor: CursorWrapper, table: str, tenant: UUID, store: str, day: date) -> list[Row]:
    return _select(
        cursor,
        "tenant_id = %s and marketplace_id = %s and local_day = %s",
        [tenant, store, day],
        table,
    )


def _select(
    cursor: CursorWrapper, where: str, values: list[Any], table: str = "ingest_ledger_line"
) -> list[Row]:
    cursor.execute(f"select * from {table} where {where}", values)  # our own names  # noqa: S608
    return [
        dict(zip([column.name for column in cursor.description], row, strict=True))
        for row in cursor.fetchall()
    ]


def _counted_and_deferred(
    cursor: CursorWrapper, tenant: UUID, ledger: Sequence[Row]
) -> tuple[list[Row], list[Row]]:
    """Return the counted lines of a day, and those that are deferred."""
    replaced = _replaced(cursor, tenant, ledger)
    present = [
        row
        for row in ledger
        if row["state"] not in UNCOUNTED_STATES
        and (row["source"], row["source_key"]) not in replaced
    ]
    related = _related(cursor, tenant, present)
    periods = _periods(cursor, tenant, related)
    settled = settled_transactions(
        related, _stored(cursor, tenant, related), _groups(cursor, tenant, related), periods
    )
    alive = [
        row
        for row in present
        if row["source"] != "finances" or (row["source_key"], row["currency"]) not in settled
    ]
    counted = [
        row
        for row in alive
        if row["state"] != "deferred" and ChargeType(row["kind"]) in COUNTED_CHARGE_TYPES
    ]
    return counted, [row for row in alive if row["state"] == "deferred"]


def _replaced(cursor: CursorWrapper, tenant: UUID, rows: Sequence[Row]) -> set[tuple[str, str]]:
    cursor.execute(
        "select distinct source, supersedes, source_key from ingest_ledger_line where tenant_id ="
        " %s and supersedes = any (%s)",
        [tenant, [row["source_key"] for row in rows]],
    )
    return {(of, old) for of, old, new in cursor.fetchall() if old != new}


def _related(cursor: CursorWrapper, tenant: UUID, rows: Sequence[Row]) -> list[Row]:
    """Return every line that may be the same money as one of `rows`.

    Those of their orders; and those without an order of their UTC days, and of all days of a
    settlement in whose time they are.
    """
    orders = {row["order_id"] for row in rows if row["order_id"]}
    days = {row["posted_at"].astimezone(UTC).date() for row in rows if not row["order_id"]}
    found = _select(cursor, "tenant_id = %s and order_id = any (%s)", [tenant, sorted(orders)])
    for day in sorted(days | _days_settled_with(cursor, tenant, days)):
        begin = datetime.combine(day, time.min, tzinfo=UTC)
        found += _select(
            cursor,
            "tenant_id = %s and coalesce(order_id, '') = '' and local_day between %s and %s and"
            " posted_at >= %s and posted_at < %s",
            [
                tenant,
                day - timedelta(days=1),
                day + timedelta(days=1),
                begin,
                begin + timedelta(days=1),
            ],
        )
    replaced = _replaced(cursor, tenant, found)
    return [row for row in found if (row["source"], row["source_key"]) not in replaced]


def _days_settled_with(cursor: CursorWrapper, tenant: UUID, days: set[date]) -> set[date]:
    """Return the days with charges of the same settlements as `days`.

    All days of which a settlement with charges of `days` may contain charges, and those of which it
    does.
    """
    if not days:
        return set()
    cursor.execute(
        "select source_key, covers_from, covers_until from ingest_document where tenant_id = %s and"
        " report_type = any (%s) and covers_from <= %s and covers_until >= %s",
        [
            tenant,
            list(SETTLEMENT_REPORTS),
            *(
                datetime.combine(day, time.min, tzinfo=UTC)
                for day in (max(days) + 5 * _DAY, min(days) - 3 * _DAY)
            ),
        ],
    )
    numbers: list[str] = []
    found: set[date] = set()
    for number, begins, ends in cursor.fetchall():
        first, last = (
            (begins.astimezone(UTC) - 3 * _DAY).date(),
            (ends.astimezone(UTC) + _DAY).date(),
        )
        if any(first <= day <= last for day in days):
            numbers.append(number)
            found |= {first + step * _DAY for step in range((last - first).days + 1)}
    matched = _select(
        cursor,
        "tenant_id = %s and source = 'settlement' and source_key = any (%s) and coalesce(order_id,"
        " '') = ''",
        [tenant, numbers],
    )
    return found | {row["posted_at"].astimezone(UTC).date() for row in matched}


def _periods(
    cursor: CursorWrapper, tenant: UUID, rows: Sequence[Row]
) -> dict[str, tuple[datetime, datetime]]:
    cursor.execute(
        "select source_key, covers_from, covers_until from ingest_document where tenant_id = %s and"
        " report_type = any (%s) and source_key = any (%s)",
        [
            tenant,
            list(SETTLEMENT_REPORTS),
            sorted({row["source_key"] for row in rows if row["source"] == "settlement"}),
        ],
    )
    return {number: (begins, ends) for number, begins, ends in cursor.fetchall()}


def _groups(cursor: CursorWrapper, tenant: UUID, rows: Sequence[Row]) -> dict[str, str]:
    """Return the settlement of each financial event group.

    Only where Amazon has stated exactly one.
    """
    cursor.execute(
        "select distinct group_id, settlement_id from ingest_ledger_line where tenant_id = %s and"
        " group_id = any (%s) and settlement_id <> ''",
        [tenant, sorted({row["group_id"] for row in rows if row["group_id"]})],
    )
    stated: dict[str, set[str]] = defaultdict(set)
    for group, settlement in cursor.fetchall():
        stated[group].add(settlement)
    return {
        group: settlements.pop() for group, settlements in stated.items() if len(settlements) == 1
    }


def _stored(cursor: CursorWrapper, tenant: UUID, rows: Sequence[Row]) -> set[str]:
    named = {row["settlement_id"] for row in rows} | set(_groups(cursor, tenant, rows).values())
    cursor.execute(
        "select distinct source_key from ingest_ledger_line where tenant_id = %s and source ="
        " 'settlement' and source_key = any (%s)",
        [tenant, sorted(filter(None, named))],
    )
    return {key for (key,) in cursor.fetchall()}


def _source_of(counted: Sequence[Row]) -> str:
    sources = {"settlement" if row["source"] == "settlement" else "finances" for row in counted}
    return "both" if len(sources) == 2 else next(iter(sources), "none")


def recount_day(
    store: str, orders: Sequence[Row], counted: Sequence[Row], deferred: Sequence[Row], source: str
) -> Recount:
    """Return the figures of one day by currency.

    They are computed from order lines and the ledger lines that count. The SKU in a key is empty.
    """
    figures: Recount = defaultdict(lambda: dict.fromkeys(SUMMED, 0) | {"ledger_source": source})
    by_order: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in orders:
        by_order[row["currency"] or currency_of(store), row["order_id"]].append(row)
    for (currency, _), lines in by_order.items():
        _add_order(figures[currency, ""], lines, taxed=tax_included(store))
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in deferred:
        figures[row["currency"], ""]["deferred"] += row["amount"]
        figures[row["currency"], ""]["deferred_sales"] += (
            row["amount"] if ChargeType(row["kind"]) in COLUMN_CHARGE_TYPES["product_sales"] else 0
        )
    for row in counted:
        day = figures[row["currency"], ""]
        kind = ChargeType(row["kind"])
        day["net_proceeds"] += row["amount"]
        day["posted_lines"] += 1
        day["settled_net"] += row["amount"] if row["source"] == "settlement" else 0
        for column, kinds in COLUMN_CHARGE_TYPES.items():
            day[column] += row["amount"] if kind in kinds else 0
        if (counting := _order_column(row)) is not None:
            seen[row["currency"], counting].add(row["order_id"] or row["source_key"])
    for (currency, column), keys in seen.items():
        figures[currency, ""][column] = len(keys)
    return dict(figures)


def _order_column(row: Row) -> str | None:
    """Return the column that counts the order of a line.

    Refunded orders, or orders whose sale was posted; None for other lines.
    """
    if ChargeType(row["kind"]) in REFUND_CHARGE_TYPES and row["amount"] < 0:
        return "refunds"
    return (
        "posted_orders"
        if ChargeType(row["kind"]) in SALE_CHARGE_TYPES and row["amount"] > 0
        else None
    )


def _add_order(day: dict[str, Any], lines: Sequence[Row], *, taxed: bool) -> None:
    counted = [line for line in lines if _is_sale(line)]
    day["orders"] += bool(counted)
    day["cancelled_orders"] += all(line["status"] == "cancelled" for line in lines)
    day["pending_orders"] += any(
        line["status"] == "pending" and not line["is_replacement"] for line in lines
    )
    day["order_items"] += len(counted)
    for line in counted:
        day["units"] += line["quantity"]
        day["unpriced_units"] += line["quantity"] if line["item_price"] is None else 0
        day["ordered_sales"] += line["item_price"] or 0
        day["ordered_tax"] += (line["item_tax"] or 0) if taxed else 0
        day["promotions"] -= abs(line["promotion_discount"] or Decimal(0))


def _without_replacements(orders: Sequence[Row]) -> list[Row]:
    """Return the lines with replacement orders recognized independently.

    As Amazon says, else those of which everything was sent free of charge.
    """
    by_order: dict[str, list[Row]] = defaultdict(list)
    for row in orders:
        by_order[row["order_id"]].append(row)
    judged: list[Row] = []
    for lines in by_order.values():
        stated = [
            line["replacement_stated"] for line in lines if line["replacement_stated"] is not None
        ]
        sent = [line for line in lines if line["status"] != "cancelled"]
        free = bool(sent) and all(_sent_for_nothing(line) for line in sent)
        judged += [{**line, "is_replacement": any(stated) if stated else free} for line in lines]
    return judged


def _sent_for_nothing(line: Row) -> bool:
    beside = (
        (line["shipping_price"] or 0)
        + (line["gift_wrap_price"] or 0)
        + abs(line["promotion_discount"] or 0)
    )
    return (
        line["item_price"] == 0
        and not beside
        and line["quantity"] > 0
        and line["status"] in {"shipped", "unshipped"}
    )


def _is_sale(line: Row) -> bool:
    return line["status"] != "cancelled" and not line["is_replacement"]


def recount_products(store: str, orders: Sequence[Row], counted: Sequence[Row]) -> Recount:
    """Return the figures of one day by currency and SKU.

    Money that names no product is left out.
    """
    figures: Recount = defaultdict(lambda: dict.fromkeys(_PRODUCT_COLUMNS, 0))
    seen: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    quantities: dict[tuple[str, str], dict[Any, int]] = defaultdict(lambda: defaultdict(int))
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
        if _order_column(row) == "posted_orders":
            posting = (row["source"], row["source_key"], row["order_id"], row["posted_at"])
            quantities[key][posting] += row["quantity"] or 0
        for column in ("refunded_sales", "fees", "product_sales"):
            figures[key][column] += (
                row["amount"] if ChargeType(row["kind"]) in COLUMN_CHARGE_TYPES[column] else 0
            )
        if (counting := _order_column(row)) is not None:
            seen[(*key, counting)].add(row["order_id"] or row["source_key"])
    for (currency, sku, column), keys in seen.items():
        figures[currency, sku][column] = len(keys)
    for key, of_postings in quantities.items():
        # One sale without a quantity: how many units were sold is not known.
        known = all(quantity > 0 for quantity in of_postings.values())
        figures[key]["posted_units"] = sum(of_postings.values()) if known else None
    return dict(figures)
