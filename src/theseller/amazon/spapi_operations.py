"""The allow-list: every call to Amazon that is allowed.

What is not in these tables cannot be called.

Rates and bursts are Amazon's default usage plans from its published models (requests a second,
bucket size). Roles are any-of, from Amazon's role mapping. A restricted role that would also open
an operation of the first table is left out: it is called without.

What needs a restricted role is in a table of its own, and is refused unless the caller shows that
the application has the role.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from theseller.amazon.errors import NotAllowedError
from theseller.amazon.roles import RestrictedRole, Role
from theseller.lib.marketplaces import Region


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the Selling Partner API, and how it may be called.

    `rate` (calls a second) and `burst` (calls) are its usage plan. Any one of `roles` allows it.
    `params` and `body` name what may be sent. `forced` parameters are sent with every call and
    cannot be chosen. `far_east_roles` allow it in the far-eastern region only. `needs` is the
    restricted role without which Amazon leaves out the data that it is called for.
    """

    name: str
    method: str
    path: str
    rate: float
    burst: int
    roles: frozenset[Role]
    params: frozenset[str] = frozenset()
    forced: tuple[tuple[str, tuple[str, ...]], ...] = ()
    body: frozenset[str] = frozenset()
    far_east_roles: frozenset[Role] = frozenset()
    needs: RestrictedRole | None = None

    def opened_by(self, role: Role, region: Region) -> bool:
        """Return whether `role` alone is enough to call this in `region`."""
        return role in self.roles or (region is Region.FE and role in self.far_east_roles)


#: What searchOrders and getOrder may contain. BUYER, RECIPIENT, TAX, PAYMENT and PACKAGES hold
#: personal data and are never asked for.
INCLUDED_DATA = ("PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT")

_FINANCE = frozenset({Role.FINANCE_AND_ACCOUNTING})
_STOCK = frozenset({Role.AMAZON_FULFILLMENT, Role.PRODUCT_LISTING})
_GENERAL = frozenset(
    {
        Role.AMAZON_FULFILLMENT,
        Role.FINANCE_AND_ACCOUNTING,
        Role.INVENTORY_AND_ORDER_TRACKING,
        Role.PRICING,
        Role.PRODUCT_LISTING,
        Role.SELLING_PARTNER_INSIGHTS,
    }
)
_METRICS = frozenset({Role.INVENTORY_AND_ORDER_TRACKING, Role.PRODUCT_LISTING})
_PARTICIPATIONS = frozenset({Role.PRODUCT_LISTING, Role.SELLING_PARTNER_INSIGHTS})
_INCLUDED = (("includedData", INCLUDED_DATA),)
_ORDERS = "/orders/2026-01-01/orders"
_FINANCES = "/finances/2024-06-19"
_REPORTS = "/reports/2021-06-30"


def _params(names: str) -> frozenset[str]:
    return frozenset(names.split())


_TABLE = (
    Operation(
        "searchOrders",
        "GET",
        _ORDERS,
        0.0056,
        20,
        _GENERAL,
        _params(
            "createdAfter createdBefore lastUpdatedAfter lastUpdatedBefore fulfillmentStatuses"
            " marketplaceIds fulfilledBy maxResultsPerPage paginationToken"
        ),
        _INCLUDED,
    ),
    Operation("getOrder", "GET", f"{_ORDERS}/{{orderId}}", 0.5, 30, _GENERAL, forced=_INCLUDED),
    Operation(
        "listTransactions",
        "GET",
        f"{_FINANCES}/transactions",
        0.5,
        10,
        _FINANCE,
        _params(
            "postedAfter postedBefore marketplaceId transactionStatus relatedIdentifierName"
            " relatedIdentifierValue nextToken"
        ),
    ),
    Operation(
        "listBalances",
        "GET",
        f"{_FINANCES}/balances",
        0.5,
        10,
        _FINANCE,
        _params("marketplaceIds balanceType accountType asOfDate nextToken"),
    ),
    Operation(
        "listSummary",
        "GET",
        f"{_FINANCES}/summary",
        0.5,
        10,
        _FINANCE,
        _params(
            "marketplaceIds accountType relatedIdentifierName relatedIdentifierValue periodStart"
            " periodEnd nextToken"
        ),
    ),
    Operation(
        "getInventorySummaries",
        "GET",
        "/fba/inventory/v1/summaries",
        2.0,
        2,
        _STOCK,
        _params(
            "details granularityType granularityId startDateTime sellerSkus sellerSku nextToken"
            " marketplaceIds"
        ),
    ),
    Operation(
        "getMarketplaceParticipations",
        "GET",
        "/sellers/v1/marketplaceParticipations",
        0.016,
        15,
        _PARTICIPATIONS,
        far_east_roles=_GENERAL - _PARTICIPATIONS,
    ),
    Operation(
        "createReport",
        "POST",
        f"{_REPORTS}/reports",
        0.0167,
        15,
        _GENERAL,
        body=_params("reportType marketplaceIds dataStartTime dataEndTime reportOptions"),
    ),
    Operation(
        "getReports",
        "GET",
        f"{_REPORTS}/reports",
        0.0222,
        10,
        _GENERAL,
        _params(
            "reportTypes processingStatuses marketplaceIds pageSize createdSince createdUntil"
            " nextToken"
        ),
    ),
    Operation("getReport", "GET", f"{_REPORTS}/reports/{{reportId}}", 2.0, 15, _GENERAL),
    Operation(
        "getReportDocument",
        "GET",
        f"{_REPORTS}/documents/{{reportDocumentId}}",
        0.0167,
        15,
        _GENERAL,
    ),
    Operation(
        "getOrderMetrics",
        "GET",
        "/sales/v1/orderMetrics",
        0.5,
        15,
        _METRICS,
        _params(
            "marketplaceIds interval granularityTimeZone granularity buyerType fulfillmentNetwork"
            " firstDayOfWeek asin sku"
        ),
        far_east_roles=_GENERAL - _METRICS,
    ),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {operation.name: operation for operation in _TABLE}
)


#: Calls that answer with buyers' data, by a name of ours that says for what; `Operation.name` is
#: Amazon's, whose usage plan they share. A packing slip needs the address, the gift message and the
#: day to ship by. Parcels, invoices and the buyer's own account are not asked for.
GET_ORDER_FOR_A_SLIP = "getOrder for a packing slip"
RESTRICTED_OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        GET_ORDER_FOR_A_SLIP: Operation(
            "getOrder",
            "GET",
            f"{_ORDERS}/{{orderId}}",
            0.5,
            30,
            frozenset(),
            forced=(("includedData", ("RECIPIENT", "FULFILLMENT")),),
            needs=RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,
        )
    }
)


def allowed(name: str, granted: Collection[RestrictedRole] = ()) -> Operation:
    """Return the operation called `name`.

    `granted` are the restricted roles that the application has: none, unless the caller shows one.

    Raises:
        NotAllowedError: it is in no table, or needs a role that the application doesn't have.
    """
    operation = OPERATIONS.get(name) or RESTRICTED_OPERATIONS.get(name)
    if operation is None or (operation.needs is not None and operation.needs not in granted):
        raise NotAllowedError(name, code="operation")
    return operation


#: Report types that we read, and the roles that open them (any one).
ALLOWED_REPORT_TYPES: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL": (
            _STOCK | {Role.INVENTORY_AND_ORDER_TRACKING, Role.PRICING}
        ),
        "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL": (
            _STOCK | {Role.INVENTORY_AND_ORDER_TRACKING, Role.PRICING}
        ),
        "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2": _FINANCE,
        "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA": frozenset(
            {Role.AMAZON_FULFILLMENT, Role.PRICING}
        ),
        "GET_SALES_AND_TRAFFIC_REPORT": frozenset({Role.BRAND_ANALYTICS}),
        "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA": _FINANCE,
    }
)

#: Amazon makes settlements by itself, and sellers download transaction reports in Seller Central;
#: both are listed with getReports and are not ordered.
UNREQUESTABLE_REPORT_TYPES = frozenset(
    {
        "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
        "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA",
    }
)

#: Report types that hold buyers' personal data. All but the allowed ones are refused anyway; these
#: are listed so that none is allowed by mistake. The last five are not restricted at Amazon, and
#: still carry names, addresses or contact data.
DENIED_REPORT_TYPES = frozenset(
    {
        "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING",
        "GET_ORDER_REPORT_DATA_INVOICING",
        "GET_ORDER_REPORT_DATA_TAX",
        "GET_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_INVOICING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_INVOICING",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX",
        "SC_VAT_TAX_REPORT",
        "GET_VAT_TRANSACTION_DATA",
        "GET_GST_MTR_B2B_CUSTOM",
        "GET_GST_MTR_B2C_CUSTOM",
        "GET_EASYSHIP_DOCUMENTS",
        "GET_FLAT_FILE_VAT_INVOICE_DATA_REPORT",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL",
        "GET_SELLER_FEEDBACK_DATA",
        "END_USER_DATA_REPORT",
        "GET_FLAT_FILE_ARCHIVED_ORDERS_DATA_BY_ORDER_DATE",
        "GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_SALES_DATA",
    }
)


def require_report_type(operation: str, report_type: object, *, creating: bool = False) -> None:
    """Refuse a report type that we do not read.

    With `creating`, also one that cannot be ordered.

    Raises:
        NotAllowedError: refused. Its text does not repeat the type.
    """
    if (
        not isinstance(report_type, str)
        or report_type not in ALLOWED_REPORT_TYPES
        or report_type in DENIED_REPORT_TYPES
    ):
        raise NotAllowedError(operation, code="reportType")
    if creating and report_type in UNREQUESTABLE_REPORT_TYPES:
        raise NotAllowedError(operation, code="reportTypeIsListedNotRequested")
