"""FBA customer returns reports: tab-separated, one row per returned unit.

They have no key, name no store, and hold the whole region whatever marketplaces were requested.
"""

from __future__ import annotations

from datetime import UTC, timedelta

from theseller.emulator.canary_texts import canary
from theseller.emulator.reports.all_orders import write
from theseller.emulator.reports.types import ReportGenerator, ReportOrder, regional_encoding
from theseller.emulator.world.customer_returns import ReturnedUnit, returned_units
from theseller.emulator.world.world_queries import World

COLUMNS = (
    "return-date", "order-id", "sku", "asin", "fnsku", "product-name", "quantity",
    "fulfillment-center-id", "detailed-disposition", "reason", "status", "license-plate-number",
    "customer-comments",
)  # fmt: skip


def _row(seed: int, unit: ReturnedUnit) -> tuple[str, ...]:
    """Return the cells of a row, in the order of the columns."""
    return (
        unit.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        unit.order.id,
        unit.product.sku,
        unit.product.asin,
        unit.product.fnsku,
        unit.product.title(unit.order.store),
        "1",
        unit.center,
        unit.disposition,
        unit.reason,
        "Unit returned to inventory",
        canary(seed, "license-plate-number", unit.label),
        canary(seed, "customer-comments", unit.label),
    )


def _units(world: World, order: ReportOrder) -> list[ReturnedUnit]:
    found = returned_units(world, order.seller, order.start, order.end, order.at)
    return sorted(found, key=lambda unit: (unit.at, unit.order.id, unit.label))


def _has_data(world: World, order: ReportOrder) -> bool:
    return bool(_units(world, order))


def _render(world: World, order: ReportOrder) -> str:
    return write(COLUMNS, [_row(world.seed, unit) for unit in _units(world, order)])


GENERATORS = (
    ReportGenerator(
        report_type="GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA",
        roles=frozenset({"Amazon Fulfillment", "Pricing"}),
        has_data=_has_data,
        render=_render,
        encoding=regional_encoding,
        longest=timedelta(days=30),
    ),
)
