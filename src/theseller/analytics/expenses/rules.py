"""What an expense may be."""

from __future__ import annotations

import unicodedata

from theseller.analytics.expenses.types import (
    AMOUNT_LIMIT,
    CATEGORY_LABELS,
    FIRST_DAY,
    LAST_DAY,
    NAME_LIMIT,
    ExpenseInput,
    ExpenseRefusedError,
)
from theseller.analytics.profit.types import CostRefusedError, ShopStores
from theseller.analytics.profit.unit_cost_rules import currency_for
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop, marked

_NAME = gettext_noop("A name has 1 to 100 characters on one line.")
_CATEGORY = gettext_noop("Choose one of the categories.")
_AMOUNT = gettext_noop("An amount is above zero and below 1,000,000,000.")
_DECIMALS = gettext_noop("Amounts in %(currency)s have at most %(digits)s decimals.")
_DAYS = gettext_noop("Days are between 2000 and 2199.")
_ORDER = gettext_noop("The last day is before the first one.")


def check_expense(entered: ExpenseInput, stores: ShopStores) -> None:
    """Check what was entered, for a shop with these stores.

    Raises:
        ExpenseRefusedError: it is not valid; the error says what is.
    """
    name = entered.name
    if not 1 <= len(name) <= NAME_LIMIT or any(
        unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in name
    ):
        raise ExpenseRefusedError(marked(_NAME))
    if entered.category not in CATEGORY_LABELS:
        raise ExpenseRefusedError(marked(_CATEGORY))
    if not entered.amount.is_finite() or not 0 < entered.amount < AMOUNT_LIMIT:
        raise ExpenseRefusedError(marked(_AMOUNT))
    digits = minor_unit_digits(entered.currency)
    if entered.amount != round(entered.amount, digits):
        raise ExpenseRefusedError(marked(_DECIMALS, currency=entered.currency[:10], digits=digits))
    days = (
        [entered.first_day] if entered.last_day is None else [entered.first_day, entered.last_day]
    )
    if not all(FIRST_DAY <= day <= LAST_DAY for day in days):
        raise ExpenseRefusedError(marked(_DAYS))
    if days[-1] < days[0]:
        raise ExpenseRefusedError(marked(_ORDER))
    try:
        currency_for(entered.marketplace_id, entered.currency, stores)
    except CostRefusedError as refusal:
        raise ExpenseRefusedError(refusal.args[0]) from None
