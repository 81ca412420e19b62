"""Financial events in the shape of Finances 2024-06-19.

The leaves of each breakdown tree sum to their parents.

Amazon does not publish the breakdown types. Those here are the ones developers report seeing;
`BREAKDOWN_TYPES` lists them all. The shapes are those of a recorded answer: an item's tree begins
below Sales and Expenses and splits fees into Base and Tax; the tree of a transaction with items
ends at the groups, with ``breakdowns: null``; what is empty is null, and so at times is the status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from theseller.emulator.amount_and_time_formats import currency_amount, instant, instant_exact
from theseller.emulator.canary_texts import canary
from theseller.emulator.world.financial_events import Event, ItemEvent, release_id
from theseller.emulator.world.random_draws import number
from theseller.emulator.world.sale_and_refund_charges import Charge
from theseller.emulator.world.sellers import Store
from theseller.emulator.world.settlement_periods import STANDARD, Period
from theseller.emulator.world.world_queries import World

Json = dict[str, Any]

#: Where a charge is in the tree: (amount-type, amount-description) → path from the root to the
#: leaf.
_PLACES: dict[tuple[str, str], tuple[str, ...]] = {
    ("ItemPrice", "Principal"): ("Sales", "ProductCharges", "OurPricePrincipal"),
    ("ItemPrice", "Shipping"): ("Sales", "Shipping", "ShippingPrincipal"),
    ("ItemPrice", "GiftWrap"): ("Sales", "GiftWrap", "GiftWrapPrincipal"),
    ("ItemPrice", "Tax"): ("Sales", "Tax", "OurPriceTax"),
    ("ItemPrice", "ShippingTax"): ("Sales", "Tax", "ShippingTax"),
    ("ItemPrice", "GiftWrapTax"): ("Sales", "Tax", "GiftWrapTax"),
    ("ItemWithheldTax", "MarketplaceFacilitatorTax-Principal"): (
        "Expenses",
        "MarketplaceFacilitatorTax",
        "MarketplaceFacilitatorTax-Principal",
    ),
    ("ItemWithheldTax", "MarketplaceFacilitatorTax-Shipping"): (
        "Expenses",
        "MarketplaceFacilitatorTax",
        "MarketplaceFacilitatorTax-Shipping",
    ),
    ("ItemWithheldTax", "MarketplaceFacilitatorTax-Other"): (
        "Expenses",
        "MarketplaceFacilitatorTax",
        "MarketplaceFacilitatorTax-Other",
    ),
    ("Promotion", "Principal"): ("Expenses", "PromotionRebates", "OurPriceDiscount"),
    ("Promotion", "Shipping"): ("Expenses", "PromotionRebates", "ShippingDiscount"),
    ("ItemFees", "Commission"): ("Expenses", "AmazonFees", "Commission"),
    ("ItemFees", "RefundCommission"): ("Expenses", "AmazonFees", "RefundCommission"),
    ("ItemFees", "FBAPerUnitFulfillmentFee"): (
        "Expenses",
        "AmazonFees",
        "FBAPerUnitFulfillmentFee",
    ),
    ("ItemFees", "ShippingChargeback"): ("Expenses", "AmazonFees", "ShippingChargeback"),
    ("ItemFees", "GiftwrapChargeback"): ("Expenses", "AmazonFees", "GiftwrapChargeback"),
    ("other-transaction", "Subscription Fee"): ("Expenses", "ServiceFees", "Subscription"),
    ("other-transaction", "Storage Fee"): ("Expenses", "ServiceFees", "FBAStorageFee"),
    ("other-transaction", "StorageRenewalBilling"): (
        "Expenses",
        "ServiceFees",
        "FBALongTermStorageFee",
    ),
    ("other-transaction", "FBAInboundTransportationFee"): (
        "Expenses",
        "ServiceFees",
        "FBAInboundTransportationFee",
    ),
    ("Cost of Advertising", "TransactionTotalAmount"): (
        "Expenses",
        "AdvertisingCharges",
        "ProductAdsPayment",
    ),
    ("other-transaction", "WAREHOUSE_LOST"): (
        "Sales",
        "FBAInventoryReimbursement",
        "WarehouseLost",
    ),
    ("other-transaction", "WAREHOUSE_DAMAGE"): (
        "Sales",
        "FBAInventoryReimbursement",
        "WarehouseDamage",
    ),
    ("other-transaction", "MISSING_FROM_INBOUND"): (
        "Sales",
        "FBAInventoryReimbursement",
        "MissingFromInbound",
    ),
    ("other-transaction", "REVERSAL_REIMBURSEMENT"): (
        "Sales",
        "FBAInventoryReimbursement",
        "ReversalReimbursement",
    ),
    ("other-transaction", "CS_ERROR_ITEMS"): (
        "Sales",
        "FBAInventoryReimbursement",
        "CustomerServiceErrorItems",
    ),
}
_TRANSFER = ("Transfer", "DisbursementAmount")
_BASE, _TAX = "Base", "Tax"
BREAKDOWN_TYPES = tuple(
    sorted({_BASE, _TAX} | {name for place in (*_PLACES.values(), _TRANSFER) for name in place})
)
#: Fees on which Amazon charges value added tax in Europe, shown as a part of the fee.
_TAXED_FEES = frozenset({"FBAPerUnitFulfillmentFee", "ShippingChargeback", "GiftwrapChargeback"})
#: One released transaction in this many has no status, as older ones do not.
_WITHOUT_STATUS = 9


def tree(charges: Iterable[Charge], currency: str) -> list[Json]:
    """Return the whole breakdown tree of some charges.

    Charges with the same path in the tree are one leaf.
    """
    return _branches(
        _summed(
            (_PLACES[charge.amount_type, charge.description], charge.amount) for charge in charges
        ),
        currency,
    )


def _item_tree(charges: Iterable[Charge], store: Store) -> list[Json]:
    """Return an item's breakdown tree.

    It begins with the groups. Each of Amazon's fees consists of its base and, in Europe, of a tax.
    """
    leaves: list[tuple[tuple[str, ...], int]] = []
    for charge in charges:
        place = _PLACES[charge.amount_type, charge.description][1:]
        if place[0] != "AmazonFees":
            leaves.append((place, charge.amount))
            continue
        taxed = store.marketplace.tax_included and place[-1] in _TAXED_FEES
        tax = (
            int(charge.amount / 6) if taxed else 0
        )  # A fifth of the base, without its fraction of a cent.
        leaves.append(((*place, _BASE), charge.amount - tax))
        leaves += [((*place, _TAX), tax)] if tax else []
    return _branches(_summed(leaves), store.marketplace.currency)


def _group_tree(charges: Iterable[Charge], currency: str) -> list[Json]:
    """Return the breakdown tree of a transaction with items.

    It ends at the groups, whose own breakdowns are null.
    """
    places = (
        (_PLACES[charge.amount_type, charge.description][:2], charge.amount) for charge in charges
    )
    branches = _branches(_summed(places), currency)
    for branch in branches:
        for group in branch["breakdowns"]:
            group["breakdowns"] = None
    return branches


def _summed(leaves: Iterable[tuple[tuple[str, ...], int]]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for place, amount in leaves:
        found[place] = found.get(place, 0) + amount
    return found


def _branches(leaves: dict[tuple[str, ...], int], currency: str) -> list[Json]:
    branches: list[Json] = []
    for name in dict.fromkeys(place[0] for place in leaves):
        below = {place[1:]: value for place, value in leaves.items() if place[0] == name}
        branch: Json = {
            "breakdownType": name,
            "breakdownAmount": currency_amount(sum(below.values()), currency),
        }
        branch["breakdowns"] = [] if () in below else _branches(below, currency)
        branches.append(branch)
    return branches


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction of listTransactions; `write` makes its JSON.

    It is an event, the release of a deferred event, or a payout.
    """

    posted: datetime
    id: str
    visible: datetime
    status: str
    write: Callable[[], Json]
    stream: str


class TransactionWriter:
    """Writes the transactions of one seller as seen at one instant."""

    def __init__(self, world: World, seller_id: str, at: datetime) -> None:
        self.world, self.at = world, at
        self.seller = world.sellers[seller_id]

    def entries(self, event: Event) -> list[Entry]:
        """Return the transactions that an event shows at `at`.

        The event itself and, if it was deferred and is released, the transaction that released it.
        """
        stream = self.world.stream_of(self.seller, event)
        if not event.deferral:
            write = partial(self._write, event, event.id, event.posted, "RELEASED")
            return [Entry(event.posted, event.id, event.visible, "RELEASED", write, stream)]
        released = event.settled <= self.at
        twin = release_id(self.world.seed, event)
        status = "DEFERRED_RELEASED" if released else "DEFERRED"
        link = ("RELEASE_TRANSACTION_ID", twin) if released else None
        write = partial(self._write, event, event.id, event.posted, status, link)
        found = [Entry(event.posted, event.id, event.visible, status, write, stream)]
        if released:
            back = ("DEFERRED_TRANSACTION_ID", event.id)
            write = partial(self._write, event, twin, event.settled, "RELEASED", back)
            found.append(Entry(event.settled, twin, event.settled, "RELEASED", write, stream))
        return found

    def _identifiers(self, event: Event, status: str) -> list[tuple[str, str]]:
        found = []
        if event.order:
            found.append(("ORDER_ID", event.order.id))
        if event.shipment_id:
            found.append(("SHIPMENT_ID", event.shipment_id))
        if event.kind in {"Refund", "GuaranteeClaim", "Chargeback"}:
            found.append(("REFUND_ID", event.id[:20]))
        if status == "RELEASED":
            period = self.world.period_of(
                self.seller, event.store, event.settled, self.world.stream_of(self.seller, event)
            )
            found.append(("FINANCIAL_EVENT_GROUP_ID", period.group_id))
            if period.end <= self.at:
                found.append(("SETTLEMENT_ID", period.settlement_id))
        return found

    def _write(
        self,
        event: Event,
        entry_id: str,
        posted: datetime,
        status: str,
        link: tuple[str, str] | None = None,
    ) -> Json:
        store = event.store.marketplace
        identifiers = ([link] if link else []) + self._identifiers(event, status)
        body = self._frame(
            event.kind, entry_id, status, event.description, posted, event.total, store.id
        )
        body["sellingPartnerMetadata"]["accountType"] = self.world.stream_of(self.seller, event)
        body["relatedIdentifiers"] = [
            {"relatedIdentifierName": name, "relatedIdentifierValue": value}
            for name, value in identifiers
        ]
        body["marketplaceDetails"] = {
            "marketplaceId": store.id,
            "marketplaceName": store.sales_channel,
        }
        body["items"] = [self._item(event, item) for item in event.items]
        charges = [*event.charges, *(charge for item in event.items for charge in item.charges)]
        # A reimbursement's items name a total only; the transaction's tree says what it is for.
        whole = not event.items or event.kind == "Adjustment"
        body["breakdowns"] = (
            tree(charges, store.currency) if whole else _group_tree(charges, store.currency)
        )
        body["contexts"] = None
        if not event.deferral and not number(
            self.world.seed, entry_id, "status", below=_WITHOUT_STATUS
        ):
            body["transactionStatus"] = None
        if event.deferral and status != "RELEASED":
            reason = {
                "contextType": "DeferredContext",
                "deferralReason": event.deferral,
                "maturityDate": instant_exact(event.settled),
            }
            body["contexts"] = [reason]
        return body

    def _frame(
        self,
        kind: str,
        entry_id: str,
        status: str,
        description: str,
        posted: datetime,
        total: int,
        marketplace_id: str,
    ) -> Json:
        store = self.seller.store(marketplace_id).marketplace
        return {
            "sellingPartnerMetadata": {
                "sellingPartnerId": self.seller.id,
                "accountType": STANDARD,
                "marketplaceId": marketplace_id,
            },
            "transactionType": kind,
            "transactionId": entry_id,
            "transactionStatus": status,
            "description": description,
            "postedDate": instant(posted),
            "totalAmount": currency_amount(total, store.currency),
        }

    def _item(self, event: Event, item: ItemEvent) -> Json:
        store = event.store
        network = "AFN" if (event.order.by_amazon if event.order else True) else "MFN"
        context = {
            "contextType": "ProductContext",
            "asin": item.product.asin,
            "sku": item.product.sku,
            "quantityShipped": item.quantity,
        }
        adjustment = item.adjustment_id or (item.line.item_id if item.line else "")
        related = [
            {
                "itemRelatedIdentifierName": "ORDER_ADJUSTMENT_ITEM_ID",
                "itemRelatedIdentifierValue": adjustment,
            }
        ]
        return {
            "description": item.product.title(store),
            "relatedIdentifiers": related if adjustment else [],
            "totalAmount": currency_amount(
                sum(charge.amount for charge in item.charges), store.marketplace.currency
            ),
            "contexts": [context | {"fulfillmentNetwork": network}],
            "breakdowns": None if event.kind == "Adjustment" else _item_tree(item.charges, store),
        }

    def payout(self, period: Period) -> Entry | None:
        """Return the transfer of a closed settlement to the bank.

        None if nothing was paid out.
        """
        settled, opening, closing = self.world.settlement(period)
        total = sum(event.total for event in settled) + opening - closing
        if total <= 0:
            return None
        entry_id = period.group_id[::-1]
        write = partial(self._write_payout, period, entry_id, total)
        return Entry(period.deposit, entry_id, period.deposit, "RELEASED", write, period.stream)

    def _write_payout(self, period: Period, entry_id: str, total: int) -> Json:
        store = period.store.marketplace
        body = self._frame(
            "Transfer",
            entry_id,
            "RELEASED",
            "Transfer to bank account",
            period.deposit,
            -total,
            store.id,
        )
        body["sellingPartnerMetadata"]["accountType"] = period.stream
        body["relatedIdentifiers"] = [
            {
                "relatedIdentifierName": "FINANCIAL_EVENT_GROUP_ID",
                "relatedIdentifierValue": period.group_id,
            },
            {"relatedIdentifierName": "DISBURSEMENT_ID", "relatedIdentifierValue": entry_id[:16]},
            {
                "relatedIdentifierName": "SETTLEMENT_ID",
                "relatedIdentifierValue": period.settlement_id,
            },
        ]
        body["marketplaceDetails"] = {
            "marketplaceId": store.id,
            "marketplaceName": store.sales_channel,
        }
        reference = canary(
            self.world.seed,
            "payload.transactions[].contexts[].paymentReference",
            period.settlement_id,
        )
        body["contexts"] = [
            {
                "contextType": "PaymentsContext",
                "paymentType": "Disbursement",
                "paymentMethod": "ACH",
                "paymentReference": reference,
                "paymentDate": instant_exact(period.deposit),
            }
        ]
        body["items"] = []
        body["breakdowns"] = _branches({_TRANSFER: -total}, store.currency)
        return body
