"""Store and delete expenses."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.db import connections

from theseller.analytics.expenses.rules import check_expense
from theseller.analytics.expenses.types import MOST_EXPENSES, ExpenseInput, ExpenseRefusedError
from theseller.analytics.profit.queries import shop_stores
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import require_visible

_LOCK = "select pg_advisory_xact_lock(hashtextextended('expenses:' || %s, 11))"
_COUNT = "select count(*) from analytics_expense where tenant_id = %(tenant)s"
_STORED = """
select marketplace_id from analytics_expense where tenant_id = %(tenant)s and id = %(id)s
"""
_WRITE = """
insert into analytics_expense (tenant_id, id, name, category, marketplace_id, currency, amount,
                               recurrence, first_day, last_day, written_by, written_at)
values (%(tenant)s, %(id)s, %(name)s, %(category)s, %(marketplace_id)s, %(currency)s, %(amount)s,
        %(recurrence)s, %(first_day)s, %(last_day)s, %(actor)s, %(at)s)
on conflict (tenant_id, id) do update
  set name = excluded.name, category = excluded.category, marketplace_id = excluded.marketplace_id,
      currency = excluded.currency, amount = excluded.amount, recurrence = excluded.recurrence,
      first_day = excluded.first_day, last_day = excluded.last_day,
      written_by = excluded.written_by, written_at = excluded.written_at
"""
_DELETE = "delete from analytics_expense where tenant_id = %(tenant)s and id = %(id)s"
_TOO_MANY = gettext_noop("A shop has at most %(most)s expenses. Delete some that have ended.")
_DELETED_BEFORE = gettext_noop("This expense is already deleted.")


def set_expense(
    entered: ExpenseInput,
    *,
    expense: UUID | None,
    tenant: UUID,
    actor: str,
    at: datetime,
) -> UUID:
    """Add an expense, or replace what is stored of one; return its ID.

    The audit log names no name and no amount: it outlives the shop.

    Args:
        entered: what a person entered.
        expense: the ID of a stored one; None adds a new one.
        tenant: the shop.
        actor: how the audit log names who changes it.
        at: now.

    Raises:
        ExpenseRefusedError: it is not valid, no longer stored, or one too many.
        OtherMarketplaceError: the person is limited to other marketplaces.
    """
    with tenant_scope(tenant):
        require_visible([entered.marketplace_id])
        sql_execution.rows(connections["default"], _LOCK, [str(tenant)])
        check_expense(entered, shop_stores())
        stored = expense or new_id()
        values: dict[str, object] = {"tenant": tenant, "id": stored, "actor": actor, "at": at}
        if expense is not None:
            _require_stored(values)
        elif sql_execution.value(connections["default"], _COUNT, values) >= MOST_EXPENSES:
            raise ExpenseRefusedError(marked(_TOO_MANY, most=MOST_EXPENSES))
        sql_execution.execute(connections["default"], _WRITE, {**values, **asdict(entered)})
        _record(Tag.EXPENSE_CHANGED, "changed" if expense else "added", tenant, actor, at)
    return stored


def delete_expense(expense: UUID, *, tenant: UUID, actor: str, at: datetime) -> None:
    """Delete an expense: it no longer counts on any day.

    Raises:
        ExpenseRefusedError: there is no such expense.
        OtherMarketplaceError: the person is limited to other marketplaces.
    """
    with tenant_scope(tenant):
        sql_execution.rows(connections["default"], _LOCK, [str(tenant)])
        values: dict[str, object] = {"tenant": tenant, "id": expense}
        _require_stored(values)
        sql_execution.execute(connections["default"], _DELETE, values)
        _record(Tag.EXPENSE_DELETED, "deleted", tenant, actor, at)


def _require_stored(values: dict[str, object]) -> None:
    stored = sql_execution.rows(connections["default"], _STORED, values)
    if not stored:
        raise ExpenseRefusedError(marked(_DELETED_BEFORE))
    require_visible([stored[0][0]])


def _record(tag: Tag, what: str, tenant: UUID, actor: str, at: datetime) -> None:
    record(
        tag,
        actor=actor,
        tenant=tenant,
        subject=f"tenant:{tenant}",
        at=at,
        details={"what": what},
    )
