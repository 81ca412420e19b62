"""The CSV file of unit costs, with a blank cell where one is missing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from django.http import HttpResponse

from theseller.analytics.pages.cost_queries import CostQuery, cost_page
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import StoreOption
from theseller.analytics.profit.cost_file import HEADER, store_name
from theseller.analytics.profit.queries import cost_periods
from theseller.analytics.profit.types import ALL_STORES, BEGINNING, CostPeriod
from theseller.analytics.profit.written_numbers import write_amount

#: The most products of a file.
_MOST_PRODUCTS = 100_000


def costs_csv(option: StoreOption, query: CostQuery) -> HttpResponse:
    """Return the costs of the list's products, one line for each period.

    A product without a current cost, or without one in the period of the list, has a line without
    one, to be filled in. Days are blank where a cost applies from the beginning.
    """
    page = cost_page(option.scope, replace(query, most=_MOST_PRODUCTS, skip=0))
    periods: dict[str, list[CostPeriod]] = defaultdict(list)
    for one in cost_periods():
        here = one.key.marketplace_id in {ALL_STORES, *option.scope.marketplace_ids}
        if here and one.key.currency == option.scope.currency:
            periods[one.key.sku].append(one)
    rows: list[list[Cell]] = []
    for product in page.rows:
        rows += [_row(one, product.title) for one in periods[product.sku]]
        if product.missing or query.missing_in:
            name = store_name(query.target)
            rows.append([product.sku, product.title, name, option.scope.currency, None, None])
    return csv_response(f"theseller-costs-{option.key}-{query.today.isoformat()}", HEADER, rows)


def _row(period: CostPeriod, title: str) -> list[Cell]:
    key = period.key
    return [
        key.sku,
        title,
        store_name(key.marketplace_id),
        key.currency,
        None if key.valid_from == BEGINNING else key.valid_from,
        write_amount(period.unit_cost),
    ]
