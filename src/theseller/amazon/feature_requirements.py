"""The features that a seller can choose, and what they need at Amazon.

Streams, their operations, and the smallest set of roles that allows them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

from theseller.amazon.roles import Role
from theseller.amazon.spapi_operations import ALLOWED_REPORT_TYPES, OPERATIONS, Operation
from theseller.lib.marketplaces import Region
from theseller.lib.translation_marks import gettext_noop


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of data: the operations it calls and the reports it reads."""

    key: str
    operations: tuple[str, ...]
    report_types: tuple[str, ...] = ()


_REPORT_OPERATIONS = ("createReport", "getReports", "getReport", "getReportDocument")
_STREAMS = (
    Stream("orders", ("searchOrders", "getOrder")),
    Stream(
        "all_orders_report",
        _REPORT_OPERATIONS,
        ("GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",),
    ),
    Stream("transactions", ("listTransactions",)),
    Stream(
        "settlement_report",
        ("getReports", "getReport", "getReportDocument"),
        ("GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",),
    ),
    Stream("inventory", ("getInventorySummaries",)),
    Stream("traffic", _REPORT_OPERATIONS, ("GET_SALES_AND_TRAFFIC_REPORT",)),
)
STREAMS: Mapping[str, Stream] = MappingProxyType({stream.key: stream for stream in _STREAMS})


@dataclass(frozen=True, slots=True)
class Feature:
    """A purpose that data is collected for.

    `data` and `kept` are texts of the consent page; `kept` is the longest time that we keep the
    data.
    """

    key: str
    title: str
    why: str
    roles: tuple[Role, ...]
    streams: tuple[str, ...]
    data: str
    kept: str = gettext_noop("at most 18 months, or until you disconnect")
    #: Whether a seller can choose it. What is not offered is not asked for and not collected.
    offered: bool = True


_FEATURES = (
    Feature(
        "sales",
        gettext_noop("Sales and orders"),
        gettext_noop("See what you sold, by day and by product, minutes after it happens."),
        (Role.INVENTORY_AND_ORDER_TRACKING,),
        ("orders", "all_orders_report"),
        gettext_noop(
            "Order numbers, dates, status, products, quantities, prices, discounts. No buyer names,"
            " addresses, messages or contact data."
        ),
    ),
    Feature(
        "finances",
        gettext_noop("Fees, refunds and payouts"),
        gettext_noop(
            "See what Amazon kept and paid: fees, refunds, reimbursements and settlements, to the"
            " cent."
        ),
        (Role.FINANCE_AND_ACCOUNTING,),
        ("transactions", "settlement_report"),
        gettext_noop(
            "Transactions, their amounts by type, order numbers and SKUs, and settlement reports."
            " No bank or card data."
        ),
    ),
    Feature(
        "stock",
        gettext_noop("Stock at Amazon"),
        gettext_noop("See what Amazon's warehouses hold for you and how long it will last."),
        (Role.AMAZON_FULFILLMENT,),
        ("inventory",),
        gettext_noop(
            "Units per product, as they are now: fulfillable, inbound, reserved, unfulfillable and"
            " in total, with SKU, ASIN, FNSKU, condition and title. Each reading replaces the one"
            " before."
        ),
    ),
    Feature(
        "traffic",
        gettext_noop("Traffic and conversion"),
        gettext_noop(
            "See how often your products were visited and how many visits became orders. Amazon"
            " gives this data to brand owners only."
        ),
        # Brand Analytics opens the report; creating and fetching one needs another role besides.
        (Role.INVENTORY_AND_ORDER_TRACKING, Role.BRAND_ANALYTICS),
        ("traffic",),
        gettext_noop(
            "Sessions, page views, units, sales and the featured offer's share, by day and by"
            " product. Nothing about who visited."
        ),
    ),
)
FEATURES: Mapping[str, Feature] = MappingProxyType({feature.key: feature for feature in _FEATURES})
#: The features that a seller can choose.
OFFERED: Mapping[str, Feature] = MappingProxyType(
    {key: feature for key, feature in FEATURES.items() if feature.offered}
)


def operations_for(features: Iterable[str]) -> tuple[Operation, ...]:
    """Return every operation that the chosen features may call.

    Each once.

    Raises:
        KeyError: a feature is unknown.
    """
    names = {
        name
        for key in features
        for stream in FEATURES[key].streams
        for name in STREAMS[stream].operations
    }
    return tuple(operation for name, operation in OPERATIONS.items() if name in names)


def uncovered(
    features: Iterable[str], roles: Iterable[Role], region: Region = Region.EU
) -> tuple[str, ...]:
    """Return what of the chosen features `roles` do not allow in `region`.

    Operations and report types by name; empty if all are allowed.
    """
    chosen, roles_granted = tuple(features), frozenset(roles)
    operations = [
        o.name
        for o in operations_for(chosen)
        if not any(o.opened_by(role, region) for role in roles_granted)
    ]
    reports = {
        t
        for key in chosen
        for stream in FEATURES[key].streams
        for t in STREAMS[stream].report_types
    }
    return (*operations, *sorted(t for t in reports if not ALLOWED_REPORT_TYPES[t] & roles_granted))


def roles_for(features: Iterable[str]) -> tuple[Role, ...]:
    """Return the smallest set of roles that allows the chosen features.

    Everything that they call is allowed, in every region. The roles are in the order of `Role`;
    only roles that the features themselves name are considered.

    Raises:
        KeyError: a feature is unknown.
        ValueError: the features' own roles do not allow what they call, which a test rules out.
    """
    chosen = tuple(dict.fromkeys(features))
    candidates = [role for role in Role if any(role in FEATURES[key].roles for key in chosen)]
    for size in range(len(candidates) + 1):
        for roles in combinations(candidates, size):
            if not any(uncovered(chosen, roles, region) for region in Region):
                return roles
    raise ValueError("the features' roles do not open their operations")


def served_by(role: Role, features: Iterable[str]) -> tuple[Feature, ...]:
    """Return which of the chosen features need `role`.

    Those that call something which `role` allows: the consent page says that the role is needed for
    them.
    """
    chosen = [FEATURES[key] for key in dict.fromkeys(features)]
    found = tuple(feature for feature in chosen if _opens_something(role, feature))
    # A role by which reports are only created and fetched, if it is needed for nothing else.
    return found or tuple(feature for feature in chosen if _opens_reports(role, feature))


def _opens_reports(role: Role, feature: Feature) -> bool:
    return any(
        o.name in _REPORT_OPERATIONS and o.opened_by(role, region)
        for o in operations_for([feature.key])
        for region in Region
    )


def _opens_something(role: Role, feature: Feature) -> bool:
    reports = {report for stream in feature.streams for report in STREAMS[stream].report_types}
    own = [o for o in operations_for([feature.key]) if o.name not in _REPORT_OPERATIONS]
    return any(role in ALLOWED_REPORT_TYPES[report] for report in reports) or any(
        operation.opened_by(role, region) for operation in own for region in Region
    )
