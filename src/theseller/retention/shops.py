"""Erase a shop whose owner ended it, and the accounts of people who have no other: after every connection of it is certified as erased.

As with a connection: an entry outside the database first, then the ledger with what there is, then a step for each table that is one
transaction with its mark, then a count by another role. A kill at any point loses nothing; the next run goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.db import transaction

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.crypto.files import locked, private_directory, read_private, write_private
from theseller.datamap.registry import erasure_order
from theseller.datamap.types import Eraser, Holding
from theseller.lib.ids import new_id
from theseller.retention.erasures import ledger_folder
from theseller.retention.limits import SHOP_GRACE_HOURS
from theseller.tenancy.scope import tenant_scope

ERASER, COUNTER, ACTOR = "retention", "probe", "process:retention"


@dataclass(frozen=True, slots=True)
class ShopErased:
    """What the end of a shop did: rows deleted by table, rows that a count by another role found left, and whether it is complete."""

    tenant: UUID
    deleted: dict[str, int]
    left: dict[str, int]
    completed: bool


def note_shop_end(*, actor: str, tenant: UUID, at: datetime) -> bool:
    """Write down, inside the caller's scope, that the shop is to end; False if that was asked before."""
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into retention_shop_end (tenant_id, id, asked_at, asked_by) values (%s, %s, %s, %s) on conflict do nothing",
            [tenant, new_id(), at, actor],
        )
        if not cursor.rowcount:
            return False
    record(Tag.SHOP_END_INTENDED, actor=actor, tenant=tenant, subject=f"tenant:{tenant}", at=at)
    return True


def shop_end_asked_at(tenant: UUID, *, using: str = "default") -> datetime | None:
    """Return when the end of the shop in scope was asked for, or None."""
    with databases[using].cursor() as cursor:
        cursor.execute("select asked_at from retention_shop_end where tenant_id = %s", [tenant])
        row = cursor.fetchone()
    return row[0] if row else None


def due_shops(*, at: datetime, using: str = "default") -> tuple[UUID, ...]:
    """Return the shops that can go now: asked for a day ago, so that certificates could be downloaded, and every connection certified."""
    with databases[using].cursor() as cursor:
        cursor.execute("select tenant_id from guard.due_shop_ends(%s)", [at - timedelta(hours=SHOP_GRACE_HOURS)])
        return tuple(row[0] for row in cursor.fetchall())


def erase_shop(*, tenant: UUID, at: datetime) -> ShopErased:
    """Erase every row of a shop that is due, and end the accounts of people who have no other shop. Call it again after a kill."""
    _write_entry("shops", tenant, at)
    done = _begin(tenant, at)
    for holding in _of_shop():
        if holding.eraser is Eraser.DELETE_TENANT and holding.table not in done:
            done[holding.table] = _erase(tenant, holding, at)
    erase_people(at=at)
    left = _count(tenant)
    completed = not any(left.values())
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if completed:
            cursor.execute(
                "update retention_shop_end set left_over = %s, completed_at = %s where tenant_id = %s", [json.dumps(left), at, tenant]
            )
            record(Tag.SHOP_ERASED, actor=ACTOR, tenant=tenant, subject=f"tenant:{tenant}", at=at, details=done, using=ERASER)
        else:
            cursor.execute("update retention_shop_end set steps_done = '{}' where tenant_id = %s", [tenant])
    return ShopErased(tenant, done, left, completed)


def erase_people(*, at: datetime) -> int:
    """Erase the accounts of people whose last shop has gone; return how many. Somebody who has a place again keeps theirs."""
    with databases[ERASER].cursor() as cursor:
        cursor.execute("select user_id from retention_person_end where completed_at is null order by asked_at limit 1000")
        waiting = [row[0] for row in cursor.fetchall()]
    return sum(_erase_person(person, at) for person in waiting)


def replay_shop_ends(*, at: datetime) -> int:
    """Do again in a restored database what the entries outside it say; return how many shops were erased again."""
    again = 0
    for tenant in _entries("shops"):
        with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
            cursor.execute("select exists (select from tenancy_tenant where id = %s)", [tenant])
            if not cursor.fetchone()[0]:
                continue
            cursor.execute(
                "insert into retention_shop_end (tenant_id, id, asked_at, asked_by) values (%s, %s, %s, %s) on conflict (tenant_id)"
                " do update set completed_at = null, steps_done = '{}'",
                [tenant, new_id(), at, ACTOR],
            )
        if not erase_shop(tenant=tenant, at=at).completed:
            raise RuntimeError(f"shop {tenant} had ended and could not be erased in the restored database")
        again += 1
    for person in _entries("people"):
        with databases[ERASER].cursor() as cursor:
            cursor.execute(
                "insert into retention_person_end (user_id, asked_at) values (%s, %s) on conflict (user_id)"
                " do update set completed_at = null, kept = false",
                [person, at],
            )
    erase_people(at=at)
    return again


def _of_shop() -> list[Holding]:
    return [holding for holding in erasure_order() if holding.tenant_column and holding.eraser is not Eraser.KEEP]


def _begin(tenant: UUID, at: datetime) -> dict[str, int]:
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute("select begun_at, steps_done from retention_shop_end where tenant_id = %s for update", [tenant])
        row = cursor.fetchone()
        if row is None:
            raise LookupError("nobody asked for the end of this shop")
        if row[0] is None:
            cursor.execute(
                "update retention_shop_end set begun_at = %s, plan = %s where tenant_id = %s", [at, json.dumps(_count(tenant)), tenant]
            )
    return json.loads(row[1]) if isinstance(row[1], str) else dict(row[1])


def _erase(tenant: UUID, holding: Holding, at: datetime) -> int:
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if holding.table == "accounts_membership":
            cursor.execute(
                "insert into retention_person_end (user_id, asked_at) select m.user_id, %s from accounts_membership m where m.tenant_id = %s"
                " on conflict (user_id) do update set completed_at = null, kept = false",
                [at, tenant],
            )
        cursor.execute(f"delete from {holding.table} where {holding.tenant_column} = %s", [tenant])  # noqa: S608  # the data map's own names
        deleted = int(cursor.rowcount)
        cursor.execute(
            "update retention_shop_end set steps_done = steps_done || jsonb_build_object(%s::text, %s::bigint) where tenant_id = %s",
            [holding.table, deleted, tenant],
        )
    return deleted


def _erase_person(person: UUID, at: datetime) -> bool:
    with transaction.atomic(using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select exists (select from guard.tenants_of(%s)) or exists (select from accounts_operator where user_id = %s)",
            [person, person],
        )
        kept = bool(cursor.fetchone()[0])
        if not kept:
            _write_entry("people", person, at)
            for holding in erasure_order():
                if holding.eraser is Eraser.DELETE_USER and holding.table != "accounts_operator":
                    column = "id" if holding.table == "accounts_user" else "user_id"
                    cursor.execute(f"delete from {holding.table} where {column} = %s", [person])  # noqa: S608  # the data map's own names
            record(Tag.ACCOUNT_ERASED, actor=ACTOR, tenant=None, subject=f"user:{person}", at=at, using=ERASER)
        cursor.execute("update retention_person_end set completed_at = %s, kept = %s where user_id = %s", [at, kept, person])
    return not kept


def _count(tenant: UUID) -> dict[str, int]:
    """Count what is left of a shop, table by table, by the role that looks over all tenants."""
    counts = {}
    with databases[COUNTER].cursor() as cursor:
        for holding in _of_shop():
            cursor.execute(f"select count(*) from {holding.table} where {holding.tenant_column} = %s", [tenant])  # noqa: S608  # as above
            counts[holding.table] = int(cursor.fetchone()[0])
    return counts


def _folder(kind: str) -> Path:
    return private_directory(ledger_folder(settings.ENVIRONMENT.state) / kind)


def _write_entry(kind: str, identity: UUID, at: datetime) -> None:
    private_directory(ledger_folder(settings.ENVIRONMENT.state))
    folder = _folder(kind)
    path = folder / f"{identity}.json"
    if not path.exists():
        with locked(folder):
            write_private(path, json.dumps({"at": at.isoformat(), "id": str(identity)}, sort_keys=True).encode() + b"\n")


def _entries(kind: str) -> list[UUID]:
    folder = ledger_folder(settings.ENVIRONMENT.state) / kind
    return [UUID(json.loads(read_private(path))["id"]) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
