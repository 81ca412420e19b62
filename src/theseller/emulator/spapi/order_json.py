"""One order in the shape of Orders 2026-01-01.

Sections that were not requested are absent. Personal data that needs no role is always present.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from theseller.emulator import invented_buyers
from theseller.emulator.amount_and_time_formats import instant, money
from theseller.emulator.canary_texts import canary
from theseller.emulator.world.order_types import Line, Order

SECTIONS = (
    "BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT",
    "PACKAGES", "TAX", "PAYMENT", "FULFILLMENT_ORDERS",
)  # fmt: skip
#: With one of these, Amazon prints who receives a parcel, and the street; without, only about where
#: that is.
OPENS_RECIPIENTS = frozenset(
    {
        "Direct to Consumer Shipping (Restricted)",
        "Tax Invoicing (Restricted)",
        "Tax Remittance (Restricted)",
    }
)
_RESTRICTED_PARTS = (
    "name",
    "companyName",
    "addressLine1",
    "addressLine2",
    "addressLine3",
    "phone",
    "extendedFields",
)
Json = dict[str, Any]


class OrderWriter:
    """Writer of orders as they are at one instant.

    Orders have the sections of one request, for a seller who granted `roles`. `plausible`:
    recipients of parcels and gift messages are invented to look real, and carry no canaries.
    """

    def __init__(
        self,
        seed: int,
        at: datetime,
        sections: frozenset[str],
        roles: frozenset[str] = OPENS_RECIPIENTS,
        *,
        plausible: bool = False,
    ) -> None:
        self.seed, self.at, self.sections, self.opened = (
            seed,
            at,
            sections,
            bool(roles & OPENS_RECIPIENTS),
        )
        self.plausible = plausible and self.opened

    def plant(self, order: Order, path: str, suffix: str = "") -> str:
        """Return the canary of `path` in the order."""
        return canary(self.seed, path, order.id + suffix)

    def write(self, order: Order) -> Json:
        """Return the order with the requested sections."""
        store = order.store.marketplace
        channel: Json = {"channelName": "NON_AMAZON"}
        if not order.off_amazon:
            channel = {
                "channelName": "AMAZON",
                "marketplaceId": store.id,
                "marketplaceName": store.sales_channel,
            }
        body: Json = {
            "orderId": order.id,
            "createdTime": instant(order.created),
            "lastUpdatedTime": instant(order.last_updated(self.at)),
            "programs": (
                (["AMAZON_BUSINESS"] if order.business else [])
                + (["PRIME"] if order.by_amazon else [])
            ),
            "salesChannel": channel,
            "orderItems": [self._item(order, line) for line in order.lines],
        }
        if order.replaces:
            body["associatedOrders"] = [
                {"orderId": order.replaces, "associationType": "REPLACEMENT_ORIGINAL_ID"}
            ]
        for section, add in (
            ("BUYER", self._buyer),
            ("RECIPIENT", self._recipient),
            ("PROCEEDS", self._proceeds),
            ("PAYMENT", self._payment),
            ("TAX", self._tax),
            ("FULFILLMENT", self._fulfillment),
            ("PACKAGES", self._packages),
        ):
            if section in self.sections:
                body.update(add(order))
        return body

    def priced(self, order: Order) -> bool:
        """Say whether the order shows money.

        Pending orders show none, except in Japan, where a developer saw it
        (selling-partner-api-models#5139).
        """
        return order.status(self.at) != "PENDING" or order.store.marketplace.code == "JP"

    def _buyer(self, order: Order) -> Json:
        name = self.plant(order, "buyer.buyerName")
        mail = self.plant(order, "buyer.buyerEmail")
        return {
            "buyer": {
                "buyerName": f"{name} Miller",
                "buyerEmail": (
                    f"{mail}@marketplace.{order.store.marketplace.sales_channel.casefold()}"
                ),
                "buyerCompanyName": f"{self.plant(order, 'buyer.buyerCompanyName')} Ltd",
                "buyerPurchaseOrderNumber": (
                    f"PO-{self.plant(order, 'buyer.buyerPurchaseOrderNumber')}"
                ),
            }
        }

    def _address(self, order: Order, path: str) -> Json:
        address: Json = {"countryCode": order.destination, "addressType": "RESIDENTIAL"}
        for part in (
            "name",
            "companyName",
            "addressLine1",
            "addressLine2",
            "addressLine3",
            "city",
            "districtOrCounty",
        ):
            address[part] = self.plant(order, f"{path}.{part}")
        for part in ("stateOrRegion", "municipality", "postalCode"):
            address[part] = self.plant(order, f"{path}.{part}")
        address["phone"] = f"+1 555 {self.plant(order, f'{path}.phone')}"
        extended = ("streetName", "streetNumber", "complement", "neighborhood")
        address["extendedFields"] = {
            part: self.plant(order, f"{path}.extendedFields.{part}") for part in extended
        }
        return address

    def _recipient(self, order: Order) -> Json:
        if self.plausible:
            return {"recipient": {"deliveryAddress": invented_buyers.address(self.seed, order)}}
        path = "recipient.deliveryPreference"
        preference = {
            "dropOffLocation": f"Behind the shed {self.plant(order, f'{path}.dropOffLocation')}",
            "addressInstruction": f"Ring twice {self.plant(order, f'{path}.addressInstruction')}",
            "deliveryTime": {
                "businessHours": [
                    {
                        "dayOfWeek": "MON",
                        "timeWindows": [
                            {
                                "startTime": {"hour": 9, "minute": 0},
                                "endTime": {"hour": 17, "minute": 30},
                            }
                        ],
                    }
                ]
            },
            "deliveryCapabilities": [
                "HAS_ACCESS_POINT",
                self.plant(order, f"{path}.deliveryCapabilities[]"),
            ],
        }
        address = self._address(order, "recipient.deliveryAddress")
        if not self.opened:
            # The postal code stays: in some regions it comes without the role.
            return {
                "recipient": {
                    "deliveryAddress": {
                        part: address[part] for part in address if part not in _RESTRICTED_PARTS
                    }
                }
            }
        return {"recipient": {"deliveryAddress": address, "deliveryPreference": preference}}

    def _breakdowns(self, order: Order, lines: tuple[Line, ...], *, detailed: bool) -> list[Json]:
        """Return the proceeds by category; they sum to the total.

        Where the price contains the tax there is no TAX entry.
        """
        currency = order.store.marketplace.currency
        entries: list[Json] = []
        parts: list[tuple[str, list[tuple[str, int]]]] = [
            ("ITEM", [("ITEM", sum(line.price for line in lines))]),
            ("SHIPPING", [("SHIPPING", sum(line.shipping for line in lines))]),
            ("GIFT_WRAP", [("GIFT_WRAP", sum(line.gift_wrap for line in lines))]),
        ]
        if not order.store.marketplace.tax_included:
            taxes = [
                ("ITEM", sum(line.tax for line in lines)),
                ("SHIPPING", sum(line.shipping_tax for line in lines)),
            ]
            parts.append(
                ("TAX", [*taxes, ("GIFT_WRAP", sum(line.gift_wrap_tax for line in lines))])
            )
        discounts = [
            ("ITEM", -sum(line.discount for line in lines)),
            ("SHIPPING", -sum(line.shipping_discount for line in lines)),
        ]
        parts.append(("DISCOUNT", discounts))
        for category, details in parts:
            subtotal = sum(value for _, value in details)
            if not subtotal and category != "ITEM":
                continue
            entry: Json = {"type": category, "subtotal": money(subtotal, currency)}
            if detailed and category in {"TAX", "DISCOUNT"}:
                entry["detailedBreakdowns"] = [
                    {"subtype": name, "value": money(value, currency)}
                    for name, value in details
                    if value
                ]
            entries.append(entry)
        return entries

    def _total(self, order: Order, lines: tuple[Line, ...]) -> Json:
        store = order.store.marketplace
        return money(
            sum(line.total(tax_included=store.tax_included) for line in lines), store.currency
        )

    def _proceeds(self, order: Order) -> Json:
        if not self.priced(order):
            return {}
        return {
            "proceeds": {
                "grandTotal": self._total(order, order.lines),
                "breakdowns": self._breakdowns(order, order.lines, detailed=False),
            }
        }

    def _payment(self, order: Order) -> Json:
        path = "payment.paymentExecutions[]"
        execution = {
            "paymentMethod": "CreditCard",
            "paymentAmount": self._total(order, order.lines),
        }
        execution |= {
            part: self.plant(order, f"{path}.{part}")
            for part in ("acquirerId", "cardBrand", "authorizationCode")
        }
        return {"payment": {"paymentExecutions": [execution]}}

    def _tax(self, order: Order) -> Json:
        path = "tax.taxRegistrations[]"
        registration = {
            "entityType": "BUYER",
            "legalName": f"{self.plant(order, f'{path}.legalName')} GmbH",
            "taxRegistrationType": "VAT",
            "taxRegistrationNumber": self.plant(order, f"{path}.taxRegistrationNumber"),
            "taxRegistrationAddress": self._address(order, f"{path}.taxRegistrationAddress"),
            "taxRegistrationAttributes": [
                {
                    "key": "TAX_OFFICE",
                    "value": self.plant(order, f"{path}.taxRegistrationAttributes[].value"),
                }
            ],
        }
        return {
            "tax": {
                "taxRegistrations": [registration],
                "taxInvoicing": {"buyerInvoicePreference": "INDIVIDUAL"},
            }
        }

    def _fulfillment(self, order: Order) -> Json:
        ship_by, deliver_by = order.paid + timedelta(days=2), order.paid + timedelta(days=6)
        return {
            "fulfillment": {
                "fulfillmentStatus": order.status(self.at),
                "fulfilledBy": "AMAZON" if order.by_amazon else "MERCHANT",
                "fulfillmentServiceLevel": order.service_level,
                "shipByWindow": {
                    "earliestDateTime": instant(order.paid),
                    "latestDateTime": instant(ship_by),
                },
                "deliverByWindow": {
                    "earliestDateTime": instant(ship_by),
                    "latestDateTime": instant(deliver_by),
                },
            }
        }

    def _packages(self, order: Order) -> Json:
        """Only for what the merchant ships, and only once it is shipped."""
        if (
            order.by_amazon
            or order.shipped is None
            or order.status(self.at) != "SHIPPED"
            or order.delivered is None
        ):
            return {}
        address: Json = {"countryCode": order.destination}
        for part in (
            "name",
            "addressLine1",
            "addressLine2",
            "addressLine3",
            "city",
            "districtOrCounty",
            "stateOrRegion",
            "municipality",
            "postalCode",
        ):
            address[part] = self.plant(order, f"packages[].shipFromAddress.{part}")
        arrived = self.at >= order.delivered
        contents = [
            {
                "orderItemId": line.item_id,
                "quantity": line.quantity,
                "transparencyCodes": [
                    self.plant(order, "packages[].packageItems[].transparencyCodes[]", line.item_id)
                ],
            }
            for line in order.lines
        ]
        package = {
            "packageReferenceId": "1",
            "createdTime": instant(order.shipped - timedelta(hours=2)),
            "packageStatus": (
                {"status": "DELIVERED", "detailedStatus": "DELIVERED"}
                if arrived
                else {"status": "IN_TRANSIT"}
            ),
            "carrier": "UPS",
            "shipTime": instant(order.shipped),
            "shippingService": "Ground",
            "trackingNumber": f"1Z{self.plant(order, 'packages[].trackingNumber')}",
            "shipFromAddress": address,
            "packageItems": contents,
        }
        return {"packages": [package]}

    def _product(self, order: Order, line: Line) -> Json:
        note = self.plant(order, "orderItems[].product.condition.conditionNote", line.item_id)
        image = self.plant(order, "orderItems[].product.customization.customizedUrl", line.item_id)
        return {
            "asin": line.product.asin,
            "title": line.product.title(order.store),
            "sellerSku": line.product.sku,
            "condition": {
                "conditionType": "NEW",
                "conditionSubtype": "NEW",
                "conditionNote": f"Packed by {note}",
            },
            "serialNumbers": [
                self.plant(order, "orderItems[].product.serialNumbers[]", line.item_id)
            ],
            "customization": {"customizedUrl": f"https://zme-caps.example/{image}.zip"},
        }

    def _item(self, order: Order, line: Line) -> Json:
        product, currency = self._product(order, line), order.store.marketplace.currency
        item: Json = {
            "orderItemId": line.item_id,
            "quantityOrdered": line.quantity,
            "product": product,
        }
        if self.priced(order):
            product["price"] = {"unitPrice": money(line.unit_price, currency)}
            if order.business:
                product["price"]["priceDesignation"] = "BUSINESS_PRICE"
            if "PROCEEDS" in self.sections:
                item["proceeds"] = {
                    "proceedsTotal": self._total(order, (line,)),
                    "breakdowns": self._breakdowns(order, (line,), detailed=True),
                }
        if "EXPENSE" in self.sections and currency == "JPY" and line.price:
            points = line.price // 100
            item["expense"] = {
                "pointsCost": {
                    "pointsGranted": {
                        "pointsNumber": points,
                        "pointsMonetaryValue": money(points, currency),
                    }
                }
            }
        if "PROMOTION" in self.sections and line.promotion_ids:
            item["promotion"] = {
                "breakdowns": [{"promotionId": promotion} for promotion in line.promotion_ids]
            }
        if "CANCELLATION" in self.sections and order.status(self.at) == "CANCELLED":
            item["cancellation"] = self._cancellation(order, line)
        if "FULFILLMENT" in self.sections:
            item["fulfillment"] = self._item_fulfillment(order, line)
        if "TAX" in self.sections:
            item["tax"] = {
                "taxCollections": [
                    {
                        "model": "MARKETPLACE_FACILITATOR",
                        "responsibleParty": "Amazon Services, Inc.",
                    }
                ]
            }
        return item

    def _cancellation(self, order: Order, line: Line) -> Json:
        path = "orderItems[].cancellation"
        request = (
            "Bought twice"
            f" {self.plant(order, f'{path}.cancellationRequest.cancelReason', line.item_id)}"
        )
        execution = (
            "No stock"
            f" {self.plant(order, f'{path}.cancellationExecution.cancelReason', line.item_id)}"
        )
        body: Json = {
            "cancellationExecution": {"cancelledBy": order.cancelled_by, "cancelReason": execution}
        }
        if order.cancelled_by == "BUYER":
            body["cancellationRequest"] = {"requester": "BUYER", "cancelReason": request}
        return body

    def _item_fulfillment(self, order: Order, line: Line) -> Json:
        shipped = order.status(self.at) == "SHIPPED"
        waiting = order.status(self.at) in {"PENDING", "UNSHIPPED"}
        message: str | None = "Happy birthday, {}!".format(
            self.plant(
                order, "orderItems[].fulfillment.packing.giftOption.giftMessage", line.item_id
            )
        )
        if self.plausible:
            message = invented_buyers.gift_message(self.seed, order)
        ioss = self.plant(
            order,
            "orderItems[].fulfillment.shipping.internationalShipping.iossNumber",
            line.item_id,
        )
        return {
            "quantityFulfilled": line.quantity if shipped else 0,
            "quantityUnfulfilled": line.quantity if waiting else 0,
            **(
                {"packing": {"giftOption": {"giftMessage": message, "giftWrapLevel": "STANDARD"}}}
                if message
                else {}
            ),
            "shipping": {"internationalShipping": {"iossNumber": f"IM{ioss}"}},
        }
