"""Recurring jobs of `mail`: deliver what is queued, delete what is old."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.mail import delivery, retention


@app.periodic(cron="* * * * * */5")
@app.task(name="mail.deliver", queueing_lock="mail.deliver", pass_context=False)
def deliver(timestamp: int) -> None:
    """Send queued mail that is due, every five seconds."""
    del timestamp
    delivery.deliver_due(now=clock.now)


@app.periodic(cron="23 * * * *")
@app.task(name="mail.delete_old_mail", queueing_lock="mail.delete_old_mail", pass_context=False)
def delete_old_mail(timestamp: int) -> None:
    """Delete mail 30 days after its delivery ended, every hour."""
    del timestamp
    retention.delete_old(at=clock.now())
