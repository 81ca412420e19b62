"""FBA Inventory v1: the units of each SKU in Amazon's warehouses."""

from __future__ import annotations

from datetime import datetime

import msgspec

from theseller.amazon.decoders.response_field_types import Count, Instant, Wire
from theseller.amazon.decoders.response_shape import Shape, dropped


class Reserved(Wire, frozen=True):
    """Units that are reserved for orders, transfers and processing."""

    total_reserved_quantity: Count | None = None
    pending_customer_order_quantity: Count | None = None
    pending_transshipment_quantity: Count | None = None
    fc_processing_quantity: Count | None = None


class Researching(Wire, frozen=True):
    """Units that Amazon is searching for."""

    total_researching_quantity: Count | None = None


class Unfulfillable(Wire, frozen=True):
    """Units that can't be sold, by reason."""

    total_unfulfillable_quantity: Count | None = None
    customer_damaged_quantity: Count | None = None
    warehouse_damaged_quantity: Count | None = None
    distributor_damaged_quantity: Count | None = None
    carrier_damaged_quantity: Count | None = None
    defective_quantity: Count | None = None
    expired_quantity: Count | None = None


class Details(Wire, frozen=True):
    """Units of one SKU by state."""

    fulfillable_quantity: Count | None = None
    inbound_working_quantity: Count | None = None
    inbound_shipped_quantity: Count | None = None
    inbound_receiving_quantity: Count | None = None
    reserved_quantity: Reserved | None = None
    researching_quantity: Researching | None = None
    unfulfillable_quantity: Unfulfillable | None = None


class Summary(Wire, frozen=True):
    """Stock of one SKU.

    `inventory_details` is only present if ``details=true`` was requested; `last_updated_time` may
    be absent.
    """

    seller_sku: str | None = None
    asin: str | None = None
    fn_sku: str | None = None
    condition: str | None = None
    inventory_details: Details | None = None
    last_updated_time: str | None = None
    product_name: str | None = None
    total_quantity: Count | None = None

    @property
    def updated_at(self) -> datetime | None:
        """`last_updated_time` as an aware instant.

        None where Amazon printed nothing (it prints an empty text for new SKUs).
        """
        try:
            return msgspec.convert(self.last_updated_time, Instant)
        except msgspec.ValidationError:
            return None


class _Granularity(Wire, frozen=True):
    granularity_type: str | None = None
    granularity_id: str | None = None


class _Payload(Wire, frozen=True):
    inventory_summaries: list[Summary]
    granularity: _Granularity | None = None


class _Pagination(Wire, frozen=True):
    next_token: str | None = None


class _GetInventorySummaries(Wire, frozen=True):
    payload: _Payload
    pagination: _Pagination | None = None


class InventoryPage(msgspec.Struct, frozen=True, gc=False):
    """A page of getInventorySummaries for one marketplace.

    `next_token` is valid for 30 seconds: start over when it has expired.
    """

    marketplace_id: str | None
    summaries: tuple[Summary, ...]
    next_token: str | None
    drift: tuple[str, ...]


_RESEARCHING = "payload.inventorySummaries[].inventoryDetails.researchingQuantity"
GET_INVENTORY_SUMMARIES = Shape(
    "getInventorySummaries",
    _GetInventorySummaries,
    dropped(
        unneeded=f"""
        payload.inventorySummaries[]: stores[]
        {_RESEARCHING}.researchingQuantityBreakdown[]: name quantity
        errors[]: code message details
        """
    ),
)


def decode_inventory(body: bytes) -> InventoryPage:
    """Decode an answer of getInventorySummaries.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    page = GET_INVENTORY_SUMMARIES.decode(body)
    granularity = page.payload.granularity
    token = page.pagination.next_token if page.pagination else None
    marketplace = granularity.granularity_id if granularity else None
    return InventoryPage(
        marketplace,
        tuple(page.payload.inventory_summaries),
        token or None,
        GET_INVENTORY_SUMMARIES.drift(body),
    )
