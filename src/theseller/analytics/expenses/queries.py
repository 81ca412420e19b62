"""Read expenses, inside the caller's tenant scope.

A member's limit to marketplaces is applied: those of the whole shop and of other stores are left
out.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.expenses.daily_amounts import add_by_day
from theseller.analytics.expenses.types import WHOLE_SHOP, Expense, ExpenseInput, Recurrence
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Scope
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

_EXPENSES = """
select id, name, category, marketplace_id, currency, amount, recurrence, first_day, last_day,
       written_by, written_at
from analytics_expense
where tenant_id = %(tenant)s
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
order by currency, lower(name), first_day, id
"""


def expenses(*, using: str = "default") -> tuple[Expense, ...]:
    """Return the expenses that the person may see, by currency and name."""
    values = {"tenant": current_tenant(), "visible": visible_marketplaces()}
    return tuple(_expense(row) for row in sql_execution.rows(connections[using], _EXPENSES, values))


def _expense(row: tuple[Any, ...]) -> Expense:
    return Expense(
        row[0],
        ExpenseInput(
            name=row[1],
            category=row[2],
            marketplace_id=row[3],
            currency=row[4],
            amount=row[5],
            recurrence=Recurrence(row[6]),
            first_day=row[7],
            last_day=row[8],
        ),
        row[9],
        row[10],
    )


def expenses_by_day(
    scope: Scope, span: Span, *, whole_shop: bool, using: str = "default"
) -> dict[date, Decimal] | None:
    """Return the expenses of some stores by day; None if none is entered.

    Args:
        scope: stores, and the currency of the expenses.
        span: the days.
        whole_shop: whether those of the whole shop count as well. They are divided between days,
            not between stores.
        using: the database connection.
    """
    wanted = {*scope.marketplace_ids, *([WHOLE_SHOP] if whole_shop else [])}
    found = [
        one.entered
        for one in expenses(using=using)
        if one.entered.currency == scope.currency and one.entered.marketplace_id in wanted
    ]
    return add_by_day(found, span.first, span.last) if found else None
