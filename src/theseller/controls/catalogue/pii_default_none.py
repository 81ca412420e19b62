"""Security page §5: by default no personal data of buyers is collected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from theseller.amazon import spapi_operations as allow_list
from theseller.amazon.errors import NotAllowedError
from theseller.amazon.feature_requirements import STREAMS
from theseller.amazon.roles import RESTRICTED_ROLES
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="pii-default-none",
    section=5,
    title=gettext_noop(
        "No personal data of buyers is requested unless a shop's owner turns packing slips on"
    ),
    statement=gettext_noop(
        "The service can call only the operations and read only the report types of a fixed list."
        " None of them needs a restricted role or a restricted data token, and orders are requested"
        " without buyer, recipient, tax, payment and parcel data. One call more, for packing"
        " slips, is refused unless the operator’s application holds the role for it and the owner"
        " of a shop turned the feature on."
    ),
    citation="Security page §5; Data Protection Policy 2.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.amazon.spapi_operations:OPERATIONS",
        "theseller.amazon.spapi_operations:allowed",
        "theseller.buyer_pii.recipient_fetch:fetch_requested",
        "theseller.amazon.spapi_operations:require_report_type",
        "theseller.amazon.roles:Role",
    ),
)

#: Written again here on purpose: a probe that read the program's own constant would agree with
#: whatever it says.
_REQUESTED_OF_ORDERS = ("PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT")
_ORDER_OPERATIONS = ("searchOrders", "getOrder")
_ON = "select count(*) from vault_consent where withdrawn_at is null"
_WITHOUT_CONSENT = """
select count(*) from pii.recipient r
where not exists (select from vault_consent c
  where c.tenant_id = r.tenant_id and c.connection_id = r.connection_id)
"""
#: What may be requested with a restricted role: by the name of the call, the role, the address and
#: what it asks for.
_WITH_A_ROLE = {
    "getOrder for a packing slip": (
        "Direct-to-Consumer Shipping", "GET", "/orders/2026-01-01/orders/{orderId}",
        {"includedData": ("RECIPIENT", "FULFILLMENT")},
    )
}  # fmt: skip
_PERSONAL = re.compile(
    r"buyer|address|recipient|messaging|solicitation|restricteddata|/tokens/|shipping/"
    r"|merchantfulfillment|shipment|invoic|easyship|customer",
    re.IGNORECASE,
)
_MUST_BE_REFUSED = (
    "createRestrictedDataToken", "getOrderBuyerInfo", "getOrderAddress", "getOrderItemsBuyerInfo",
    "createProductReviewAndSellerFeedbackSolicitation",
    "createShipment", "getShipment", "submitInvoice", "getMessagingActionsForOrder",
)  # fmt: skip
_REPORTS_WITH_PERSONS = (
    "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING", "GET_ORDER_REPORT_DATA_INVOICING",
    "GET_ORDER_REPORT_DATA_TAX", "GET_ORDER_REPORT_DATA_SHIPPING",
    "GET_FLAT_FILE_ORDER_REPORT_DATA_INVOICING", "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
    "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX", "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL",
    "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_INVOICING", "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX",
    "GET_EASYSHIP_DOCUMENTS", "GET_GST_MTR_B2B_CUSTOM", "GET_GST_MTR_B2C_CUSTOM",
    "SC_VAT_TAX_REPORT", "GET_VAT_TRANSACTION_DATA", "GET_SELLER_FEEDBACK_DATA",
    "GET_FLAT_FILE_VAT_INVOICE_DATA_REPORT",
)  # fmt: skip


def probe(context: ProbeContext) -> Outcome:
    """Try forbidden operations, and search for forbidden data.

    The allow-list must refuse each operation; no document or authorization may be of a forbidden
    type.
    """
    documents = context.rows("select report_type, count(*) from ingest_document group by 1")
    authorised = context.rows("select distinct unnest(roles) from connections_connection")
    failures = [*_operations(), *_with_a_role(), *_reports()]
    failures += [
        f"{number} document(s) of a report type outside the list were taken in."
        for kind, number in documents
        if not _listed(kind)
    ]
    failures += [
        f"A connection was authorized for the restricted role {role}."
        for (role,) in authorised
        if role in RESTRICTED_ROLES
    ]
    failures += list(_features(context))
    must_find(_is_allowed(_ORDER_OPERATIONS[0]), "an operation that is allowed")
    must_find(
        _listed(next(iter(allow_list.ALLOWED_REPORT_TYPES), "")), "a report type that is allowed"
    )
    on = context.number(_ON)
    called = {name for stream in STREAMS.values() for name in stream.operations}
    return verdict(
        len(_MUST_BE_REFUSED) + len(_REPORTS_WITH_PERSONS) + len(allow_list.RESTRICTED_OPERATIONS),
        failures,
        f"{len(allow_list.OPERATIONS)} operations and {len(allow_list.ALLOWED_REPORT_TYPES)} report"
        " types are allowed, none with personal data;"
        f" {len(_MUST_BE_REFUSED) + len(_REPORTS_WITH_PERSONS)} that have it were tried and"
        f" refused. {_slips(on)}",
        packing_slips_on=on,
        operations=len(allow_list.OPERATIONS),
        operations_in_use=len(called),
        report_types=len(allow_list.ALLOWED_REPORT_TYPES),
        documents_taken_in=sum(number for _, number in documents),
    )


def _slips(on: int) -> str:
    if on:
        return (
            f"{on} connection(s) have packing slips on: for those the recipients of their own"
            " shipments are requested, when someone wants a slip."
        )
    return "No shop has packing slips on."


def _features(context: ProbeContext) -> Iterator[str]:
    """Yield a finding if buyers' data is requested without a basis.

    An owner must have consented, and the operator's application must have the role.
    """
    on = context.number(_ON)
    if on and not settings.ENVIRONMENT.restricted_roles:
        yield (
            f"{on} feature(s) that need buyers' data are on, and this deployment's application does"
            " not hold the role for it."
        )
    if context.number(_WITHOUT_CONSENT):
        yield "Buyers' data is held for a connection whose owner never turned a feature on."


def _operations() -> Iterator[str]:
    for name, operation in allow_list.OPERATIONS.items():
        if (
            operation.needs
            or _PERSONAL.search(f"{name} {operation.path}")
            or set(map(str, operation.roles)) & RESTRICTED_ROLES
        ):
            yield f"The operation {name} is on the list and opens personal data."
    for name in _ORDER_OPERATIONS:
        order_operation = allow_list.OPERATIONS[name]
        if (
            dict(order_operation.forced).get("includedData") != _REQUESTED_OF_ORDERS
            or "includedData" in order_operation.params
        ):
            yield (
                f"{name} may ask for more of an order than its money, promotions, cancellation and"
                " fulfillment."
            )
    for name in _MUST_BE_REFUSED:
        if _is_allowed(name):
            yield f"The operation {name} was not refused."


def _with_a_role() -> Iterator[str]:
    """Try every call that returns buyers' data, without its role.

    Each must be refused, and the list must have only the calls that are written here.
    """
    for name, operation in allow_list.RESTRICTED_OPERATIONS.items():
        requested = (str(operation.needs), operation.method, operation.path, dict(operation.forced))
        if requested != _WITH_A_ROLE.get(name) or operation.params or operation.body:
            yield (
                f"The call {name} asks for other buyers' data, or needs another role, than is known"
                " here."
            )
        if _is_allowed(name):
            yield f"The call {name} was not refused, though no role was shown for it."


def _is_allowed(name: str) -> bool:
    try:
        allow_list.allowed(name)
    except NotAllowedError:
        return False
    return True


def _reports() -> Iterator[str]:
    for kind in (*_REPORTS_WITH_PERSONS, *sorted(allow_list.DENIED_REPORT_TYPES)):
        if _listed(kind):
            yield f"The report type {kind} was not refused."


def _listed(kind: str) -> bool:
    try:
        allow_list.require_report_type("createReport", kind)
    except NotAllowedError:
        return False
    return True
