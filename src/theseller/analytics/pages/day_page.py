"""The page of one day: the rows behind its figures.

For each store its figures, its ledger lines by charge type, the lines that are excluded and why,
and its orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, profit_line
from theseller.amazon.charge_display_names import charge_name
from theseller.analytics.pages import queries
from theseller.analytics.pages.metric_definitions import METRICS
from theseller.analytics.pages.page_filters import Selection, day_address, store_label
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import LedgerEntry, OrderEntry, Scope
from theseller.lib.marketplaces import local_day, zone_of
from theseller.lib.money import Money

_ORDER = tuple(ProfitLine)
#: Why a line is in no figure: treatment → the page's explanation.
EXCLUSION_REASONS = {
    "deferred": gettext_noop(
        "Deferred by Amazon: included in net proceeds on the day Amazon releases it."
    ),
    "in_settlement": (
        gettext_noop(
            "Duplicate of a settlement line: the stored settlement already includes this"
            " transaction."
        )
    ),
    "superseded": gettext_noop("Replaced by the transaction that released it."),
    "not_profit_and_loss": (
        gettext_noop("Taxes collected and remitted, reserves and payouts: neither income nor cost.")
    ),
    "elsewhere": gettext_noop(
        "Row of a transaction report: a stored settlement or Finances counts this transaction."
    ),
    "estimated": gettext_noop("An estimate, not money."),
    "reversed": gettext_noop("Withdrawn by Amazon."),
}


@dataclass(frozen=True, slots=True)
class ChargeTypeLines:
    """The lines of one charge type and their sum."""

    label: str
    amount: Money
    lines: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True)
class StoreDay:
    """One store's day."""

    label: str
    currency: str
    figures: tuple[dict[str, Any], ...]
    source: str
    counted: tuple[ChargeTypeLines, ...]
    total: Money
    left_out: tuple[tuple[str, tuple[ChargeTypeLines, ...]], ...]
    orders: tuple[OrderEntry, ...]
    zone: Any
    cut_off: bool


def day_context(selection: Selection, wanted: date, at: datetime, *, most: int) -> dict[str, Any]:
    """Return what the page of a day shows, for each store.

    At most `most` ledger lines and `most` order lines of each.
    """
    days = [
        _store_day(store, selection.scope.currency, wanted, most)
        for store in selection.scope.marketplace_ids
    ]
    today = max(local_day(store, at) for store in selection.scope.marketplace_ids)
    return {
        "day": wanted,
        "days": [one for one in days if one is not None],
        "partial": wanted >= today,
        "earlier": day_address(selection, wanted - timedelta(days=1)),
        "later": day_address(selection, wanted + timedelta(days=1)) if wanted < today else "",
        "csv_url": (
            "?"
            + "&".join(
                part
                for part in (
                    f"store={selection.chosen_store}" if selection.chosen_store else "",
                    "format=csv",
                )
                if part
            )
        ),
    }


def _store_day(store: str, currency: str, wanted: date, most: int) -> StoreDay | None:
    entries = queries.day_entries(store, wanted, most=most + 1)
    orders = queries.day_orders(store, wanted, most=most + 1)
    if not entries and not orders:
        return None
    series = queries.day_series(Scope((store,), currency), Span(wanted, wanted), None)
    counted = by_charge_type(
        [entry for entry in entries if entry.treatment == "counted" and entry.currency == currency],
        currency,
    )
    others = {
        treatment: [
            entry
            for entry in entries
            if entry.treatment == treatment and entry.currency == currency
        ]
        for treatment in EXCLUSION_REASONS
    }
    total = series.total
    source = (
        "settlement"
        if total.settled_days
        else ("both" if total.settled_net else "finances")
        if total.ledger_days
        else ""
    )
    return StoreDay(
        label=store_label(store),
        currency=currency,
        figures=tuple(
            {"metric": metric, "value": metric.shown(series.total, currency)} for metric in METRICS
        ),
        source=source,
        counted=counted,
        total=Money(series.total.net_proceeds, currency),
        left_out=tuple(
            (_(EXCLUSION_REASONS[treatment]), by_charge_type(found, currency))
            for treatment, found in others.items()
            if found
        ),
        orders=orders[:most],
        zone=zone_of(store),
        cut_off=len(entries) > most or len(orders) > most,
    )


def by_charge_type(entries: Sequence[LedgerEntry], currency: str) -> tuple[ChargeTypeLines, ...]:
    """Return lines grouped by charge type, in the order of a P&L statement."""
    grouped: dict[ChargeType, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        grouped[ChargeType(entry.kind)].append(entry)
    ordered = sorted(
        grouped, key=lambda kind: (_ORDER.index(profit_line(kind)), list(ChargeType).index(kind))
    )
    return tuple(
        ChargeTypeLines(
            _(charge_name(kind)),
            Money(sum((line.amount for line in grouped[kind]), Decimal(0)), currency),
            tuple(grouped[kind]),
        )
        for kind in ordered
    )
