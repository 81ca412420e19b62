"""FBA Inventory API v1: getInventorySummaries.

Stock falls with demand, is replenished in batches, and sometimes runs out.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from theseller.emulator.amount_and_time_formats import instant
from theseller.emulator.spapi.call_parameters import Call
from theseller.emulator.spapi.errors import invalid
from theseller.emulator.world.order_volume import level
from theseller.emulator.world.products import Product, catalogue
from theseller.emulator.world.random_draws import number, share
from theseller.emulator.world.sellers import Seller, Store

_PAGE = 50
_TOKEN_LIFETIME = timedelta(seconds=30)


def get_inventory_summaries(call: Call) -> dict[str, Any]:
    """Return a page of stock in one marketplace.

    A nextToken expires after thirty seconds.
    """
    if call.query.get("granularityType") != "Marketplace":
        raise invalid("granularityType must be Marketplace.")
    wanted = call.texts("marketplaceIds")
    if len(wanted) != 1 or call.query.get("granularityId") != wanted[0]:
        raise invalid("Exactly one marketplaceIds value is required, equal to granularityId.")
    (store,) = call.stores()
    details = call.query.get("details", "false").casefold()  # Amazon's own Python SDK sends True.
    if details not in {"true", "false"}:
        raise invalid("details must be true or false.")
    changed_since = call.instant("startDateTime")
    if changed_since and changed_since < call.at - timedelta(days=548):
        raise invalid(
            "startDateTime must be no earlier than 18 months before the time of the request."
        )
    skus = call.texts("sellerSkus") or call.texts("sellerSku")
    if len(skus) > 50:
        raise invalid("At most 50 sellerSkus may be given.")
    token = call.read_token("nextToken", "inventory", _TOKEN_LIFETIME)
    offset = int(token["offset"]) if token else 0
    products = [
        product for product in catalogue(call.emulator.world.seed, call.seller) if product.by_amazon
    ]
    products = [product for product in products if _listed(call, product, store)]
    if changed_since:
        products = [product for product in products if _changed(call, product) >= changed_since]
    elif skus:
        products = [product for product in products if product.sku in skus]
    page = products[offset : offset + _PAGE]
    summaries = [_summary(call, product, store, details=details == "true") for product in page]
    answer: dict[str, Any] = {
        "payload": {
            "granularity": {
                "granularityType": "Marketplace",
                "granularityId": store.marketplace.id,
            },
            "inventorySummaries": summaries,
        }
    }
    if offset + _PAGE < len(products):
        answer["pagination"] = {"nextToken": call.token("inventory", {"offset": offset + _PAGE})}
    return answer


def _listed(call: Call, product: Product, store: Store) -> bool:
    seed = call.emulator.world.seed
    listed = (
        share(seed, call.seller.brand, store.marketplace.code, product.sku, "listed")
        < store.assortment
    )
    return listed and product.introduced <= call.at.date()


def _changed(call: Call, product: Product) -> datetime:
    """Popular products change every few minutes, dormant ones every few weeks."""
    span = int(min(max(600 / max(product.popularity, 0.002), 600), 40 * 86400))
    moment = int(call.at.timestamp())
    return call.at - timedelta(
        seconds=(moment + number(call.emulator.world.seed, product.sku, "phase", below=span)) % span
    )


def stock(seed: int, seller: Seller, store: Store, product: Product, day: date) -> tuple[int, int]:
    """Return (fulfillable units, units in transit) at the end of `day`.

    Stock falls steadily through cycles of 40 to 70 days, and is empty at times.
    """
    cycle = 40 + number(seed, product.sku, store.marketplace.code, "cycle", below=31)
    position = (day.toordinal() + number(seed, product.sku, "start", below=cycle)) % cycle
    daily = store.orders_per_day * level(day, seller.opened) * product.popularity / 4.8
    bought = (
        daily
        * cycle
        * (0.85 + 0.4 * share(seed, product.sku, (day.toordinal() - position), "bought"))
    )
    left = int(max(bought + 3 - daily * position, 0))
    arriving = round(daily * cycle) if position > cycle - 18 else 0
    return left, arriving


def _summary(call: Call, product: Product, store: Store, *, details: bool) -> dict[str, Any]:
    seed, day = call.emulator.world.seed, store.marketplace.local_day(call.at)
    fulfillable, arriving = stock(seed, call.seller, store, product, day)
    chance = share(seed, product.sku, day, "reserved")
    pending, transit = int(fulfillable * 0.04 * chance), int(fulfillable * 0.08 * (1 - chance))
    broken = number(seed, product.sku, day.isocalendar()[:2], "broken", below=4)
    summary: dict[str, Any] = {
        "asin": product.asin,
        "fnSku": product.fnsku,
        "sellerSku": product.sku,
        "condition": "NewItem",
        "lastUpdatedTime": instant(_changed(call, product)),
        "productName": product.title(store),
        "totalQuantity": fulfillable + pending + transit + broken + arriving,
        "stores": [],
    }
    if details:
        summary["inventoryDetails"] = {
            "fulfillableQuantity": fulfillable,
            "inboundWorkingQuantity": 0,
            "inboundShippedQuantity": arriving,
            "inboundReceivingQuantity": 0,
            "reservedQuantity": {
                "totalReservedQuantity": pending + transit,
                "pendingCustomerOrderQuantity": pending,
                "pendingTransshipmentQuantity": transit,
                "fcProcessingQuantity": 0,
            },
            "researchingQuantity": {
                "totalResearchingQuantity": 0,
                "researchingQuantityBreakdown": [],
            },
            "unfulfillableQuantity": {
                "totalUnfulfillableQuantity": broken,
                "customerDamagedQuantity": broken,
                "warehouseDamagedQuantity": 0,
                "distributorDamagedQuantity": 0,
                "carrierDamagedQuantity": 0,
                "defectiveQuantity": 0,
                "expiredQuantity": 0,
            },
        }
    return summary
