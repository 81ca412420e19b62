"""Amazon's roles that we may request of a seller, in plain words.

No restricted role is among `ROLES`, so none can be requested by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """An unrestricted Selling Partner API role, by Amazon's own name."""

    FINANCE_AND_ACCOUNTING = "Finance and Accounting"
    INVENTORY_AND_ORDER_TRACKING = "Inventory and Order Tracking"
    AMAZON_FULFILLMENT = "Amazon Fulfillment"
    PRODUCT_LISTING = "Product Listing"
    SELLING_PARTNER_INSIGHTS = "Selling Partner Insights"
    PRICING = "Pricing"
    BRAND_ANALYTICS = "Brand Analytics"


#: Amazon's roles that need an architecture review because they open personal data. Named so that a
#: check can look for them.
RESTRICTED_ROLES = frozenset(
    {"Direct-to-Consumer Shipping", "Tax Invoicing", "Tax Remittance", "Professional Services"}
)


class RestrictedRole(StrEnum):
    """A restricted role that a feature of ours can use.

    The operator's application must have it, and the configuration must say so.
    """

    DIRECT_TO_CONSUMER_SHIPPING = "Direct-to-Consumer Shipping"

    @property
    def at_amazon(self) -> str:
        """The role as Amazon's consent page lists it."""
        return f"{self.value.replace('-', ' ')} (Restricted)"


@dataclass(frozen=True, slots=True)
class RoleText:
    """What a role allows at Amazon, and what of that we read.

    Two sentences for the consent page.
    """

    amazon_allows: str
    we_read: str


RESTRICTED: Mapping[RestrictedRole, RoleText] = MappingProxyType(
    {
        RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING: RoleText(
            "Amazon lets an application with this role read the names and addresses of buyers whose"
            " orders you ship yourself.",
            "We read nothing by it unless an owner of your shop turns packing slips on: then the"
            " recipient of one order at a time, when one of your team asks for its slip. It is"
            " deleted 30 days after the shipment at the latest.",
        )
    }
)
ROLES: Mapping[Role, RoleText] = MappingProxyType(
    {
        Role.FINANCE_AND_ACCOUNTING: RoleText(
            "Amazon lets an application with this role read your transactions, balances, payouts"
            " and settlement reports, and orders.",
            "We read transactions and settlement reports: amounts, fees, dates, order numbers and"
            " SKUs.",
        ),
        Role.INVENTORY_AND_ORDER_TRACKING: RoleText(
            "Amazon lets an application with this role read orders, order metrics and order"
            " reports, without what shipping a parcel needs.",
            "We read order numbers, dates, status, products, quantities and amounts. Nothing about"
            " the buyer is read by this role.",
        ),
        Role.AMAZON_FULFILLMENT: RoleText(
            "Amazon lets an application with this role read and manage stock and shipments in"
            " Amazon's warehouses.",
            "We read how many units of each product Amazon holds, reserves and receives. We change"
            " nothing.",
        ),
        Role.PRODUCT_LISTING: RoleText(
            "Amazon lets an application with this role read and change your listings.",
            "Nothing today: no feature asks for it.",
        ),
        Role.SELLING_PARTNER_INSIGHTS: RoleText(
            "Amazon lets an application with this role read your account's stores and performance.",
            "Nothing today: no feature asks for it.",
        ),
        Role.PRICING: RoleText(
            "Amazon lets an application with this role read competing offers and prices.",
            "Nothing today: no feature asks for it.",
        ),
        Role.BRAND_ANALYTICS: RoleText(
            "Amazon lets an application of a brand owner read visits, searches and conversion.",
            "We read sessions, page views, units and sales by day and product. No searches, and"
            " nothing about visitors.",
        ),
    }
)
