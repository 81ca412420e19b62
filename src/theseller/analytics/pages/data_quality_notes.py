"""Say how fresh, how settled and how complete the figures are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from theseller.analytics.pages.metric_coverage import MetricCoverage
from theseller.analytics.pages.metric_definitions import BY_KEY
from theseller.analytics.pages.page_filters import Selection
from theseller.analytics.pages.periods import Compare, Span
from theseller.analytics.pages.types import Scope
from theseller.analytics.profit.goods_sold import UnknownCosts
from theseller.analytics.rollups.types import Figures
from theseller.edge.date_time_formatting import day as day_text
from theseller.edge.date_time_formatting import day_range
from theseller.ingest.types import Freshness, StreamProgress
from theseller.lib.marketplaces import tax_included
from theseller.lib.money import Money

#: How many ranges without data are named; of the others only the number is said.
_GAPS_NAMED = 3


def data_quality(
    selection: Selection,
    total: Figures,
    until: Freshness,
    streams: Sequence[StreamProgress],
    known: MetricCoverage,
    unknown: UnknownCosts,
) -> dict[str, Any]:
    """Return what the page says about the figures' quality.

    How fresh they are, how much is settled, and what is missing. `unknown` is of which products
    with posted money the cost is not known.
    """
    choice, settled = selection.choice, _share(total.settled_days, total.ledger_days)
    fresh = ((_("Orders"), until.orders_until), (_("Money"), until.money_until))
    return {
        "fresh": [(label, instant) for label, instant in fresh if instant is not None],
        "failing": [stream for stream in streams if stream.step == "failed"],
        "last_day": selection.option.last_day,
        "pending_orders": total.pending_orders,
        "unpriced_units": total.unpriced_units,
        "gaps": _gaps(selection, known),
        "tax": Money(total.ordered_tax, selection.scope.currency) if total.ordered_tax else None,
        "contains_tax": contains_tax(selection.scope),
        "deferred": Money(total.deferred, selection.scope.currency) if total.deferred else None,
        "settled_share": settled,
        "open_share": None if settled is None else 1 - settled,
        "unclassified": (
            Money(total.unclassified, selection.scope.currency) if total.unclassified else None
        ),
        "without_cost": unknown.without_cost,
        "without_units": unknown.without_units,
        "profit_known": total.profit is not None,
        "costed_share": total.costed_share if total.uncosted_sales else None,
        "partial": choice.partial,
        "partial_text": _partial_text(selection),
        "incomparable": incomparable(selection, known),
    }


def _gaps(selection: Selection, known: MetricCoverage) -> list[tuple[str, str]]:
    """Return the days without data of orders, and of money, as text."""
    found = zip((_("orders"), _("money")), known.gaps(selection.choice.span), strict=True)
    return [(name, _stretches(gaps)) for name, gaps in found if gaps]


def _stretches(gaps: Sequence[Span]) -> str:
    text = "; ".join(day_range(gap.first, gap.last) for gap in gaps[:_GAPS_NAMED])
    more = len(gaps) - _GAPS_NAMED
    if more <= 0:
        return text
    return ngettext(
        "%(days)s and %(more)d more stretch", "%(days)s and %(more)d more stretches", more
    ) % {"days": text, "more": more}


def incomparable(selection: Selection, known: MetricCoverage) -> str:
    """Return why figures are not compared; "" if they are."""
    choice = selection.choice
    if choice.before is None:
        return ""
    if not selection.comparable:
        return _("No comparable data: figures begin on %(day)s and are kept for 18 months") % {
            "day": day_text(selection.option.first_day)
        }
    if known.whole(BY_KEY["sales"], choice.before) and known.whole(BY_KEY["net"], choice.before):
        return ""
    return _("Not compared where %(days)s has days without data") % {
        "days": day_range(choice.before.first, choice.before.last)
    }


def _partial_text(selection: Selection) -> str:
    """Return that the last day is not over, and what it is compared with."""
    choice = selection.choice
    if not selection.comparable:
        return _("Today is not over") if choice.span.length == 1 else _("The last day is not over")
    if choice.span.length > 1:
        return _("The last day is not over: its sales are compared with the same time of day")
    if choice.compare is Compare.YEAR:
        return _("Today so far, compared with the same time a year earlier")
    return _("Today so far, compared with the same time yesterday")


def _share(part: int, whole: int) -> Decimal | None:
    """Return a share that is 0 or 1 only if it is exactly that.

    Others are at least 0.01 and at most 0.99; None if the whole is 0.
    """
    if not whole:
        return None
    share = Decimal(part) / whole
    return share if share in {0, 1} else min(max(share, Decimal("0.01")), Decimal("0.99"))


def contains_tax(scope: Scope) -> bool:
    """Return whether amounts of `scope` contain value added tax.

    It is tax that the seller may owe. In such stores prices include it, and so do sales, refunds
    and net proceeds. Amazon states the tax of an ordered item (`Figures.ordered_tax`), but not of
    what it posts: a page must say that net proceeds contain it.
    """
    return any(tax_included(store) for store in scope.marketplace_ids)
