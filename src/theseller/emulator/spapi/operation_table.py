"""Emulated operations: path, default usage plan and roles.

Rates and roles are those of Amazon's models and role-mapping pages. One of the roles must be
granted. Any other path is denied, as Amazon does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from theseller.emulator.settings import ROLES
from theseller.emulator.spapi import (
    finances,
    inventory,
    orders,
    orders_v0,
    reports,
    restricted_data_tokens,
    sales,
    sellers,
)
from theseller.emulator.spapi.call_parameters import Call

_ANY_BUT_BRAND = frozenset(ROLES) - {"Brand Analytics"}
_FINANCE = frozenset({"Finance and Accounting"})
_PARTICIPATIONS = frozenset({"Product Listing", "Selling Partner Insights"})
_REPORTS = frozenset(
    ROLES
)  # The type decides (`document_rendering.GENERATORS`); Brand Analytics must ask for its own.


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of SP-API.

    `rate`: calls a second. `status`: of success. `roles_far_east`: where Amazon lists other roles
    for that region.
    """

    name: str
    method: str
    path: str
    rate: float
    burst: int
    roles: frozenset[str]
    handler: Callable[[Call], dict[str, Any]]
    status: int = 200
    roles_far_east: frozenset[str] = frozenset()


_REPORTS_PATH = "/reports/2021-06-30"
_V0 = "/orders/v0/orders"
OPERATIONS = (
    Operation(
        "orders.searchOrders",
        "GET",
        "/orders/2026-01-01/orders",
        0.0056,
        20,
        _ANY_BUT_BRAND,
        orders.search_orders,
    ),
    Operation(
        "orders.getOrder",
        "GET",
        "/orders/2026-01-01/orders/{order_id}",
        0.5,
        30,
        _ANY_BUT_BRAND,
        orders.get_order,
    ),
    Operation("orders.getOrdersV0", "GET", _V0, 0.0167, 20, _ANY_BUT_BRAND, orders_v0.get_orders),
    Operation(
        "orders.getOrderV0",
        "GET",
        f"{_V0}/{{order_id}}",
        0.5,
        30,
        _ANY_BUT_BRAND,
        orders_v0.get_order,
    ),
    Operation(
        "orders.getOrderItemsV0",
        "GET",
        f"{_V0}/{{order_id}}/orderItems",
        0.5,
        30,
        _ANY_BUT_BRAND,
        orders_v0.get_order_items,
    ),
    Operation(
        "orders.getOrderBuyerInfoV0",
        "GET",
        f"{_V0}/{{order_id}}/buyerInfo",
        0.5,
        30,
        _ANY_BUT_BRAND,
        orders_v0.get_order_buyer_info,
    ),
    Operation(
        "orders.getOrderAddressV0",
        "GET",
        f"{_V0}/{{order_id}}/address",
        0.5,
        30,
        _ANY_BUT_BRAND,
        orders_v0.get_order_address,
    ),
    Operation(
        "tokens.createRestrictedDataToken",
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        1.0,
        10,
        frozenset(ROLES),
        restricted_data_tokens.create_restricted_data_token,
    ),
    Operation(
        "finances.listTransactions",
        "GET",
        "/finances/2024-06-19/transactions",
        0.5,
        10,
        _FINANCE,
        finances.list_transactions,
    ),
    Operation(
        "finances.listBalances",
        "GET",
        "/finances/2024-06-19/balances",
        0.5,
        10,
        _FINANCE,
        finances.list_balances,
    ),
    Operation(
        "finances.listSummary",
        "GET",
        "/finances/2024-06-19/summary",
        0.5,
        10,
        _FINANCE,
        finances.list_summary,
    ),
    Operation(
        "fbaInventory.getInventorySummaries",
        "GET",
        "/fba/inventory/v1/summaries",
        2.0,
        2,
        frozenset({"Amazon Fulfillment", "Product Listing"}),
        inventory.get_inventory_summaries,
    ),
    Operation(
        "sellers.getMarketplaceParticipations",
        "GET",
        "/sellers/v1/marketplaceParticipations",
        0.016,
        15,
        _PARTICIPATIONS,
        sellers.get_marketplace_participations,
        roles_far_east=_ANY_BUT_BRAND,
    ),
    Operation(
        "sales.getOrderMetrics",
        "GET",
        "/sales/v1/orderMetrics",
        0.5,
        15,
        frozenset({"Inventory and Order Tracking", "Product Listing"}),
        sales.get_order_metrics,
        roles_far_east=_ANY_BUT_BRAND,
    ),
    Operation(
        "reports.createReport",
        "POST",
        f"{_REPORTS_PATH}/reports",
        0.0167,
        15,
        _REPORTS,
        reports.create_report,
        status=202,
    ),
    Operation(
        "reports.getReports",
        "GET",
        f"{_REPORTS_PATH}/reports",
        0.0222,
        10,
        _REPORTS,
        reports.get_reports,
    ),
    Operation(
        "reports.getReport",
        "GET",
        f"{_REPORTS_PATH}/reports/{{report_id}}",
        2.0,
        15,
        _REPORTS,
        reports.get_report,
    ),
    Operation(
        "reports.cancelReport",
        "DELETE",
        f"{_REPORTS_PATH}/reports/{{report_id}}",
        0.0222,
        10,
        _REPORTS,
        reports.cancel_report,
    ),
    Operation(
        "reports.getReportDocument",
        "GET",
        f"{_REPORTS_PATH}/documents/{{document_id}}",
        0.0167,
        15,
        _REPORTS,
        reports.get_report_document,
    ),
)
