"""Decode transaction reports.

Monthly, Date Range and Unified Transaction CSV. A row is one transaction with an amount in each
column; the amounts of each row must add up to its total, or the file is refused. Two equal rows are
two transactions. Where the buyer lives is in columns that are never read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from theseller.amazon.charge_classifier import ChargeType, fold
from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.cell_parsers import Cached
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.flat_file_header import Header, Recognized
from theseller.amazon.reports.format_types import FlatFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import ReportType, SettlementSummary
from theseller.amazon.reports.transaction_report_charges import (
    charge_type,
    english_type,
    is_of_order,
)
from theseller.amazon.reports.transaction_report_columns import AGAIN, AMOUNT_COLUMNS
from theseller.amazon.reports.transaction_report_dates import moment, moment_or_day
from theseller.amazon.reports.transaction_report_survey import Survey, rows_of
from theseller.lib.marketplaces import Marketplace, by_sales_channel
from theseller.lib.translation_marks import gettext_noop, marked


class TransactionRow(msgspec.Struct, frozen=True):
    """One transaction. A tuple row has the same values in the same order.

    `type` is Amazon's English name where it is known. `description` is blank where it names a
    product or a bank account. `marketplace` is the store that the row names, or the only one that
    rows of its settlement name; `store_named`: whether the row names it. `counts_at` is when
    Amazon released a deferred transaction, else `posted_at`; where the file prints only the day,
    it is the day's beginning in the store. `amounts` are (column, charge type, amount) without
    zeros.
    """

    line_number: int
    settlement_id: str
    type: str
    description: str
    order_id: str
    sku: str
    quantity: int | None
    marketplace: Marketplace | None
    store_named: bool
    currency: str
    posted_at: datetime
    counts_at: datetime
    deferred: bool
    total: Decimal
    amounts: tuple[tuple[str, ChargeType, Decimal], ...]


_MARKETPLACE, _COUNTS = (
    TransactionRow.__struct_fields__.index(name) for name in ("marketplace", "counts_at")
)
_LONGEST = 300
_ORDER = re.compile(r"[A-Za-z0-9-]{0,40}")
_SETTLEMENT = re.compile(r"[A-Za-z0-9]{0,40}")
_DEFERRED = (
    "Deferred|Zurückgestellt|Aufgeschoben|Verzögert|Zurückgehalten|Différé|Différée|Reporté"
    "|Diferido|Diferida|Aplazado|Aplazada|Differito|Differita|Posticipato|Uitgesteld|Uppskjuten"
    "|Uppskjutet|Odroczona|Odroczone|Odroczony|Ertelendi|Ertelenmiş|Adiado|Adiada|保留|保留中"
    "|繰延|延期"
)
_RELEASED = (
    "Released|Freigegeben|Veröffentlicht|Sorti|Sortie|Libéré|Libérée|Délivré|Délivrée|Liberado"
    "|Liberada|Rilasciato|Rilasciata|Vrijgegeven|Uitgebracht|Gepubliceerd|Utgiven|Frisläppt"
    "|Utbetald|Zwolniona|Zwolnione|Zwolniono|Wydano|Serbest bırakıldı|Yayınlandı|開始|解放済み"
    "|リリース済み|公開済み|支払い済み"
)
_IS_DEFERRED = dict.fromkeys(map(fold, _DEFERRED.split("|")), True) | dict.fromkeys(
    map(fold, ("", *_RELEASED.split("|"))), False
)


class TransactionDecoder:
    """Turns the rows of a report into transactions and findings."""

    def __init__(self, header: Header, report: OpenReport) -> None:
        self.header = header
        self.findings = Findings(report.source.limits)
        self.summary: SettlementSummary | None = None
        self._columns = [column for column in AMOUNT_COLUMNS if column in header.positions]
        self._survey = Survey(header, self._columns, report)
        self._amount = Cached(self._survey.notation.amount)
        self._moment, self._release = Cached(moment), Cached(moment_or_day)
        self._type = Cached(english_type)
        self._kind = lru_cache(4096)(charge_type)

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows, batch by batch.

        Raises:
            ReportRefusedError: the amounts of a row do not add up to its total.
        """
        rows: list[tuple[Any, ...]] = []
        for number, cells in rows_of(report, self.header):
            if len(cells) != self.header.width:
                many = len(cells) > self.header.width
                reason = (
                    gettext_noop("more cells than the header has columns")
                    if many
                    else gettext_noop("fewer cells than the header has columns")
                )
                self.findings.refuse(number, "", reason)
                continue
            row = self._row(number, cells)
            if row is not None:
                rows.append(row)
            if len(rows) >= 2_000:
                self._note(rows)
                yield rows
                rows = []
        self._note(rows)
        yield rows

    def _cell(self, cells: list[str], column: str) -> str:
        place = self.header.positions.get(column)
        return "" if place is None else cell_parsers.bare(cells[place])

    def _row(self, number: int, cells: list[str]) -> tuple[Any, ...] | None:
        column = ""
        try:
            column = next(
                (
                    name
                    for name, place in self.header.positions.items()
                    if len(cells[place]) > _LONGEST and name not in {"description", "sku"}
                ),
                "",
            )
            if column:
                raise BadCellError(gettext_noop("longer than anything Amazon prints here"))
            column = "marketplace"
            marketplace, named = self._store(cells)
            column = "settlement-id"
            settlement = self._identifier(self._cell(cells, column), _SETTLEMENT)
            column = "order-id"
            order = self._identifier(self._cell(cells, column), _ORDER)
            column = "sku"
            sku = self._cell(cells, column)
            if len(sku) > _LONGEST:
                raise BadCellError(gettext_noop("longer than anything Amazon prints here"))
            column = "quantity"
            quantity = self._cell(cells, column)
            units = cell_parsers.whole(quantity) if quantity else None
            column = "date/time"
            posted = self._moment[self._cell(cells, column)]
            column = "transaction-release-date"
            release = self._cell(cells, column)
            counts = self._released(release, posted, marketplace)
            column = "transaction-status"
            deferred = self._deferred(self._cell(cells, column), release)
            column = "type"
            kind = self._type[self._cell(cells, column)]
            if not kind:
                raise BadCellError(gettext_noop("blank"))
            column = "settlement-id"
            if not settlement and not deferred:
                raise BadCellError(
                    gettext_noop(
                        "blank, so that it can't be told whether a settlement holds the row"
                    )
                )
            description = self._cell(cells, "description")[:_LONGEST]
            amounts: list[tuple[str, ChargeType, Decimal]] = []
            for column in self._columns:
                cell = self._cell(cells, column)
                amount = self._amount[cell] if cell else Decimal(0)
                if amount:
                    amounts.append((column, self._kind(kind, description, column), amount))
            column = "total"
            total = self._amount[self._cell(cells, column)]
        except ValueError as error:
            self.findings.refuse(number, column, safe_reason(error))
            return None
        self._check(number, sum((amount for *_, amount in amounts), Decimal(0)), total)
        currency = self._survey.currency(number, marketplace)
        if is_of_order(kind) or any(one is ChargeType.TRANSFER for _, one, _ in amounts):
            description = ""
        # In the order of the fields of `TransactionRow`.
        head = (number, settlement, kind, description, order, sku, units)
        store = marketplace or self._survey.store_of(settlement)
        return (
            *(*head, store, named, currency, posted, counts, deferred, total),
            tuple(amounts),
        )

    def _store(self, cells: list[str]) -> tuple[Marketplace | None, bool]:
        name = self._cell(cells, "marketplace")
        if not name:
            return None, False
        store = by_sales_channel("Amazon.co.jp" if name.casefold() == "amazon.jp" else name)
        if store is None:
            cell_parsers.sales_channel(name)
        return store, store is not None

    @staticmethod
    def _identifier(text: str, shape: re.Pattern[str]) -> str:
        cell_parsers.refuse_rounded(text)
        if not shape.fullmatch(text):
            raise BadCellError(gettext_noop("not a number of Amazon's"))
        return text

    def _released(self, text: str, posted: datetime, store: Marketplace | None) -> datetime:
        """Return when a transaction counts: on its release, else as posted."""
        if not text:
            return posted
        released = self._release[text]
        if isinstance(released, datetime):
            return max(released, posted)
        home = store or self._survey.only_store
        if home is None or released <= home.local_day(posted):
            return posted
        return datetime.combine(released, datetime.min.time(), home.zone).astimezone(posted.tzinfo)

    def _deferred(self, text: str, release: str) -> bool:
        """Return whether Amazon defers a transaction.

        Where the word is not known, the release date shows it: only released transactions have
        one.
        """
        known = _IS_DEFERRED.get(fold(text))
        if known is not None:
            return known
        if "transaction-release-date" not in self.header.positions:
            raise BadCellError(gettext_noop("neither Deferred nor Released"))
        return not release

    @staticmethod
    def _check(number: int, parts: Decimal, total: Decimal) -> None:
        if parts != total:
            raise ReportRefusedError(
                marked(
                    gettext_noop("the amounts of this row differ from its total by %(difference)s"),
                    difference=parts - total,
                ),
                AGAIN,
                line=number,
            )

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        findings = self.findings
        findings.rows += len(rows)
        findings.saw(rows, _MARKETPLACE, _COUNTS)
        unknown = deferred = 0
        for row in rows:
            _, _, _, _, _, _, _, _, _, currency, _, _, is_deferred, _, amounts = row
            deferred += is_deferred
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for _, kind, amount in amounts:
                sums[kind.value] += amount
                unknown += kind is ChargeType.UNCLASSIFIED
            for kind_name, amount in sums.items():
                findings.add(currency, kind_name, amount)
        findings.unclassified += unknown
        findings.warn(
            gettext_noop(
                "%(n)s amounts are of a kind this version doesn't know; they are kept as"
                " unclassified"
            ),
            unknown,
        )
        findings.warn(gettext_noop("%(n)s transactions are deferred by Amazon"), deferred)

    def verdict(self) -> tuple[str, str]:
        """Return why the report can't be imported, and what to do.

        Both are blank if it can.
        """
        count = self.findings.refused_count
        if not count:
            return "", ""
        return (
            marked(
                gettext_noop("%(count)s rows can't be read, so money would be missing"),
                count=count,
            ),
            AGAIN,
        )

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type, and the evidence with the notation of the amounts."""
        return self.header.type, marked(
            gettext_noop("%(columns)s; %(decimal)s"),
            columns=marked(self.header.type_evidence),
            decimal=marked(self._survey.notation.words),
        )


def _recognize(
    names: frozenset[str],  # noqa: ARG001
    expected: ReportType | None,  # noqa: ARG001
) -> Recognized | None:
    """Return None: `find_header` recognizes what is below a preamble."""
    return None


FORMAT = FlatFormat(
    titles={ReportType.TRANSACTIONS: gettext_noop("Transactions (Monthly, Date Range, Unified)")},
    names={"transactions": ReportType.TRANSACTIONS},
    recognize=_recognize,
    decoder=TransactionDecoder,
    line=TransactionRow,
    must_add_up=True,
)
