"""Set and delete unit costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connections

from theseller.analytics.profit.queries import is_known, known_skus, shop_stores, stored_costs
from theseller.analytics.profit.types import CostChange, CostKey, CostRefusedError
from theseller.analytics.profit.unit_cost_rules import check_cost, check_day, currency_for
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.lib import sql_execution
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import require_visible

_WRITE = """
insert into analytics_product_cost
  (tenant_id, sku, marketplace_id, currency, valid_from, unit_cost, written_by, written_at)
select %(tenant)s, w.*, %(actor)s, %(at)s
from unnest(%(skus)s::text[], %(stores)s::text[], %(currencies)s::text[], %(days)s::date[],
            %(costs)s::numeric[]) as w
on conflict (tenant_id, sku, marketplace_id, currency, valid_from) do update
  set unit_cost = excluded.unit_cost, written_by = excluded.written_by,
      written_at = excluded.written_at
"""
_DELETE = """
delete from analytics_product_cost
where tenant_id = %(tenant)s and sku = %(sku)s and marketplace_id = %(store)s
  and currency = %(currency)s and valid_from = %(day)s
"""
#: One statement at a time changes the costs of a shop, so that what a person confirmed still holds.
_LOCK = "select pg_advisory_xact_lock(hashtextextended('costs:' || %s, 11))"
_UNKNOWN = gettext_noop("There is no product with the SKU “%(sku)s” in this shop.")
_CHANGED_SINCE = gettext_noop(
    "Some of these costs were changed since you checked the file. Check it again."
)
_NO_PERIOD = gettext_noop("This cost is already deleted.")


def set_costs(
    changes: Sequence[CostChange],
    *,
    tenant: UUID,
    actor: str,
    at: datetime,
    from_file: bool = False,
) -> int:
    """Store unit costs, all or none, and return how many are new or differ.

    Args:
        changes: the costs, at most one for each period.
        tenant: the shop.
        actor: how the audit log names who changes them.
        at: now.
        from_file: whether they come from a file that a person checked. Then each must still have
            the stored cost that they saw (`CostChange.before`).

    Raises:
        CostRefusedError: a cost is not valid, or differs from what the person saw.
        OtherMarketplaceError: the person is limited to other marketplaces.
    """
    with tenant_scope(tenant):
        require_visible(change.key.marketplace_id for change in changes)
        _lock(tenant)
        _check(changes, at)
        stored = stored_costs(change.key for change in changes)
        if from_file and any(stored.get(one.key) != one.before for one in changes):
            raise CostRefusedError(marked(_CHANGED_SINCE))
        new = [change for change in changes if stored.get(change.key) != change.unit_cost]
        if not new:
            return 0
        _write(new, tenant, actor, at)
        details = {
            "periods": len(new),
            "products": len({change.key.sku for change in new}),
            "from_file": from_file,
        }
        record(
            Tag.COST_CHANGED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            details=details,
        )
    return len(new)


def _lock(tenant: UUID) -> None:
    sql_execution.rows(connections["default"], _LOCK, [str(tenant)])


def _check(changes: Sequence[CostChange], at: datetime) -> None:
    stores = shop_stores()
    wanted = {change.key.sku for change in changes}
    unknown = (
        {sku for sku in wanted if not is_known(sku)}
        if len(wanted) == 1
        else wanted - known_skus(at.date())
    )
    if unknown:
        raise CostRefusedError(marked(_UNKNOWN, sku=min(unknown)))
    for change in changes:
        check_cost(change.unit_cost)
        check_day(change.key.valid_from)
        currency_for(change.key.marketplace_id, change.key.currency, stores)


def _write(changes: Sequence[CostChange], tenant: UUID, actor: str, at: datetime) -> None:
    costs: list[Decimal] = [change.unit_cost for change in changes]
    sql_execution.execute(
        connections["default"],
        _WRITE,
        {
            "tenant": tenant,
            "actor": actor,
            "at": at,
            "skus": [change.key.sku for change in changes],
            "stores": [change.key.marketplace_id for change in changes],
            "currencies": [change.key.currency for change in changes],
            "days": [change.key.valid_from for change in changes],
            "costs": costs,
        },
    )


def delete_cost(key: CostKey, *, tenant: UUID, actor: str, at: datetime) -> None:
    """Delete one period of a cost.

    The one before it applies on its days, if there is one.

    Raises:
        CostRefusedError: there is no such period.
        OtherMarketplaceError: the person is limited to other marketplaces.
    """
    with tenant_scope(tenant):
        require_visible([key.marketplace_id])
        _lock(tenant)
        values = {
            "tenant": tenant,
            "sku": key.sku,
            "store": key.marketplace_id,
            "currency": key.currency,
            "day": key.valid_from,
        }
        if not sql_execution.execute(connections["default"], _DELETE, values):
            raise CostRefusedError(marked(_NO_PERIOD))
        record(
            Tag.COST_DELETED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            details={"periods": 1, "products": 1},
        )
