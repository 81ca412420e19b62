"""The downloads of the list of settlements and of one settlement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.utils.translation import gettext as _

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, profit_line
from theseller.amazon.charge_display_names import charge_name
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.pages.settlement_page import (
    PROFIT_LINE_NAMES,
    check,
    stores_text,
)
from theseller.analytics.pages.settlement_queries import Settlement, settled_lines

#: The most lines of the download of a settlement.
_MOST_LINES = 200_000


def settlements_csv(found: Sequence[Settlement], at: datetime) -> HttpResponse:
    """Return a row for each settlement, with the sums of its lines."""
    columns = [
        _("Settlement"),
        _("Stores"),
        _("Begins"),
        _("Ends"),
        _("Deposit"),
        _("Currency"),
        _("Opening balance"),
        *(_(PROFIT_LINE_NAMES[line]) for line in ProfitLine),
        _("Reserve"),
        _("Sum of the lines"),
        _("Payout"),
        _("Difference"),
        _("Check"),
    ]
    rows: list[list[Cell]] = [
        [
            one.number,
            stores_text(one),
            one.starts_at,
            one.ends_at,
            one.deposited_at,
            one.currency,
            one.sums.opening,
            *(one.sums.of(line) for line in ProfitLine),
            one.sums.reserve,
            one.sums.total,
            one.total,
            one.difference,
            check(one, at).text,
        ]
        for one in found
    ]
    return csv_response("theseller-settlements", columns, rows)


def cut_off_text(one: Settlement) -> str:
    """Return that the download of a settlement is cut off; empty if it is not."""
    if one.sums.lines <= _MOST_LINES:
        return ""
    return _("The CSV has the first %(most)s of %(lines)s lines.") % {
        "most": f"{_MOST_LINES:,}",
        "lines": f"{one.sums.lines:,}",
    }


def settlement_csv(one: Settlement) -> HttpResponse:
    """Return the lines of a settlement, in the order of its file.

    200,000 at most; then the last row says so.
    """
    columns = [
        _("Posted"),
        _("Store"),
        _("Order"),
        _("SKU"),
        _("Part of the statement"),
        _("Charge type"),
        _("Units"),
        _("Currency"),
        _("Amount"),
        _("Amazon transaction type"),
        _("Amazon description"),
    ]
    rows: list[list[Cell]] = [
        [
            line.posted_at,
            store_label(line.marketplace_id),
            line.order_id,
            line.sku,
            _(PROFIT_LINE_NAMES[profit_line(ChargeType(line.kind))]),
            _(charge_name(ChargeType(line.kind))),
            line.quantity,
            line.currency,
            line.amount,
            line.transaction_type,
            line.breakdown,
        ]
        for line in settled_lines(one, without_order=False, most=_MOST_LINES)
    ]
    if text := cut_off_text(one):
        rows.append([text])
    return csv_response(f"theseller-settlement-{one.number}", columns, rows)
