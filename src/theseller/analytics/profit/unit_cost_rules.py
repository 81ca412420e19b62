"""What a unit cost may be: its amount, its first day, and its currency."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from theseller.analytics.profit.types import (
    ALL_STORES,
    BEGINNING,
    COST_DECIMALS,
    COST_LIMIT,
    CostRefusedError,
    ShopStores,
)
from theseller.analytics.profit.written_numbers import names_other_currency
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.money import is_plausible
from theseller.lib.translation_marks import gettext_noop, marked

_LAST_DAY = date(2199, 12, 31)
_AMOUNT = gettext_noop(
    "A unit cost is at least zero, below 1,000,000,000, and has at most four decimals."
)
_DAY_RANGE = gettext_noop("A cost begins on a day between 2000 and 2199.")
_NOT_SOLD_THERE = gettext_noop("This shop has no figures in %(store)s.")
_OTHER_CURRENCY = gettext_noop(
    "%(store)s has %(own)s, and the cost is in %(currency)s. Costs are not converted: enter it in"
    " %(own)s."
)
_NO_STORE_WITH = gettext_noop(
    "No store of this shop has %(currency)s. Costs are not converted: enter them in %(known)s."
)
_OTHER_SIGN = gettext_noop(
    "“%(text)s” is not in %(currency)s. Costs are not converted: enter it in %(currency)s."
)


def check_cost(amount: Decimal) -> None:
    """Check the amount of a unit cost.

    Raises:
        CostRefusedError: it is negative, too high, or too precise.
    """
    if (
        not is_plausible(amount)
        or not 0 <= amount < COST_LIMIT
        or amount != round(amount, COST_DECIMALS)
    ):
        raise CostRefusedError(marked(_AMOUNT))


def check_day(day: date) -> None:
    """Check the first day of a cost.

    Raises:
        CostRefusedError: it is before 2000 or after 2199.
    """
    if not BEGINNING <= day <= _LAST_DAY:
        raise CostRefusedError(marked(_DAY_RANGE))


def check_written_currency(text: str, currency: str) -> None:
    """Check the currency beside an amount, if there is one.

    Raises:
        CostRefusedError: it is not that of the cost.
    """
    if names_other_currency(text, currency):
        raise CostRefusedError(marked(_OTHER_SIGN, text=text[:40], currency=currency))


def currency_for(marketplace_id: str, currency: str, stores: ShopStores) -> str:
    """Return the currency of a cost; "" is that of the marketplace.

    Raises:
        CostRefusedError: the shop does not sell there, or the currency is another one.
    """
    if marketplace_id != ALL_STORES:
        store = MARKETPLACES[marketplace_id].sales_channel
        own = stores.currencies.get(marketplace_id)
        if own is None:
            raise CostRefusedError(marked(_NOT_SOLD_THERE, store=store))
        if currency not in {"", own}:
            raise CostRefusedError(
                marked(_OTHER_CURRENCY, store=store, own=own, currency=currency[:10])
            )
        return own
    if currency not in stores.all_currencies:
        known = ", ".join(stores.all_currencies)
        raise CostRefusedError(marked(_NO_STORE_WITH, currency=currency[:10], known=known))
    return currency
