"""Reduction of Finances API and settlement money to rows of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from theseller.amazon.charge_classifier import ChargeType, fold
from theseller.amazon.decoders.transactions import Transaction, TransactionLine
from theseller.amazon.reports import SettlementLine
from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.ingest.facts.fact_row_types import LedgerRow
from theseller.ingest.facts.local_days import LocalDays
from theseller.ingest.facts.store_attribution import SellerStores
from theseller.lib.marketplaces import MARKETPLACES, Marketplace

_PRINCIPAL = frozenset({ChargeType.PRINCIPAL, ChargeType.REFUND_PRINCIPAL})
_SETTLEMENT_FIELDS = attrgetter(*SettlementLine.__struct_fields__)
_marketplace_of = itemgetter(SettlementLine.__struct_fields__.index("marketplace"))


@dataclass(slots=True)
class LedgerMinimizer:
    """Turns the money lines of one write into ledger rows.

    `too_old`: lines left out because facts of their age are not kept. `replaced`: keys of deferred
    transactions whose release is stored in their place.
    """

    at: datetime
    too_old: int = 0
    replaced: set[str] = field(default_factory=set)
    _days: LocalDays = field(default_factory=LocalDays)

    def transactions(
        self, transactions: Iterable[Transaction], stores: SellerStores
    ) -> list[LedgerRow]:
        """Return the rows of transactions of the Finances API.

        The quantity of an item is on one of its lines only, so that a sum counts units once.
        """
        rows: list[LedgerRow] = []
        for transaction in _once(transactions):
            if transaction.posted_at < oldest_kept(self.at):
                self.too_old += len(transaction.lines)
            elif fold(transaction.status or "") == "deferredreleased" and _other(
                transaction, "RELEASE_TRANSACTION_ID"
            ):
                # Its money is in the transaction that it names.
                self.replaced.add(transaction.key)
            else:
                rows += self._transaction(transaction, stores)
        return rows

    def _transaction(self, transaction: Transaction, stores: SellerStores) -> list[LedgerRow]:
        named = MARKETPLACES.get(transaction.marketplace_id or "")
        marketplace = named or stores.only(transaction.currency)
        bearers = _quantity_bearers(transaction.lines)
        deferred = _is_deferred(transaction)
        common: dict[str, Any] = {
            "local_day": self._day(marketplace, transaction.posted_at),
            "source_key": transaction.key,
            "marketplace_id": marketplace.id if marketplace else "",
            "posted_at": transaction.posted_at,
            "state": "deferred" if deferred else "released",
            "transaction_type": transaction.type,
            "order_id": transaction.order_id or None,
            "supersedes": None if deferred else _other(transaction, "DEFERRED_TRANSACTION_ID"),
            "settlement_id": transaction.settlement_id or None,
            "group_id": transaction.identifier("FINANCIAL_EVENT_GROUP_ID") or None,
            "store_named": named is not None,
            "matures_at": transaction.matures_at if deferred else None,
        }
        quantities = {
            line.position: transaction.items[line.item].quantity
            for line in transaction.lines
            if line.item is not None and line.position in bearers
        }
        return [
            LedgerRow(
                **common,
                source_line=line.position,
                kind=line.kind.value,
                breakdown="/".join(line.path),
                currency=line.currency,
                amount=line.amount,
                quantity=quantities.get(line.position),
                sku=line.sku,
                asin=line.asin,
            )
            for line in transaction.lines
        ]

    def settlement(self, lines: Iterable[ReportRow], stores: SellerStores) -> list[LedgerRow]:
        """Return the rows of one settlement.

        One line of each item has the item's quantity.
        """
        taken = [line if type(line) is tuple else _SETTLEMENT_FIELDS(line) for line in lines]
        main_store = _main_store(taken)
        seen: set[tuple[str, ...]] = set()
        rows: list[LedgerRow] = []
        for (
            number,
            settlement,
            type_,
            order,
            adjustment,
            shipment,
            _,
            marketplace,
            amount_type,
            description,
            charge_type,
            amount,
            currency,
            _,
            posted,
            _,
            item,
            sku,
            quantity,
            _,
        ) in taken:
            if posted < oldest_kept(self.at):
                self.too_old += 1
                continue
            named = marketplace or main_store
            store = named or stores.only(currency)
            bearer: int | None = None
            bought = (type_, order, item, adjustment, shipment)
            if quantity and charge_type in _PRINCIPAL and bought not in seen:
                seen.add(bought)
                bearer = quantity
            rows.append(
                LedgerRow(
                    local_day=self._day(store, posted),
                    source_key=settlement,
                    source_line=number,
                    marketplace_id=store.id if store else "",
                    posted_at=posted,
                    state="settled",
                    kind=charge_type.value,
                    transaction_type=type_,
                    breakdown=f"{amount_type}/{description}",
                    currency=currency,
                    amount=amount,
                    quantity=bearer,
                    order_id=order or None,
                    sku=sku or None,
                    asin=None,
                    supersedes=None,
                    settlement_id=None,
                    group_id=None,
                    store_named=named is not None,
                    matures_at=None,
                )
            )
        return rows

    def _day(self, store: Marketplace | None, instant: datetime) -> date:
        """Return the local day on which money is posted.

        The store's day, or the UTC day where no store is known.
        """
        return self._days.day(store, instant) if store else instant.astimezone(UTC).date()


def _is_deferred(transaction: Transaction) -> bool:
    return fold(transaction.status or "") == "deferred"


def _once(transactions: Iterable[Transaction]) -> Iterable[Transaction]:
    """Return each transaction once, as it was stated last.

    A page may repeat one. What is released is not deferred again, and identifiers that the last
    statement leaves out are kept.
    """
    found: dict[str, Transaction] = {}
    for transaction in transactions:
        known = found.get(transaction.key)
        if known is None:
            found[transaction.key] = transaction
        elif _is_deferred(known) or not _is_deferred(transaction):
            names = {name for name, _ in transaction.identifiers}
            kept = ((name, value) for name, value in known.identifiers if name not in names)
            identifiers = (*transaction.identifiers, *kept)
            found[transaction.key] = msgspec.structs.replace(transaction, identifiers=identifiers)
    return found.values()


def _other(transaction: Transaction, name: str) -> str | None:
    """Return the ID of another transaction that `transaction` names.

    None if it names none or itself.
    """
    value = transaction.identifier(name)
    return value if value and value != transaction.key else None


def _main_store(lines: list[Any]) -> Marketplace | None:
    """Return the store that most lines of a settlement name, or None.

    Subscription and storage fees, which name no store, are booked there.
    """
    counts = Counter(store.id for store in map(_marketplace_of, lines) if store is not None)
    return MARKETPLACES[max(sorted(counts), key=counts.__getitem__)] if counts else None


def _quantity_bearers(lines: Iterable[TransactionLine]) -> set[int]:
    """Return the positions of lines that carry their item's quantity.

    For each item its principal, else its first line, so that a sum counts units once.
    """
    best: dict[int, tuple[bool, int]] = {}
    for line in lines:
        if line.item is not None:
            rank = (line.kind not in _PRINCIPAL, line.position)
            best[line.item] = min(best.get(line.item, rank), rank)
    return {position for _, position in best.values()}
