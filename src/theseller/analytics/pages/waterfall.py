"""Compute the lines from ordered sales to net proceeds and profit."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.metric_definitions import BY_KEY
from theseller.analytics.pages.page_filters import Selection, day_address
from theseller.analytics.rollups.types import Figures
from theseller.edge.number_formatting import format_count, format_percent, style_for
from theseller.edge.types import WaterfallRow
from theseller.lib.money import Money


def waterfall_rows(
    selection: Selection, total: Figures, known: MetricCoverage
) -> list[WaterfallRow]:
    """Return the lines from ordered sales to net proceeds and net profit.

    Those to profit only if it is known, and those to net profit only if it is known for all sales
    of all days. The second and the third are the difference between the bases: order date and
    posted date.
    """
    span = selection.choice.span
    url = day_address(selection, span.first) if span.length == 1 else ""
    steps = (
        (_("Deferred sales"), -total.deferred_sales, _("sales that Amazon defers")),
        (
            _("Sales not yet posted"),
            total.product_sales - total.ordered_sales + total.deferred_sales,
            _not_posted(selection, known),
        ),
        (_("Shipping & gift wrap credits"), total.credits, ""),
        (_("Discounts"), total.discounts, ""),
        (
            _("Refunds"),
            total.refunded_sales,
            (
                ngettext("%(orders)s order", "%(orders)s orders", total.refunds)
                % {"orders": format_count(total.refunds)}
                if total.refunds
                else ""
            ),
        ),
        (_("Referral & selling fees"), total.selling_fees, ""),
        (_("FBA fulfillment & returns"), total.fulfilment_fees, ""),
        (_("FBA storage & inbound"), total.storage_fees, ""),
        (_("Other fees"), total.other_fees, ""),
        (_("Advertising"), total.advertising, ""),
        (_("Reimbursements"), total.reimbursements, ""),
        (_("Not classified"), total.unclassified, ""),
    )
    currency = selection.scope.currency
    rows = [
        WaterfallRow(_("Ordered sales"), Money(total.ordered_sales, currency), total=True, url=url)
    ]
    rows += [
        WaterfallRow(label, Money(amount, currency), note=note, url=url)
        for label, amount, note in steps
        if amount
    ]
    return [
        *rows,
        WaterfallRow(_("Net proceeds"), Money(total.net_proceeds, currency), total=True, url=url),
        *_profit_rows(total, currency),
        *(_net_profit_rows(total, currency) if _has_money(selection, known) else ()),
    ]


def _profit_rows(total: Figures, currency: str) -> list[WaterfallRow]:
    """Return the lines from net proceeds to profit; none if it is not known."""
    if total.profit is None or not total.posted_lines:
        return []
    steps = (
        (_("Products without a cost"), -total.uncosted_net, _("their sales, fees and refunds")),
        (_("Cost of goods"), -total.cost_of_goods, ""),
    )
    share = total.costed_share
    note = (
        _("of %(share)s of sales") % {"share": format_percent(share, 0, style=style_for())}
        if share is not None and total.uncosted_sales
        else ""
    )
    return [
        *(
            WaterfallRow(label, Money(amount, currency), note=text)
            for label, amount, text in steps
            if amount
        ),
        WaterfallRow(_("Profit"), Money(total.profit, currency), total=True, note=note),
    ]


def _net_profit_rows(total: Figures, currency: str) -> list[WaterfallRow]:
    """Return the lines from profit to net profit; none if it is not known."""
    net = total.net_profit
    if net is None or not total.posted_lines:
        return []
    return [
        WaterfallRow(
            _("Expenses"), Money(-total.expenses, currency), url=reverse("analytics:expenses")
        ),
        WaterfallRow(_("Net profit"), Money(net, currency), total=True),
    ]


def _not_posted(selection: Selection, known: MetricCoverage) -> str:
    """Return what the sales not yet posted consist of, as text."""
    if _has_money(selection, known):
        return _("less those posted from earlier orders")
    return _("part of the period has no data of money")


def _has_money(selection: Selection, known: MetricCoverage) -> bool:
    return known.whole(BY_KEY["net"], selection.choice.span)
