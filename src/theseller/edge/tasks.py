"""Recurring job: delete idle rate-limit buckets."""

from __future__ import annotations

from django.db import connection
from procrastinate.contrib.django import app

from theseller.edge.rate_limits import delete_idle
from theseller.lib import clock


@app.periodic(cron="17 * * * *")
@app.task(
    name="edge.delete_idle_buckets", queueing_lock="edge.delete_idle_buckets", pass_context=False
)
def delete_idle_buckets(timestamp: int) -> None:
    """Delete rate-limit buckets that were idle for a day. Runs hourly."""
    del timestamp
    with connection.cursor() as cursor:
        delete_idle(cursor, clock.now())
