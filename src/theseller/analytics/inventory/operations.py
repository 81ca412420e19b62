"""Change what a shop's people entered about ordering products."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from uuid import UUID

from django.db import connections

from theseller.analytics.inventory.queries import DEFAULT_SKU
from theseller.analytics.inventory.types import LIMITS, REPLENISHMENT_FIELDS, Replenishment
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope

_KNOWN = """
select exists (select from ingest_inventory where tenant_id = %(tenant)s and sku = %(sku)s)
"""
_STORED = f"""
select {", ".join(REPLENISHMENT_FIELDS)} from analytics_replenishment
where tenant_id = %(tenant)s and sku = %(sku)s for update
"""  # column names of our own  # noqa: S608
_DELETE = "delete from analytics_replenishment where tenant_id = %(tenant)s and sku = %(sku)s"
_WRITE = f"""
insert into analytics_replenishment (tenant_id, sku, {", ".join(REPLENISHMENT_FIELDS)}, updated_at)
values (%(tenant)s, %(sku)s, {", ".join(f"%({name})s" for name in REPLENISHMENT_FIELDS)}, %(at)s)
on conflict (tenant_id, sku) do update
set {", ".join(f"{name} = excluded.{name}" for name in (*REPLENISHMENT_FIELDS, "updated_at"))}
"""  # column names of our own  # noqa: S608


class UnknownProductError(ValueError):
    """The shop has no stock of a product with this SKU."""


def set_replenishment(
    *, sku: str, inputs: Replenishment, tenant: UUID, actor: str, at: datetime
) -> bool:
    """Store what was entered for a product; return False if it is so already.

    Inputs without any value delete the product's own: the shop's default applies again. The audit
    log names no SKU and no value: it outlives the shop.

    Args:
        sku: the product; blank for the shop's default.
        inputs: what was entered.
        tenant: the shop.
        actor: how the audit log names who entered it.
        at: now.

    Raises:
        UnknownProductError: the shop has no stock of this product.
        ValueError: a value is outside its limits.
    """
    for name, (least, most) in LIMITS.items():
        value = getattr(inputs, name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} is from {least} to {most}")
    values = {"tenant": tenant, "sku": sku, "at": at} | {
        name: getattr(inputs, name) for name in REPLENISHMENT_FIELDS
    }
    with tenant_scope(tenant):
        database = connections["default"]
        if sku != DEFAULT_SKU and not sql_execution.rows(database, _KNOWN, values)[0][0]:
            raise UnknownProductError("the shop has no stock of this product")
        stored = sql_execution.rows(database, _STORED, values)
        before = Replenishment(*stored[0]) if stored else Replenishment()
        if before == inputs:
            return False
        sql_execution.execute(database, _WRITE if any_entered(inputs) else _DELETE, values)
        record(
            Tag.REPLENISHMENT_CHANGED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            details={"what": "product" if sku else "default"},
        )
    return True


def any_entered(inputs: Replenishment) -> bool:
    """Return whether any value is entered."""
    return any(value is not None for value in astuple(inputs))
