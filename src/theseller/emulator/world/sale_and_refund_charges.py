"""Amazon's charges, in the terms of the settlement report.

Signs are the seller's: income is positive, fees are negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from theseller.emulator.world.order_types import Line
from theseller.emulator.world.products import TIERS, Product
from theseller.emulator.world.sellers import Store


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of money.

    Attributes:
        amount_type: the settlement's amount-type.
        description: the settlement's amount-description.
        amount: whole minor units.
        promotion_id: the promotion, if it is one.
    """

    amount_type: str
    description: str
    amount: int
    promotion_id: str = ""


def referral_fee(store: Store, line: Line) -> int:
    """Return the commission in minor units, positive.

    It is a share of what the buyer pays before tax, at least the worth of 0.30 US dollars.
    """
    if not line.price:
        return 0
    base = line.price - line.discount + line.shipping - line.shipping_discount + line.gift_wrap
    return max(round(base * line.product.referral_rate), round(30 * store.price_factor))


def fulfilment_fee(store: Store, product: Product, quantity: int, day: date) -> int:
    """Return the FBA fee in minor units, positive.

    It is for `quantity` units shipped on `day`: rate card, fuel surcharge and peak season.
    """
    unit = float(TIERS[product.tier][0])
    if store.marketplace.code == "US" and day >= date(2026, 4, 17):
        unit *= 1.035  # The fuel and logistics surcharge of 2026-04-17.
    if (day.month, day.day) >= (10, 15) or (day.month, day.day) <= (1, 14):
        unit += 30
    return round(unit * store.price_factor) * quantity


def sale(store: Store, line: Line, day: date, *, by_amazon: bool) -> tuple[Charge, ...]:
    """Return what the shipment of a line earns and costs."""
    charges = [
        Charge("ItemPrice", "Principal", line.price),
        Charge("ItemPrice", "Shipping", line.shipping),
        Charge("ItemPrice", "GiftWrap", line.gift_wrap),
    ]
    if not store.marketplace.tax_included:
        for description, facilitator, tax in (
            ("Tax", "Principal", line.tax),
            ("ShippingTax", "Shipping", line.shipping_tax),
            ("GiftWrapTax", "Other", line.gift_wrap_tax),
        ):
            charges += [
                Charge("ItemPrice", description, tax),
                Charge("ItemWithheldTax", f"MarketplaceFacilitatorTax-{facilitator}", -tax),
            ]
    charges += _discounts(line)
    charges.append(Charge("ItemFees", "Commission", -referral_fee(store, line)))
    if by_amazon:
        charges.append(
            Charge(
                "ItemFees",
                "FBAPerUnitFulfillmentFee",
                -fulfilment_fee(store, line.product, line.quantity, day),
            )
        )
        charges.append(
            Charge("ItemFees", "ShippingChargeback", -(line.shipping - line.shipping_discount))
        )
        charges.append(Charge("ItemFees", "GiftwrapChargeback", -line.gift_wrap))
    return tuple(charge for charge in charges if charge.amount)


def _discounts(line: Line) -> list[Charge]:
    item = line.promotion_ids[0] if line.discount else ""
    shipping = line.promotion_ids[-1] if line.shipping_discount else ""
    return [
        Charge("Promotion", "Principal", -line.discount, item),
        Charge("Promotion", "Shipping", -line.shipping_discount, shipping),
    ]


def refund(store: Store, line: Line, share: float) -> tuple[Charge, ...]:
    """Return the charges of a refund of `share` of a line.

    Amazon returns its commission except for a part, the refund commission.
    """
    commission = round(referral_fee(store, line) * share)
    charges = [Charge("ItemPrice", "Principal", -round(line.price * share))]
    if not store.marketplace.tax_included:
        tax = round(line.tax * share)
        charges += [
            Charge("ItemPrice", "Tax", -tax),
            Charge("ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", tax),
        ]
    item = line.promotion_ids[0] if line.discount else ""
    charges += [
        Charge("Promotion", "Principal", round(line.discount * share), item),
        Charge("ItemFees", "Commission", commission),
        Charge(
            "ItemFees", "RefundCommission", -min(round(500 * store.price_factor), commission // 5)
        ),
    ]
    return tuple(charge for charge in charges if charge.amount)
