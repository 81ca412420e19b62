"""What the data map calls expired by age is deleted by a recurring job that deletes only that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connections
from procrastinate.contrib.django import app
from tests.conftest import as_role

from theseller.accounts.tasks import delete_expired_sessions
from theseller.config import job_worker
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import BY_THE_WORKER, Eraser, TableDescriptor
from theseller.edge.tasks import delete_idle_buckets
from theseller.lib import clock

EXPIRING = [one for one in descriptors() if one.eraser is Eraser.EXPIRY]


@pytest.mark.parametrize("descriptor", EXPIRING, ids=lambda one: one.table)
def test_every_table_that_expires_names_its_live_recurring_job(descriptor: TableDescriptor) -> None:
    if descriptor.expired_by == BY_THE_WORKER:
        assert 'delete_jobs="always"' in Path(job_worker.__file__).read_text()
        return
    recurring = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
    assert descriptor.expired_by in recurring


def test_facts_expire_by_a_stores_day_or_by_a_moment(database: str) -> None:
    """A date of another name would be compared with a moment in UTC: a day early or late."""
    aged = {one.table: one.age_column for one in descriptors() if one.age_column}
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'public'"
        )
        types = {(table, column): kind for table, column, kind in cursor.fetchall()}
    found = {table: (column, types[table, column]) for table, column in aged.items()}
    assert set(found.values()) >= {("local_day", "date")}
    assert {
        table: of
        for table, of in found.items()
        if of != ("local_day", "date") and of[1] != "timestamp with time zone"
    } == {}


def test_idle_rate_limits_are_deleted_and_others_stay(database: str) -> None:
    at = clock.now()
    rows = [("idle", at - timedelta(days=1, seconds=1)), ("used", at - timedelta(hours=23))]
    with connections["auth"].cursor() as cursor:
        cursor.execute("delete from edge_ratebucket")
        for key, updated in rows:
            cursor.execute(
                "insert into edge_ratebucket (key, tokens, updated_at) values (%s, 1, %s)",
                [key, updated],
            )
    with as_role("worker"):
        delete_idle_buckets(timestamp=0)
    with connections["auth"].cursor() as cursor:
        cursor.execute("delete from edge_ratebucket returning key")
        assert cursor.fetchall() == [("used",)]


def test_expired_sessions_are_deleted_and_others_stay(database: str) -> None:
    at = clock.now()
    Session.objects.all().delete()
    for key, expires in (("over", at - timedelta(seconds=1)), ("alive", at + timedelta(hours=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    with as_role("worker"):
        delete_expired_sessions(timestamp=0)
    assert list(Session.objects.values_list("session_key", flat=True)) == ["alive"]
    Session.objects.all().delete()
