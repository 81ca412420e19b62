"""Four hundred days of a deployment in a minute.

Sellers come and leave, the worker is down, killed or without its target, and time passes.

At no instant may a backup be readable that is older than its cap, or none be readable that is young
enough to go back to; no ended connection may outlive its clock, and no fact its eighteen months.
Everything that decides is the product's own, on the real database and key store; only the copied
files are little ones, and the clock is ours.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connections as databases
from tests.conftest import as_role
from tests.integration.erasure.kills import LittleSource
from tests.sabotage.databases import own_database

from theseller.backups.backup_configuration import BackupContext
from theseller.backups.operations import keep_wal, prune, readable, take
from theseller.backups.storage_targets import DirectoryTarget, TargetError
from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.key_file_format import KeyRecord
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.queries import due_connections
from theseller.lib.ids import creation_time
from theseller.lib.marketplaces import Region
from theseller.retention.fact_expiry import delete_expired_facts, tenants_with_expired_facts
from theseller.retention.readable_backups import backup_of_key, readable_backup_keys
from theseller.retention.retention_limits import (
    BACKUP_DAYS,
    BACKUP_DAYS_MAX,
    BACKUP_HOURS,
    ERASURE_DAYS_MAX,
    FACTS_KEPT_DAYS,
)
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

pytestmark = pytest.mark.timeout(1800)
BEGIN = datetime(2025, 10, 20, tzinfo=UTC)
DAYS = 400
TICK = timedelta(hours=6)
#: The worker may be down this long at a time; what it has to do is late by no more than that and a
#: tick.
OUTAGE_MAX = timedelta(hours=60)
SLACK = OUTAGE_MAX + 2 * TICK
SEED = 20261123


class Killed(BaseException):
    """The process ended here. It is no error: nothing may handle it."""


@dataclass(slots=True)
class Life:
    """What has happened. `lags` are from the end of a connection to the proof that it is erased."""

    place: BackupContext
    random: Random
    at: datetime = BEGIN
    down_until: datetime = BEGIN
    shops: list[UUID] = field(default_factory=list)
    open: list[tuple[UUID, UUID]] = field(default_factory=list)
    ended: dict[UUID, datetime] = field(default_factory=dict)
    lags: list[timedelta] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    oldest: timedelta = timedelta()
    gap: timedelta = timedelta()
    began: bool = False


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database of its own: hundreds of shops with work to do would be in the way of others' tests."""
    with own_database("simulation") as name:
        yield name


@pytest.fixture
def life(tmp_path: Path, database: str) -> Life:
    random = Random(SEED)  # noqa: S311
    keys = FileKeyStore(tmp_path / "keys", settings.SECRETS, environment="test")
    source = LittleSource(tmp_path / "archive")
    source.size = 1000
    with databases["migrate"].cursor() as cursor:
        cursor.execute(
            "select guard.ensure_months(%s, %s)",
            [
                (BEGIN - timedelta(days=FACTS_KEPT_DAYS + 31)).date(),
                (BEGIN + timedelta(days=DAYS)).date(),
            ],
        )
    place = BackupContext(
        DirectoryTarget(tmp_path / "backups"), keys, "test", source, tmp_path / "lock"
    )
    return Life(place, random)


@pytest.mark.parametrize("days", [60, pytest.param(DAYS, marks=pytest.mark.exhaustive)])
def test_no_time_limit_is_exceeded(
    life: Life, days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Simulate sixty days: more than two lives of a backup, and twice an erasure's time limit.

    The whole is marked `exhaustive`.
    """
    _live(life, days)
    lags = sorted(life.lags)
    assert len(lags) > days / 2, "too few sellers left for the figures to mean anything"
    assert life.happened["backups"] > days / 2, "too few backups were taken"
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {days} days: {dict(life.happened)}; erased after p50"
            f" {_hours(lags[len(lags) // 2])}, p99 {_hours(lags[len(lags) * 99 // 100])}, at most"
            f" {_hours(lags[-1])}; oldest readable backup"
            f" {life.oldest.total_seconds() / 86_400:.1f} d (cap {BACKUP_DAYS_MAX}); longest"
            f" without a younger one {_hours(life.gap)}\n"
        )


@pytest.mark.parametrize(
    ("what", "noticed"),
    [
        pytest.param("prune", "a backup of 3", marks=pytest.mark.exhaustive),
        pytest.param(
            "due_connections",
            "ended connections are past their clock",
            marks=pytest.mark.exhaustive,
        ),
        ("take", "the newest backup is of"),
        ("tenants_with_expired_facts", "there is a fact of"),
    ],
)
def test_missing_work_is_detected(
    life: Life, monkeypatch: pytest.MonkeyPatch, what: str, noticed: str
) -> None:
    _live(life, 2)
    monkeypatch.setattr(sys.modules[__name__], what, lambda *_about, **_details: ())
    with pytest.raises(AssertionError, match=noticed):
        _live(life, 40)


def _live(life: Life, days: int) -> None:
    """Let time pass."""
    until = life.at + timedelta(days=days)
    while life.at < until:
        _sellers_come_and_go(life)
        if life.random.random() < 0.004:
            life.down_until = life.at + OUTAGE_MAX * life.random.random()
            life.happened["outages"] += 1
        if life.at >= life.down_until:
            _worker(life)
        _look(life)
        life.at += TICK


def _sellers_come_and_go(life: Life) -> None:
    if life.random.random() < 0.2:
        tenant = create_tenant(name="A shop", actor="process:test", at=life.at)
        with tenant_scope(tenant):
            connection = connection_for_files(Region.NA, tenant=tenant, at=life.at)
            for age in (
                0,
                life.random.randrange(FACTS_KEPT_DAYS),
                FACTS_KEPT_DAYS - 1 - life.random.randrange(20),
            ):
                _fact(tenant, connection, life.at.date() - timedelta(days=age), life.at)
        life.shops.append(tenant)
        life.open.append((tenant, connection))
        life.happened["connected"] += 1
    if life.open and life.random.random() < 0.16:
        tenant, connection = life.open.pop(life.random.randrange(len(life.open)))
        reason = life.random.choice(list(DisconnectReason))
        disconnect(
            connection=connection, reason=reason, tenant=tenant, actor="process:test", at=life.at
        )
        life.ended[connection] = life.at
        life.happened["disconnected"] += 1


def _fact(tenant: UUID, connection: UUID, day: date, at: datetime) -> None:
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
            " connection_id, marketplace_id, purchased_at, last_updated_at, status, fulfilment,"
            " is_business, is_replacement, sku, asin, quantity, source) values (%s, %s,"
            " gen_random_uuid()::text, '1', %s, 'ATVPDKIKX0DER', %s, %s, 'shipped', 'amazon',"
            " false, false, 'S', 'A', 1, 'orders_api')",
            [tenant, day, connection, at, at],
        )


def _worker(life: Life) -> None:
    """Do what the recurring jobs do; now and then be killed at some step, or find the target unavailable."""
    killed_at = life.random.randrange(1, 12) if life.random.random() < 0.05 else 0
    steps = 0

    def reached(_step: str) -> None:
        nonlocal steps
        steps += 1
        if steps == killed_at:
            raise Killed

    place = replace(life.place, reached=reached)
    if life.random.random() < 0.01:
        place = replace(place, target=_Unavailable())
    with as_role("worker"):
        _erase(life)
        try:
            prune(place, at=life.at)
            keep_wal(place)
            newest = _newest(life, readable_backup_keys(place.keys))
            if newest is None or life.at - newest >= timedelta(hours=BACKUP_HOURS):
                _new_wal(life)
                take(place, now=lambda: life.at)
                life.began = True
                life.happened["backups"] += 1
        except Killed:
            life.happened["kills"] += 1
        except TargetError:
            life.happened["without a target"] += 1


def _erase(life: Life) -> None:
    for closed in due_connections(at=life.at, most=1000):
        if (
            closed.id in life.ended
            and closed.tenant
            and erase_connection(connection=closed.id, tenant=closed.tenant, at=life.at).completed
        ):
            life.lags.append(life.at - life.ended.pop(closed.id))
    for tenant in tenants_with_expired_facts(at=life.at, most=1000):
        if tenant in life.shops:
            life.happened["facts aged"] += sum(
                delete_expired_facts(tenant=tenant, at=life.at).values()
            )


def _new_wal(life: Life) -> None:
    LittleSource(life.place.source.archive)


class _Unavailable(DirectoryTarget):
    """A target that doesn't answer."""

    title = "gone"

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))

    def names(self, prefix: str = "") -> tuple[str, ...]:
        raise TargetError(f"no answer about {prefix!r}")


def _newest(life: Life, living: tuple[KeyRecord, ...]) -> datetime | None:
    found = (readable(life.place, entry) for entry in reversed(living))
    newest = next((identity for identity in found if identity is not None), None)
    return creation_time(newest) if newest else None


def _look(life: Life) -> None:
    """What anyone with every remaining key could read now."""
    living = readable_backup_keys(life.place.keys)
    ages = [life.at - creation_time(backup_of_key(entry) or entry.id) for entry in living]
    oldest = max(ages, default=timedelta())
    life.oldest = max(life.oldest, oldest)
    assert oldest <= timedelta(days=BACKUP_DAYS) + SLACK, (
        f"{life.at}: a backup of {oldest} can be read"
    )
    assert oldest <= timedelta(days=BACKUP_DAYS_MAX)
    if life.began:
        newest = _newest(life, living)
        assert newest is not None, f"{life.at}: no backup can be read"
        life.gap = max(life.gap, life.at - newest)
        assert life.at - newest <= timedelta(hours=BACKUP_HOURS) + SLACK, (
            f"{life.at}: the newest backup is of {newest}"
        )
    with databases["probe"].cursor() as cursor:
        cursor.execute(
            "select min(local_day) from ingest_order_line where tenant_id = any(%s)", [life.shops]
        )
        first = cursor.fetchone()[0]
    kept = (
        life.at - timedelta(days=FACTS_KEPT_DAYS + 1) - SLACK
    ).date()  # A store's day may be the one before ours.
    assert first is None or first >= kept, f"{life.at}: there is a fact of {first}"
    late = [
        connection
        for connection, ended in life.ended.items()
        if life.at - ended > timedelta(days=ERASURE_DAYS_MAX)
    ]
    assert not late, f"{life.at}: {len(late)} ended connections are past their clock"


def _hours(lag: timedelta) -> str:
    return f"{lag.total_seconds() / 3600:.0f} h"
