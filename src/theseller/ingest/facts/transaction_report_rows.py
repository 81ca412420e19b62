"""Reduction of transaction reports to rows of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.reports import TransactionRow
from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.amazon.reports.transaction_report_columns import AMOUNT_COLUMNS
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.ingest.facts.fact_row_types import LedgerRow
from theseller.ingest.facts.local_days import LocalDays
from theseller.ingest.facts.store_attribution import SellerStores

_FIELDS = attrgetter(*TransactionRow.__struct_fields__)
_LINES = {column: number for number, column in enumerate(AMOUNT_COLUMNS, 1)}
_BEARERS = frozenset({ChargeType.PRINCIPAL, ChargeType.REFUND_PRINCIPAL, ChargeType.LIQUIDATION})


class TransactionReportRows:
    """Turns rows of one file into ledger rows.

    `too_old`: lines left out because facts of their age are not kept.
    """

    def __init__(self, at: datetime) -> None:
        self.too_old = 0
        self._oldest = oldest_kept(at)
        self._days = LocalDays()

    def ledger_rows(self, rows: Iterable[ReportRow], stores: SellerStores) -> list[LedgerRow]:
        """Return a ledger row for each amount that is not zero."""
        seen: Counter[str] = Counter()
        found: list[LedgerRow] = []
        for row in rows:
            taken = row if type(row) is tuple else _FIELDS(row)
            key = _identity(taken)
            seen[key] += 1
            found += self._lines(taken, f"{key}-{seen[key]}", stores)
        return found

    def _lines(self, row: Any, key: str, stores: SellerStores) -> list[LedgerRow]:  # noqa: ANN401
        (
            _, settlement, kind, description, order, sku, units, marketplace, _, currency, _,
            counts_at, deferred, _, amounts,
        ) = row  # fmt: skip
        if counts_at < self._oldest:
            self.too_old += len(amounts)
            return []
        store = marketplace or stores.only(currency)
        common: dict[str, Any] = {
            "local_day": (
                self._days.day(store, counts_at) if store else counts_at.astimezone(UTC).date()
            ),
            "source_key": key,
            "marketplace_id": store.id if store else "",
            "posted_at": counts_at,
            "state": "deferred" if deferred else "released",
            "transaction_type": kind,
            "currency": currency,
            "order_id": order or None,
            "sku": sku or None,
            "asin": None,
            "supersedes": None,
            "settlement_id": settlement or None,
            "group_id": None,
            "store_named": marketplace is not None,
            "matures_at": None,
        }
        return [
            LedgerRow(
                **common,
                source_line=_LINES[column],
                kind=charge_type.value,
                breakdown=f"{column}/{description}" if description else column,
                amount=amount,
                quantity=units if charge_type in _BEARERS else None,
            )
            for column, charge_type, amount in amounts
        ]


def _identity(row: Any) -> str:  # noqa: ANN401
    """Return what makes a transaction the same in another file.

    Whatever the file's language, columns and period. Left out is what Amazon translates or states
    later: the type, the description, the status, the settlement. Rows with one identity in one file
    are numbered.
    """
    _, _, _, _, order, sku, units, _, _, currency, posted, _, _, total, _ = row
    parts = (f"{posted:%Y%m%dT%H%M%S}", order, sku, str(units or 0), currency, f"{total:.4f}")
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
