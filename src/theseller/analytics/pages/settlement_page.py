"""The pages of settlements: the list, and one from opening to payout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, profit_line
from theseller.amazon.charge_display_names import charge_name
from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.pages.settlement_queries import SettledOrder, Settlement
from theseller.edge.date_time_formatting import day_range
from theseller.edge.number_formatting import format_money, style_for
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.lib.money import Money
from theseller.tenancy.visible_marketplaces import visible_marketplaces

PROFIT_LINE_NAMES = {
    ProfitLine.SALES: gettext_noop("Sales"),
    ProfitLine.REFUNDS: gettext_noop("Refunds"),
    ProfitLine.FEES: gettext_noop("Amazon fees"),
    ProfitLine.ADVERTISING: gettext_noop("Advertising"),
    ProfitLine.REIMBURSEMENTS: gettext_noop("Reimbursements"),
    ProfitLine.UNCLASSIFIED: gettext_noop("Not classified"),
    ProfitLine.TAX: gettext_noop("Taxes collected and withheld"),
    ProfitLine.CASH: gettext_noop("Debts and transfers"),
}
_INCOME = tuple(line for line in ProfitLine if line not in {ProfitLine.TAX, ProfitLine.CASH})


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a settlement's statement, with the charge types in it."""

    label: str
    amount: Money
    parts: tuple[tuple[str, Money], ...] = ()
    total: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the lines of a settlement add up to its payout.

    `state`: ``good``, ``bad`` or ``unknown``; `text` names the difference.
    """

    state: str
    text: str
    note: str = ""


def stores_text(one: Settlement) -> str:
    """Return the names of a settlement's stores."""
    return ", ".join(store_label(store) for store in one.marketplace_ids) or _("Whole account")


def period_text(one: Settlement) -> str:
    """Return the period of a settlement by days (UTC), as its file states it."""
    return day_range(one.starts_at.astimezone(UTC).date(), one.ends_at.astimezone(UTC).date())


def check(one: Settlement, at: datetime) -> Check:
    """Return whether the lines add up to the payout, and why they do not."""
    if one.difference is None:
        return Check(
            "unknown",
            _("Payout not known"),
            _(
                "The payout that Amazon states was not stored when this file was read. Import the"
                " file again to store it."
            ),
        )
    if not one.difference:
        return Check("good", _("Adds up"))
    shown = format_money(Money(one.difference, one.currency), style=style_for())
    text = _("Differs by %(amount)s") % {"amount": shown}
    if one.starts_at < oldest_kept(at):
        return Check(
            "bad", text, _("The lines that are older than 18 months are no longer stored.")
        )
    return Check("bad", text, _("Not explained: some lines of the file are not stored."))


def statement(one: Settlement, before: Settlement | None) -> list[StatementLine]:
    """Return the lines from the opening balance to the payout."""
    sums, currency = one.sums, one.currency
    lines = [
        StatementLine(
            _("Opening balance"),
            Money(sums.opening, currency),
            note=_opening_note(one, before),
        )
    ]
    lines += [_line(one, line) for line in _INCOME if sums.of(line)]
    lines.append(StatementLine(_("Net proceeds"), Money(sums.net_proceeds, currency), total=True))
    lines += [_line(one, line) for line in (ProfitLine.TAX, ProfitLine.CASH) if _has(one, line)]
    lines.append(
        StatementLine(
            _("Reserve"),
            Money(sums.reserve, currency),
            note=_("carried over to the next settlement") if sums.reserve else "",
        )
    )
    lines.append(StatementLine(_("Sum of the lines"), Money(sums.total, currency), total=True))
    return lines


def _has(one: Settlement, line: ProfitLine) -> bool:
    return any(amount and profit_line(kind) is line for kind, amount in one.sums.by_kind.items())


def _line(one: Settlement, line: ProfitLine) -> StatementLine:
    kinds = [kind for kind in ChargeType if profit_line(kind) is line]
    return StatementLine(
        _(PROFIT_LINE_NAMES[line]),
        Money(one.sums.of(line), one.currency),
        tuple(
            (_(charge_name(kind)), Money(one.sums.by_kind[kind], one.currency))
            for kind in kinds
            if one.sums.by_kind.get(kind)
        ),
    )


def _opening_note(one: Settlement, before: Settlement | None) -> str:
    """Return how the opening balance compares with the reserve before it."""
    if before is None:
        if not one.sums.opening:
            return ""
        if visible_marketplaces() is not None:
            return _("the settlement before is not stored, or has lines that you may not see")
        return _("the settlement before is not stored")
    numbers = {"number": before.number}
    if one.sums.opening == -before.sums.reserve:
        return _("equals the reserve of settlement %(number)s") % numbers
    return _("differs from the reserve of settlement %(number)s") % numbers


def row_of(one: Settlement, at: datetime) -> dict[str, Any]:
    """Return what the list shows of a settlement."""
    sums = one.sums
    fees = sums.of(ProfitLine.FEES) + sums.of(ProfitLine.ADVERTISING)
    return {
        "one": one,
        "stores": stores_text(one),
        "period": period_text(one),
        "sales": sums.of(ProfitLine.SALES),
        "refunds": sums.of(ProfitLine.REFUNDS),
        "fees": fees,
        "taxes": sums.of(ProfitLine.TAX),
        "other": other_amount(one),
        "check": check(one, at),
    }


def other_amount(one: Settlement) -> Decimal:
    """Return what is in no other column of the list.

    Reimbursements, amounts that are not classified, debts and transfers.
    """
    return (
        one.sums.of(ProfitLine.REIMBURSEMENTS)
        + one.sums.of(ProfitLine.UNCLASSIFIED)
        + one.sums.of(ProfitLine.CASH)
    )


def settlement_context(
    one: Settlement, before: Settlement | None, orders: tuple[SettledOrder, ...], at: datetime
) -> dict[str, Any]:
    """Return what the page of a settlement shows.

    Apart from its lines without an order.
    """
    currency = one.currency
    return {
        "one": one,
        "stores": stores_text(one),
        "period": period_text(one),
        "currency": currency,
        "before": before,
        "statement": statement(one, before),
        "payout": None if one.total is None else Money(one.total, currency),
        "difference": None if one.difference is None else Money(one.difference, currency),
        "check": check(one, at),
        "orders": orders,
    }
