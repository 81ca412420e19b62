"""Finances 2024-06-19: transactions as lines of money.

They are flattened to the leaves of their breakdown trees. Amazon prints a sum at every level of a
tree, again per item and again per transaction. Only leaves are money lines; every other number is a
check. What the leaves do not explain becomes one line of type `UNCLASSIFIED`, so that lines always
add up to the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from theseller.amazon.charge_classifier import ChargeType, classify_transaction
from theseller.amazon.decoders.response_field_types import (
    Count,
    Currency,
    Instant,
    RecursiveWire,
    Wire,
    check_amount,
    check_instant,
    spell_enums,
)
from theseller.amazon.decoders.response_shape import Shape, dropped


class Amount(Wire, frozen=True):
    """An exact amount with its currency.

    Amazon prints the amount as a JSON number; it is read from its digits, never through a float.
    """

    currency_amount: Decimal
    currency_code: Currency

    def __post_init__(self) -> None:
        check_amount(self.currency_amount)


class Breakdown(RecursiveWire, frozen=True):
    """A node of a breakdown tree."""

    breakdown_type: str = ""
    breakdown_amount: Amount | None = None
    breakdowns: list[Breakdown] | None = None


class RelatedIdentifier(Wire, frozen=True):
    """A named identifier of a transaction, such as its order."""

    related_identifier_name: str = ""
    related_identifier_value: str = ""

    def __post_init__(self) -> None:
        spell_enums(self, "related_identifier_name")


class ItemIdentifier(Wire, frozen=True):
    """A named identifier of an item of a transaction."""

    item_related_identifier_name: str = ""
    item_related_identifier_value: str = ""


class Context(Wire, frozen=True):
    """What a transaction or item says of the product and of deferral.

    Payment references, store names and the like are dropped.
    """

    context_type: str | None = None
    asin: str | None = None
    sku: str | None = None
    quantity_shipped: Count | None = None
    fulfillment_network: str | None = None
    deferral_reason: str | None = None
    maturity_date: Instant | None = None

    def __post_init__(self) -> None:
        if self.maturity_date is not None:
            check_instant(self.maturity_date)


class _Item(RecursiveWire, frozen=True):
    related_identifiers: list[ItemIdentifier] | None = None
    total_amount: Amount | None = None
    breakdowns: list[Breakdown] | None = None
    contexts: list[Context] | None = None


class _Marketplace(Wire, frozen=True):
    marketplace_id: str | None = None


class _Partner(Wire, frozen=True):
    selling_partner_id: str | None = None
    account_type: str | None = None
    marketplace_id: str | None = None


class _Transaction(RecursiveWire, frozen=True):
    posted_date: Instant
    total_amount: Amount
    transaction_type: str = ""
    transaction_id: str | None = None
    transaction_status: str | None = None
    selling_partner_metadata: _Partner | None = None
    marketplace_details: _Marketplace | None = None
    related_identifiers: list[RelatedIdentifier] | None = None
    items: list[_Item] | None = None
    contexts: list[Context] | None = None
    breakdowns: list[Breakdown] | None = None

    def __post_init__(self) -> None:
        check_instant(self.posted_date)
        spell_enums(self, "transaction_status")


class _Payload(RecursiveWire, frozen=True):
    transactions: list[_Transaction] | None = None
    next_token: str | None = None


class _ListTransactions(RecursiveWire, frozen=True):
    payload: _Payload


class TransactionLine(msgspec.Struct, frozen=True, gc=False):
    """One leaf of a transaction.

    `position` counts from 0 within the transaction; `item` is the index into its items, None for
    the transaction as a whole.
    """

    position: int
    path: tuple[str, ...]
    kind: ChargeType
    amount: Decimal
    currency: str
    item: int | None
    sku: str | None
    asin: str | None


class TransactionItem(msgspec.Struct, frozen=True, gc=False):
    """What the money was for.

    `quantity` belongs to the item once, not to each of its lines.
    """

    sku: str | None
    asin: str | None
    quantity: int | None
    fulfillment_network: str | None
    identifiers: tuple[tuple[str, str], ...]


class Transaction(msgspec.Struct, frozen=True):
    """One transaction, its lines adding up to `total` in `currency`.

    `key` is Amazon's transaction id; where Amazon sent none, ``sha256:`` and a hash of type, date,
    identifiers, total and items. A deferred sale comes again as released under the same id: replace
    by key, never add. `mismatches` counts lines that were added to carry a difference.
    """

    key: str
    type: str
    status: str | None
    posted_at: datetime
    total: Decimal
    currency: str
    marketplace_id: str | None
    identifiers: tuple[tuple[str, str], ...]
    items: tuple[TransactionItem, ...]
    lines: tuple[TransactionLine, ...]
    mismatches: int
    deferral_reason: str | None
    matures_at: datetime | None

    def identifier(self, name: str) -> str | None:
        """Return the first identifier with Amazon's `name`.

        Such as ``ORDER_ID`` or ``SETTLEMENT_ID``; None if there is none.
        """
        return next((value for key, value in self.identifiers if key == name), None)

    @property
    def order_id(self) -> str | None:
        """Amazon's order number; None if the transaction has none."""
        return self.identifier("ORDER_ID")

    @property
    def settlement_id(self) -> str | None:
        """The settlement number; None if Amazon names none."""
        return self.identifier("SETTLEMENT_ID")


class TransactionsPage(msgspec.Struct, frozen=True):
    """A page of listTransactions.

    It may be empty and still have a `next_token`: only the token says whether there are more pages.
    `mismatches` is the sum of the transactions'. `selling_partner_ids` are the sellers that Amazon
    names in it: one, or none on an empty page.
    """

    transactions: tuple[Transaction, ...]
    next_token: str | None
    mismatches: int
    drift: tuple[str, ...]
    selling_partner_ids: frozenset[str] = frozenset()


_Leaf = tuple[tuple[str, ...], Amount]
_Draft = tuple[int | None, tuple[str, ...], Amount, ChargeType]


def _tree_leaves(
    breakdowns: Sequence[Breakdown] | None, path: tuple[str, ...] = ()
) -> Iterator[_Leaf]:
    for part in breakdowns or ():
        here = (*path, part.breakdown_type)
        if part.breakdowns:
            yield from _tree_leaves(part.breakdowns, here)
        elif part.breakdown_amount is not None and part.breakdown_amount.currency_amount:
            yield here, part.breakdown_amount


def _remainder(total: Amount, parts: Sequence[Amount]) -> Amount | None:
    """Return what `parts` leave of `total`; None if nothing.

    Parts in another currency explain nothing.
    """
    explained = sum(
        (p.currency_amount for p in parts if p.currency_code == total.currency_code), Decimal(0)
    )
    left = total.currency_amount - explained
    return Amount(left, total.currency_code) if left else None


def _item_drafts(wire: _Transaction, leaves_of_whole: Sequence[_Leaf]) -> Iterator[_Draft]:
    """Yield the lines of each item.

    Its own leaves, or its total under the transaction's only leaf (as reimbursements are printed).
    """
    shared = leaves_of_whole[0][0] if len(leaves_of_whole) == 1 else ()
    for index, item in enumerate(wire.items or ()):
        parts = list(_tree_leaves(item.breakdowns))
        for path, amount in parts:
            yield index, path, amount, classify_transaction(wire.transaction_type, path)
        total = item.total_amount
        if total is None:
            continue
        if not parts and total.currency_amount:
            yield index, shared, total, classify_transaction(wire.transaction_type, shared)
        elif parts and (left := _remainder(total, [amount for _, amount in parts])):
            yield index, (), left, ChargeType.UNCLASSIFIED


def _drafts(wire: _Transaction) -> list[_Draft]:
    """Return the lines of a transaction, adding up to its total.

    Items are more precise than the whole (they have a SKU), so they are preferred; but with several
    leaves in the whole and none in any item, only the whole says what the money is for, and with a
    single item that item may own all of it.
    """
    whole = list(_tree_leaves(wire.breakdowns))
    items = wire.items or ()
    if whole and (not items or (len(whole) > 1 and not any(item.breakdowns for item in items))):
        owner = 0 if len(items) == 1 else None
        drafts: list[_Draft] = [
            (owner, path, amount, classify_transaction(wire.transaction_type, path))
            for path, amount in whole
        ]
    else:
        drafts = list(_item_drafts(wire, whole))
    if not drafts and wire.total_amount.currency_amount:
        return [(None, (), wire.total_amount, classify_transaction(wire.transaction_type, ()))]
    left = _remainder(wire.total_amount, [amount for _, _, amount, _ in drafts])
    return [*drafts, (None, (), left, ChargeType.UNCLASSIFIED)] if left else drafts


def _item(wire: _Item) -> TransactionItem:
    contexts = wire.contexts or []
    context = next((c for c in contexts if c.sku or c.asin), Context())
    identifiers = tuple(
        (i.item_related_identifier_name, i.item_related_identifier_value)
        for i in wire.related_identifiers or ()
    )
    return TransactionItem(
        context.sku,
        context.asin,
        context.quantity_shipped,
        context.fulfillment_network,
        identifiers,
    )


def _key(wire: _Transaction, identifiers: tuple[tuple[str, str], ...]) -> str:
    if wire.transaction_id:
        return wire.transaction_id
    total = (str(wire.total_amount.currency_amount.normalize()), wire.total_amount.currency_code)
    # The status is left out: the same transaction changes it when its money is released.
    parts = (
        wire.transaction_type,
        wire.posted_date.isoformat(),
        sorted(identifiers),
        total,
        [_item(item) for item in wire.items or ()],
    )
    return "sha256:" + hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _transaction(wire: _Transaction) -> Transaction:
    identifiers = tuple(
        (i.related_identifier_name, i.related_identifier_value)
        for i in wire.related_identifiers or ()
    )
    items = tuple(_item(item) for item in wire.items or ())
    lines = tuple(
        TransactionLine(
            position,
            path,
            kind,
            amount.currency_amount,
            amount.currency_code,
            index,
            items[index].sku if index is not None else None,
            items[index].asin if index is not None else None,
        )
        for position, (index, path, amount, kind) in enumerate(_drafts(wire))
    )
    deferral = next(
        (c for c in wire.contexts or () if c.maturity_date or c.deferral_reason), Context()
    )
    marketplace = wire.marketplace_details or wire.selling_partner_metadata
    return Transaction(
        key=_key(wire, identifiers),
        type=wire.transaction_type,
        status=wire.transaction_status,
        posted_at=wire.posted_date,
        total=wire.total_amount.currency_amount,
        currency=wire.total_amount.currency_code,
        marketplace_id=marketplace.marketplace_id if marketplace else None,
        identifiers=identifiers,
        items=items,
        lines=lines,
        mismatches=sum(
            1 for line in lines if line.kind is ChargeType.UNCLASSIFIED and not line.path
        ),
        deferral_reason=deferral.deferral_reason,
        matures_at=deferral.maturity_date,
    )


_OF_CONTEXT = (
    "storeName orderType channel paymentType paymentMethod paymentReference paymentDate startTime"
    " endTime"
)
LIST_TRANSACTIONS = Shape(
    "listTransactions",
    _ListTransactions,
    dropped(
        pii=f"""
        payload.transactions[]: description
        payload.transactions[].contexts[]: {_OF_CONTEXT}
        payload.transactions[].items[].contexts[]: {_OF_CONTEXT}
        """,
        unneeded="""
        payload.transactions[].marketplaceDetails: marketplaceName
        payload.transactions[].items[]: description
        """,
    ),
)


def decode_transactions(body: bytes) -> TransactionsPage:
    """Decode an answer of listTransactions.

    Raises:
        DriftedError: it has another shape; see `Shape.decode`.
        UnavailableError: it is incomplete.
    """

    def build(wire: _ListTransactions) -> TransactionsPage:
        transactions = tuple(_transaction(one) for one in wire.payload.transactions or ())
        mismatches = sum(transaction.mismatches for transaction in transactions)
        partners = (one.selling_partner_metadata for one in wire.payload.transactions or ())
        named = frozenset(
            partner.selling_partner_id
            for partner in partners
            if partner and partner.selling_partner_id
        )
        return TransactionsPage(
            transactions,
            wire.payload.next_token or None,
            mismatches,
            LIST_TRANSACTIONS.drift(body),
            named,
        )

    return LIST_TRANSACTIONS.read(body, build)
