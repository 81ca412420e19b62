"""Orders 2026-01-01: the fields of an order that are kept."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from theseller.amazon.charge_classifier import ChargeType, classify_proceeds
from theseller.amazon.decoders.response_field_types import (
    Count,
    Currency,
    Instant,
    Wire,
    check_amount,
    check_instant,
    enum_value,
    spell_enums,
)
from theseller.amazon.decoders.response_shape import Shape, dropped, under


class Amount(Wire, frozen=True):
    """An amount as Amazon printed it, exact, with its ISO 4217 currency."""

    amount: Decimal
    currency_code: Currency

    def __post_init__(self) -> None:
        check_amount(self.amount)


class SalesChannel(Wire, frozen=True):
    """The channel and the marketplace of an order."""

    channel_name: str | None = None
    marketplace_id: str | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "channel_name")


class AssociatedOrder(Wire, frozen=True):
    """Another order that this one belongs to.

    `association_type` ``REPLACEMENT_ORIGINAL_ID`` marks a replacement: not a sale.
    """

    order_id: str | None = None
    association_type: str | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "association_type")


class OrderProceedsBreakdown(Wire, frozen=True):
    """A subtotal of an order's proceeds."""

    type: str
    subtotal: Amount

    def __post_init__(self) -> None:
        spell_enums(self, "type")


class OrderProceeds(Wire, frozen=True):
    """The proceeds of an order."""

    grand_total: Amount | None = None
    breakdowns: list[OrderProceedsBreakdown] | None = None


class OrderFulfillment(Wire, frozen=True):
    """The fulfillment status of an order, and who fulfills it."""

    fulfillment_status: str
    fulfilled_by: str | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "fulfillment_status", "fulfilled_by")


class Price(Wire, frozen=True):
    """The price of a product."""

    unit_price: Amount | None = None


class Product(Wire, frozen=True):
    """The product of an order item."""

    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    price: Price | None = None


class DetailedBreakdown(Wire, frozen=True):
    """A part of a subtotal, by subtype."""

    subtype: str | None = None
    value: Amount | None = None


class ProceedsBreakdown(Wire, frozen=True):
    """A subtotal of an item's proceeds."""

    type: str
    subtotal: Amount
    detailed_breakdowns: list[DetailedBreakdown] | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "type")


class ItemProceeds(Wire, frozen=True):
    """The proceeds of an item."""

    proceeds_total: Amount | None = None
    breakdowns: list[ProceedsBreakdown] | None = None


class PointsGranted(Wire, frozen=True):
    """Amazon Points that the buyer receives."""

    points_number: Count | None = None
    points_monetary_value: Amount | None = None


class PointsCost(Wire, frozen=True):
    """What granted points cost the seller."""

    points_granted: PointsGranted | None = None


class Expense(Wire, frozen=True):
    """The seller's expense for an item."""

    points_cost: PointsCost | None = None


class PromotionBreakdown(Wire, frozen=True):
    """One promotion of an item."""

    promotion_id: str | None = None


class Promotion(Wire, frozen=True):
    """The promotions of an item."""

    breakdowns: list[PromotionBreakdown] | None = None


class CancellationRequest(Wire, frozen=True):
    """Who requested a cancellation."""

    requester: str | None = None


class CancellationExecution(Wire, frozen=True):
    """Who canceled the item."""

    cancelled_by: str | None = None


class Cancellation(Wire, frozen=True):
    """Who requested a cancellation and who canceled.

    The reason may be the buyer's own text and is dropped.
    """

    cancellation_request: CancellationRequest | None = None
    cancellation_execution: CancellationExecution | None = None


class ItemFulfillment(Wire, frozen=True):
    """The fulfilled and the unfulfilled quantity of an item."""

    quantity_fulfilled: Count | None = None
    quantity_unfulfilled: Count | None = None


class OrderItem(Wire, frozen=True):
    """One line of an order."""

    order_item_id: str
    quantity_ordered: Count
    product: Product
    proceeds: ItemProceeds | None = None
    expense: Expense | None = None
    promotion: Promotion | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None

    def lines(self) -> list[tuple[ChargeType, str, Amount]]:
        """Return the item's proceeds as (charge type, Amazon's type, amount).

        A pending order may have none.
        """
        found = (self.proceeds.breakdowns if self.proceeds else None) or []
        return [(classify_proceeds(part.type), part.type, part.subtotal) for part in found]

    def subtotal(self, type_: str) -> Amount | None:
        """Return the subtotal of one of Amazon's types, if printed.

        The types are ``ITEM``, ``SHIPPING``, ``GIFT_WRAP``, ``TAX``, ``DISCOUNT`` and others.
        """
        found = (self.proceeds.breakdowns if self.proceeds else None) or []
        return next((part.subtotal for part in found if part.type == type_), None)

    @property
    def unit_price(self) -> Amount | None:
        """The price of one unit; None if it is not printed."""
        return self.product.price.unit_price if self.product.price else None

    @property
    def is_cancelled(self) -> bool:
        """Whether the item was canceled."""
        return (
            self.cancellation is not None and self.cancellation.cancellation_execution is not None
        )


class Order(Wire, frozen=True):
    """One order, without any data about a person."""

    order_id: str
    created_time: Instant
    last_updated_time: Instant
    sales_channel: SalesChannel
    order_items: list[OrderItem]
    programs: list[str] | None = None
    associated_orders: list[AssociatedOrder] | None = None
    proceeds: OrderProceeds | None = None
    fulfillment: OrderFulfillment | None = None

    def __post_init__(self) -> None:
        check_instant(self.created_time)
        check_instant(self.last_updated_time)
        if self.programs:
            msgspec.structs.force_setattr(
                self, "programs", [enum_value(name) for name in self.programs]
            )

    @property
    def status(self) -> str | None:
        """Amazon's fulfillment status; None if Amazon left it out.

        ``PENDING``, ``UNSHIPPED``, ``SHIPPED``, ``CANCELLED`` and others.
        """
        return self.fulfillment.fulfillment_status if self.fulfillment else None

    @property
    def marketplace_id(self) -> str | None:
        """The marketplace of the sales channel; None if it is not printed."""
        return self.sales_channel.marketplace_id

    @property
    def is_replacement(self) -> bool:
        """Whether the order replaces another one, without a new sale."""
        return any(
            link.association_type == "REPLACEMENT_ORIGINAL_ID"
            for link in self.associated_orders or []
        )


class _Pagination(Wire, frozen=True):
    next_token: str | None = None


class _SearchOrders(Wire, frozen=True):
    orders: list[Order]
    pagination: _Pagination | None = None
    created_before: Instant | None = None
    last_updated_before: Instant | None = None


class _GetOrder(Wire, frozen=True):
    order: Order


class OrdersPage(msgspec.Struct, frozen=True, gc=False):
    """A page of searchOrders.

    `next_token` is valid for 24 hours; `drift` names fields that are new to us.
    """

    orders: tuple[Order, ...]
    next_token: str | None
    created_before: datetime | None
    last_updated_before: datetime | None
    drift: tuple[str, ...]


_PLACE = "city districtOrCounty stateOrRegion municipality postalCode countryCode"
_STREET = "name companyName addressLine1 addressLine2 addressLine3 phone addressType"
_HOURS = "recipient.deliveryPreference.deliveryTime"
_PARTS = "streetName streetNumber complement neighborhood"
_OPTIONS = "orderItems[].fulfillment.picking.substitutionPreference"
_CONSTRAINTS = "orderItems[].fulfillment.shipping.shippingConstraints"

DROPPED_FROM_ORDER = dropped(
    pii=f"""
        orderAliases[]: aliasId
        buyer: buyerName buyerEmail buyerCompanyName buyerPurchaseOrderNumber
        recipient.deliveryAddress: {_STREET} {_PLACE}
        recipient.deliveryAddress.extendedFields: {_PARTS}
        recipient.deliveryPreference: dropOffLocation addressInstruction deliveryCapabilities[]
        {_HOURS}.businessHours[]: dayOfWeek
        {_HOURS}.businessHours[].timeWindows[].startTime: hour minute
        {_HOURS}.businessHours[].timeWindows[].endTime: hour minute
        {_HOURS}.exceptionDates[]: exceptionDate exceptionDateType
        {_HOURS}.exceptionDates[].timeWindows[].startTime: hour minute
        {_HOURS}.exceptionDates[].timeWindows[].endTime: hour minute
        payment.paymentExecutions[]: paymentMethod acquirerId cardBrand authorizationCode
        payment.paymentExecutions[].paymentAmount: amount currencyCode
        tax.taxRegistrations[]: entityType legalName taxRegistrationType taxRegistrationNumber
        tax.taxRegistrations[].taxRegistrationAddress: {_STREET} {_PLACE}
        tax.taxRegistrations[].taxRegistrationAddress.extendedFields: {_PARTS}
        tax.taxRegistrations[].taxRegistrationAttributes[]: key value
        tax.taxInvoicing: buyerInvoicePreference invoiceStatus
        orderItems[].product.condition: conditionNote
        orderItems[].product: serialNumbers[]
        orderItems[].product.customization: customizedUrl
        orderItems[].cancellation.cancellationRequest: cancelReason
        orderItems[].cancellation.cancellationExecution: cancelReason
        orderItems[].fulfillment.packing.giftOption: giftMessage
        orderItems[].fulfillment.shipping.internationalShipping: iossNumber
        packages[]: packageReferenceId trackingNumber
        packages[].shipFromAddress: name addressLine1 addressLine2 addressLine3 {_PLACE}
        packages[].packageItems[]: transparencyCodes[]
    """,
    unneeded=f"""
        orderAliases[]: aliasType
        salesChannel: marketplaceName
        proceeds.breakdowns[]: status
        fulfillment: fulfillmentServiceLevel
        fulfillment.shipByWindow: earliestDateTime latestDateTime
        fulfillment.deliverByWindow: earliestDateTime latestDateTime
        fulfillment.labelPrintingWindow: earliestDateTime latestDateTime
        fulfillment.promiseCalculationInputs.transitTime: dataSource
        fulfillment.promiseCalculationInputs.transitTime.details: carrier shippingService
        orderItems[]: programs[]
        orderItems[].measurement: unit value
        orderItems[].associatedOrderItems[]: orderId orderItemId associationType asin
        orderItems[].associatedOrderItems[].purchasePrice: amount currencyCode
        orderItems[].product.condition: conditionType conditionSubtype
        orderItems[].product.price: priceDesignation
        {_OPTIONS}: substitutionType
        {_OPTIONS}.substitutionOptions[]: asin quantityOrdered sellerSku title
        {_OPTIONS}.substitutionOptions[].measurement: unit value
        orderItems[].fulfillment.packing.giftOption: giftWrapLevel
        orderItems[].fulfillment.packing.serialNumberRequirement: requirementType
        orderItems[].fulfillment.shipping.scheduledDeliveryWindow: earliestDateTime latestDateTime
        {_CONSTRAINTS}: palletDelivery cashOnDelivery signatureConfirmation
        {_CONSTRAINTS}: recipientIdentityVerification recipientAgeVerification
        orderItems[].tax.taxCalculationBreakdowns[]: reportingScheme
        orderItems[].tax.taxCollections[]: model responsibleParty
        packages[]: createdTime carrier shipTime shippingService
        packages[].packageStatus: status detailedStatus
        packages[].packageItems[]: orderItemId quantity
        fulfillmentOrders[]: fulfillmentOrderId
    """,
)

SEARCH_ORDERS = Shape("searchOrders", _SearchOrders, under("orders[]", DROPPED_FROM_ORDER))
GET_ORDER = Shape("getOrder", _GetOrder, under("order", DROPPED_FROM_ORDER))


def decode_orders_page(body: bytes) -> OrdersPage:
    """Decode an answer of searchOrders.

    Raises:
        DriftedError: it has another shape; see `Shape.decode`.
        UnavailableError: it is incomplete.
    """
    page = SEARCH_ORDERS.decode(body)
    token = page.pagination.next_token if page.pagination else None
    return OrdersPage(
        tuple(page.orders),
        token or None,
        page.created_before,
        page.last_updated_before,
        SEARCH_ORDERS.drift(body),
    )


def decode_order(body: bytes) -> tuple[Order, tuple[str, ...]]:
    """Decode an answer of getOrder.

    Returns:
        The order, and the paths that are new to us.

    Raises:
        DriftedError: it has another shape; see `Shape.decode`.
        UnavailableError: it is incomplete.
    """
    return GET_ORDER.decode(body).order, GET_ORDER.drift(body)
