"""Legal holds: a tenant's facts are kept longer while one is active.

The operator places them by the command line; the seller sees them. A hold never keeps data of a
disconnected connection: the seller's right to have it erased within 30 days, and Amazon's
condition, have no exception for an operator. Where a law does oblige, the operator must have an
order that names the data, and exports it with the seller's own export before the 30 days are over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.retention.retention_limits import HOLD_DAYS_MAX, HOLD_REASON_LENGTH_MIN
from theseller.tenancy.tenant_scope import current_tenant, tenant_scope

_SELECT = (
    "select tenant_id, id, reason, placed_by, placed_at, until, lifted_at from retention_hold where"
    " tenant_id = %s"
)


class HoldRefusedError(ValueError):
    """A hold can't be placed or lifted as requested.

    The text says what to do.
    """


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. It is active until `until`, or until it was lifted."""

    tenant: UUID
    id: UUID
    reason: str
    placed_by: str
    placed_at: datetime
    until: datetime
    lifted_at: datetime | None

    def is_active(self, at: datetime) -> bool:
        """Say whether the hold is placed, not lifted and not expired at `at`."""
        return self.lifted_at is None and self.placed_at <= at < self.until


def holds_of_tenant(*, using: str = "default") -> tuple[Hold, ...]:
    """Return every hold of the tenant in scope, newest first."""
    return tuple(
        Hold(*row)
        for row in sql_execution.rows(
            databases[using], _SELECT + " order by placed_at desc, id", [current_tenant()]
        )
    )


def active_hold(*, at: datetime, using: str = "default") -> Hold | None:
    """Return the active hold of the tenant in scope that lasts longest.

    None without one at `at`.
    """
    return max(
        (hold for hold in holds_of_tenant(using=using) if hold.is_active(at)),
        key=lambda hold: hold.until,
        default=None,
    )


def place_hold(*, tenant: UUID, reason: str, until: datetime, actor: str, at: datetime) -> Hold:
    """Keep a shop's facts beyond their age. To renew one, place another.

    Raises:
        HoldRefusedError: the reason is too short, the end is past or more than a year away, or
            there is no such shop.
    """
    reason = " ".join(reason.split())
    if not HOLD_REASON_LENGTH_MIN <= len(reason) <= 1000:
        raise HoldRefusedError(
            f"Give a reason of {HOLD_REASON_LENGTH_MIN} to 1000 characters. The seller can read it."
        )
    if not at < until <= at + timedelta(days=HOLD_DAYS_MAX):
        raise HoldRefusedError(
            f"A hold ends in the future and within {HOLD_DAYS_MAX} days. Place another if it is"
            " still needed then."
        )
    made = Hold(tenant, new_id(), reason, actor, at, until, None)
    with tenant_scope(tenant):
        if not sql_execution.value(
            databases["default"],
            "select exists (select from tenancy_tenant where id = %s)",
            [tenant],
        ):
            raise HoldRefusedError("There is no shop with this ID.")
        sql_execution.execute(
            databases["default"],
            "insert into retention_hold (tenant_id, id, reason, placed_by, placed_at, until) values"
            " (%s, %s, %s, %s, %s, %s)",
            [tenant, made.id, reason, actor, at, until],
        )
        details = {"until": until.isoformat()}
        record(
            Tag.HOLD_PLACED,
            actor=actor,
            tenant=tenant,
            subject=f"hold:{made.id}",
            at=at,
            details=details,
        )
    return made


def lift_hold(*, tenant: UUID, hold: UUID, actor: str, at: datetime) -> bool:
    """End a hold now; False if it was lifted before, or there is none."""
    with tenant_scope(tenant):
        if not sql_execution.execute(
            databases["default"],
            "update retention_hold set lifted_at = %s, lifted_by = %s where tenant_id = %s and id ="
            " %s and lifted_at is null",
            [at, actor, tenant, hold],
        ):
            return False
        record(Tag.HOLD_LIFTED, actor=actor, tenant=tenant, subject=f"hold:{hold}", at=at)
    return True
