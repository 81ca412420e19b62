"""Which charge types each rollup column sums, and which count at all."""

from __future__ import annotations

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.reports.report_types_and_columns import ReportType

#: Lines in one of these states are not money yet, or no longer, or count elsewhere: Amazon has not
#: booked an estimate, it has withdrawn a reversed line, and a row of a transaction report in the
#: last state is in a settlement or in Finances, too.
UNCOUNTED_STATES = frozenset({"estimated", "reversed", "elsewhere"})
SETTLEMENT_REPORTS = (ReportType.SETTLEMENT_V2.value,)

_DISCOUNTS = {ChargeType.PROMOTION, ChargeType.POINTS}
_PRODUCT_SALES = {ChargeType.PRINCIPAL, ChargeType.LIQUIDATION}
_SELLING_FEES = {
    ChargeType.REFERRAL,
    ChargeType.REFUND_ADMIN,
    ChargeType.CLOSING,
    ChargeType.DIGITAL_SERVICES,
}
_FULFILMENT_FEES = {
    ChargeType.FBA_FULFILMENT,
    ChargeType.SHIPPING_CHARGEBACK,
    ChargeType.RETURNS_PROCESSING,
    ChargeType.POSTAGE,
}
_STORAGE_FEES = {ChargeType.STORAGE, ChargeType.REMOVAL, ChargeType.INBOUND}


def _kinds(wanted: ProfitLine) -> frozenset[ChargeType]:
    return frozenset(kind for kind in ChargeType if profit_line(kind) is wanted)


#: Column of analytics_day → the kinds whose amounts it sums. The first eight share out the
#: profit-and-loss kinds without overlap.
COLUMN_CHARGE_TYPES: dict[str, frozenset[ChargeType]] = {
    "product_sales": frozenset(_PRODUCT_SALES),
    "credits": _kinds(ProfitLine.SALES) - _PRODUCT_SALES - _DISCOUNTS,
    "discounts": frozenset(_DISCOUNTS),
    "refunded_sales": _kinds(ProfitLine.REFUNDS),
    "fees": _kinds(ProfitLine.FEES),
    "advertising": _kinds(ProfitLine.ADVERTISING),
    "reimbursements": _kinds(ProfitLine.REIMBURSEMENTS),
    "unclassified": _kinds(ProfitLine.UNCLASSIFIED),
    "selling_fees": frozenset(_SELLING_FEES),
    "fulfilment_fees": frozenset(_FULFILMENT_FEES),
    "storage_fees": frozenset(_STORAGE_FEES),
}
COUNTED_CHARGE_TYPES = frozenset(kind for kind in ChargeType if is_profit_and_loss(kind))
#: Payouts, reserves and debts move money between Amazon and the bank: they are no part of what a
#: transaction is worth.
CASH_CHARGE_TYPES = _kinds(ProfitLine.CASH)
#: A refund is counted by these; its other lines (fees given back, discounts taken back) come with
#: it.
REFUND_CHARGE_TYPES = frozenset({ChargeType.REFUND_PRINCIPAL})
#: A sale is posted with one of these.
SALE_CHARGE_TYPES = frozenset({ChargeType.PRINCIPAL})
