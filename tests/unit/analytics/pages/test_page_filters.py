"""What an address means, and that links say it back."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.http import QueryDict

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.page_filters import (
    Selection,
    same_time_on,
    select,
    store_options,
    today_in,
)
from theseller.analytics.pages.types import Scope, Store
from theseller.analytics.rollups.column_charge_types import (
    COLUMN_CHARGE_TYPES,
    COUNTED_CHARGE_TYPES,
)

DE, FR, UK, US, JP = (
    "A1PA6795UKMFR9",
    "A13V1IB3VIYZZH",
    "A1F83G8C2ARO7P",
    "ATVPDKIKX0DER",
    "A1VC38T7YXB528",
)
AT = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 1), date(2026, 11, 22)


def _store(marketplace: str, currency: str, items: int = 1) -> Store:
    return Store(marketplace, currency, FIRST, LAST, items)


def _select(address: str, *stores: Store) -> Selection:
    return select(QueryDict(address), store_options(stores or (_store(DE, "EUR"),)), AT)


def test_stores_of_one_currency_are_offered_together_and_alone_and_currencies_never_together() -> (
    None
):
    options = store_options(
        (_store(DE, "EUR", 9), _store(UK, "GBP", 5), _store(FR, "EUR", 3), _store("", "EUR"))
    )
    assert [(option.key, option.scope) for option in options] == [
        ("EUR", Scope((DE, FR, ""), "EUR")), ("DE", Scope((DE,), "EUR")),
        ("FR", Scope((FR,), "EUR")), ("UK", Scope((UK,), "GBP")),
    ]  # fmt: skip


def test_single_store_option_includes_money_of_no_store() -> None:
    assert store_options((_store(US, "USD"), _store("", "USD")))[0].scope == Scope((US, ""), "USD")


def test_money_in_a_currency_that_is_not_the_store_s_is_an_entry_of_its_own() -> None:
    options = store_options((_store(DE, "EUR"), _store(DE, "USD")))
    assert [(option.key, option.scope.currency) for option in options] == [
        ("DE", "EUR"),
        ("USD", "USD"),
    ]


def test_each_store_has_its_own_today() -> None:
    assert today_in(Scope((US,), "USD"), AT) == date(2026, 11, 22)
    assert today_in(Scope((JP,), "JPY"), AT) == date(2026, 11, 23)
    assert today_in(Scope((US, ""), "USD"), AT) == date(2026, 11, 22), "UTC is a day ahead of it"
    assert today_in(Scope(("",), "USD"), AT) == date(2026, 11, 23)


def test_half_a_day_is_compared_with_half_a_day_also_over_a_change_of_clocks() -> None:
    at = datetime(
        2026, 10, 26, 11, tzinfo=UTC
    )  # 12 h into the day in Berlin, the day after its 25 hours.
    assert same_time_on(Scope((DE,), "EUR"), date(2026, 10, 24), at) == [
        datetime(2026, 10, 24, 10, tzinfo=UTC)
    ]


def test_query_string_of_a_selection_selects_the_same_again() -> None:
    chosen = _select(
        "period=custom&from=2026-09-01&to=2026-09-10&compare=year&store=UK&metric=fees",
        _store(DE, "EUR", 9),
        _store(UK, "GBP"),
    )
    again = _select(chosen.query()[1:], _store(DE, "EUR", 9), _store(UK, "GBP"))
    assert (again.choice, again.metric, again.option) == (
        chosen.choice,
        chosen.metric,
        chosen.option,
    )


def test_the_default_selection_has_no_parameters() -> None:
    assert _select("").query() == "?"
    assert _select("period=28d&compare=previous&metric=sales&store=DE").query() == "?"


def test_comparison_before_the_first_figures_is_not_comparable() -> None:
    assert _select("period=28d").comparable
    assert not _select("period=28d&compare=year").comparable
    assert not _select("compare=none").comparable


def test_the_parts_of_net_proceeds_share_out_the_counted_kinds_without_overlap() -> None:
    parts = (
        "product_sales",
        "credits",
        "discounts",
        "refunded_sales",
        "fees",
        "advertising",
        "reimbursements",
        "unclassified",
    )
    shared = [kind for part in parts for kind in COLUMN_CHARGE_TYPES[part]]
    assert len(shared) == len(set(shared))
    assert set(shared) == COUNTED_CHARGE_TYPES
    assert ChargeType.RESERVE not in COUNTED_CHARGE_TYPES
    for part in ("selling_fees", "fulfilment_fees", "storage_fees"):
        assert COLUMN_CHARGE_TYPES[part] < COLUMN_CHARGE_TYPES["fees"]
