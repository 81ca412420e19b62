"""The recurring job that deletes expired browser sessions."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from procrastinate.contrib.django import app

from theseller.lib import clock


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="accounts.delete_expired_sessions",
    queueing_lock="accounts.delete_expired_sessions",
    pass_context=False,
)
def delete_expired_sessions(timestamp: int) -> None:
    """Delete browser sessions that have expired, every ten minutes."""
    del timestamp
    Session.objects.filter(expire_date__lte=clock.now()).delete()
