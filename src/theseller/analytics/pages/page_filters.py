"""The selection of a page: stores, period, comparison and metric.

It is read from the URL and written back into links, so that a page can be shared, bookmarked and
used without JavaScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from theseller.analytics.pages.metric_definitions import BY_KEY, METRICS, Metric
from theseller.analytics.pages.periods import (
    DEFAULT_PERIOD,
    Choice,
    Compare,
    PeriodKey,
    Span,
    choose,
)
from theseller.analytics.pages.types import Scope, Store
from theseller.lib.marketplaces import MARKETPLACES, local_day, midnight


@dataclass(frozen=True, slots=True)
class StoreOption:
    """One entry of the store menu.

    A store, or all stores that share a currency.
    """

    key: str
    label: str
    scope: Scope
    first_day: date
    last_day: date


def store_label(marketplace_id: str) -> str:
    """Return the name of a store for sellers."""
    store = MARKETPLACES.get(marketplace_id)
    return store.sales_channel if store else _("Whole account")


def store_options(stores: Sequence[Store]) -> tuple[StoreOption, ...]:
    """Return the entries of the store menu.

    For each currency all its stores, then each alone; the currency of the busiest store is first.
    Money that belongs to no store (a subscription, for example) is in the totals of its currency.
    """
    options: list[StoreOption] = []
    for currency in dict.fromkeys(store.currency for store in stores):
        members = [store for store in stores if store.currency == currency]
        real = [
            store
            for store in members
            if store.marketplace_id in MARKETPLACES
            and MARKETPLACES[store.marketplace_id].currency == currency
        ]
        if len(real) == 1:
            options.append(
                _option(
                    MARKETPLACES[real[0].marketplace_id].code,
                    store_label(real[0].marketplace_id),
                    members,
                )
            )
            continue
        options.append(
            _option(
                currency,
                _("All %(currency)s stores") % {"currency": currency}
                if real
                else _("Whole account"),
                members,
            )
        )
        options += [
            _option(
                MARKETPLACES[store.marketplace_id].code, store_label(store.marketplace_id), [store]
            )
            for store in real
        ]
    return tuple(options)


def has_whole_currency(option: StoreOption, options: Sequence[StoreOption]) -> bool:
    """Return whether an option has all stores of its currency.

    Only then it has what is entered for all of them.
    """
    stores = set(option.scope.marketplace_ids)
    return not any(
        one.scope.currency == option.scope.currency and stores < set(one.scope.marketplace_ids)
        for one in options
    )


def _option(key: str, label: str, members: Sequence[Store]) -> StoreOption:
    currency = members[0].currency
    scope = Scope(tuple(store.marketplace_id for store in members), currency)
    return StoreOption(
        key,
        label if currency in label else f"{label} \u00b7 {currency}",
        scope,
        min(store.first_day for store in members),
        max(store.last_day for store in members),
    )


def today_in(scope: Scope, at: datetime) -> date:
    """Return the newest calendar day of the scope's stores.

    A total of several stores adds the same calendar day of each. Money without a store is by days
    of UTC, which begin in the afternoon of American stores: it begins no day of theirs.
    """
    named = [store for store in scope.marketplace_ids if store in MARKETPLACES]
    return max(local_day(store, at) for store in named or scope.marketplace_ids)


def same_time_on(scope: Scope, day: date, at: datetime) -> list[datetime]:
    """Return for each store the time of `day` that matches `at`.

    It is as far into `day` as `at` is into the current day of the store.
    """
    return [
        midnight(store, day) + (at - midnight(store, local_day(store, at)))
        for store in scope.marketplace_ids
    ]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a URL selects."""

    option: StoreOption
    choice: Choice
    metric: Metric
    chosen_store: str

    @property
    def scope(self) -> Scope:
        """The stores and the currency that figures are read of."""
        return self.option.scope

    @property
    def comparable(self) -> bool:
        """Whether there are figures for the whole period of comparison.

        A comparison with a part of it would be misleading.
        """
        return self.choice.before is not None and self.choice.before.first >= self.option.first_day

    @property
    def one_partial_day(self) -> bool:
        """Whether this is a single day that is not over.

        Money and products of a partial day are not compared.
        """
        return self.choice.partial and self.choice.span.length == 1

    def query(self, **over: str) -> str:
        """Return the query string of this selection with parameters changed.

        Defaults are left out.
        """
        choice = self.choice
        words = {
            "period": "" if choice.key is DEFAULT_PERIOD else choice.key.value,
            "from": choice.span.first.isoformat() if choice.key is PeriodKey.CUSTOM else "",
            "to": choice.span.last.isoformat() if choice.key is PeriodKey.CUSTOM else "",
            "compare": "" if choice.compare is Compare.PREVIOUS else choice.compare.value,
            "store": self.chosen_store,
            "metric": "" if self.metric is METRICS[0] else self.metric.key,
        } | over
        if words["period"] != PeriodKey.CUSTOM.value:
            words["from"] = words["to"] = ""
        return "?" + urlencode({name: value for name, value in words.items() if value})

    def for_span(self, span: Span) -> str:
        """Return the query string of the same page over other days."""
        return self.query(
            period=PeriodKey.CUSTOM.value,
            **{"from": span.first.isoformat(), "to": span.last.isoformat()},
        )


def select(words: QueryDict, options: Sequence[StoreOption], at: datetime) -> Selection:
    """Return the selection that the parameters of a URL name.

    Unknown values fall back to the default: the first entry of the store menu, 28 days, the
    previous period, ordered sales.
    """
    wanted = words.get("store", "")
    option = next((option for option in options if option.key == wanted), options[0])
    choice = choose(
        period=words.get("period", ""),
        compare=words.get("compare", ""),
        first=words.get("from", ""),
        last=words.get("to", ""),
        today=today_in(option.scope, at),
    )
    chosen = option.key if option is not options[0] else ""
    return Selection(option, choice, BY_KEY.get(words.get("metric", ""), METRICS[0]), chosen)


def day_address(selection: Selection, day: date) -> str:
    """Return the URL of the page of a day."""
    address = reverse("analytics:day", args=[day.isoformat()])
    return f"{address}?store={selection.chosen_store}" if selection.chosen_store else address


def missing_costs_address(selection: Selection, span: Span) -> str:
    """Return the URL of the products that miss a cost on a day of `span`."""
    words = {
        "missing": "1",
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "store": selection.chosen_store,
    }
    query = urlencode({name: value for name, value in words.items() if value})
    return f"{reverse('analytics:costs')}?{query}"


def latest_figures_span(option: StoreOption) -> Span:
    """Return the last 28 days that have figures.

    A page whose period is empty links to them.
    """
    return Span(max(option.first_day, option.last_day - timedelta(days=27)), option.last_day)
