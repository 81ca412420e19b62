"""Expenses, what they may be, and why a change is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from theseller.lib.translation_marks import gettext_noop

#: The marketplace of an expense of the shop as a whole, in one currency.
WHOLE_SHOP = ""
#: The first amount that is too high, how many expenses a shop may have, and the longest name.
AMOUNT_LIMIT = Decimal(1_000_000_000)
MOST_EXPENSES = 500
NAME_LIMIT = 100
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


class Recurrence(StrEnum):
    """How often an amount is paid."""

    ONCE = "once"
    MONTHLY = "monthly"
    YEARLY = "yearly"


RECURRENCE_LABELS = {
    Recurrence.MONTHLY: gettext_noop("Every month"),
    Recurrence.YEARLY: gettext_noop("Every year"),
    Recurrence.ONCE: gettext_noop("Once"),
}
#: What an expense is for. The key is stored.
CATEGORY_LABELS = {
    "software": gettext_noop("Software and services"),
    "staff": gettext_noop("Staff"),
    "marketing": gettext_noop("Marketing outside Amazon"),
    "freight": gettext_noop("Freight and customs duties"),
    "storage": gettext_noop("Storage outside Amazon"),
    "rent": gettext_noop("Rent and office"),
    "advice": gettext_noop("Accounting, legal and consulting"),
    "products": gettext_noop("Samples, photos and tests"),
    "insurance": gettext_noop("Insurance and bank"),
    "other": gettext_noop("Other"),
}


class ExpenseRefusedError(ValueError):
    """An expense can't be stored or deleted as requested; nothing was changed.

    The argument is a marked text.
    """


@dataclass(frozen=True, slots=True)
class ExpenseInput:
    """What a person enters.

    `marketplace_id` is that of a store, or `WHOLE_SHOP`. `amount`, above zero, is in `currency`: in
    all for an expense that is paid once, else for a month or a year. Its days are `first_day` to
    `last_day`; without a `last_day`, one that is paid once has one day, and the others don't end.
    """

    name: str
    category: str
    marketplace_id: str
    currency: str
    amount: Decimal
    recurrence: Recurrence
    first_day: date
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Expense:
    """A stored expense: what was entered, who wrote it and when."""

    id: UUID
    entered: ExpenseInput
    written_by: str
    written_at: datetime
