"""Recurring jobs that delete expired sessions and one-time links."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db import connections
from procrastinate.contrib.django import app

from theseller.accounts.models import PasswordLink, PasswordRequest, SignUp
from theseller.accounts.one_time_link_tokens import VALID_FOR
from theseller.lib import clock, sql_execution
from theseller.tenancy.tenant_scope import tenant_scope


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


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="accounts.delete_expired_links",
    queueing_lock="accounts.delete_expired_links",
    pass_context=False,
)
def delete_expired_links(timestamp: int) -> None:
    """Delete invitations, links and requests that have expired."""
    del timestamp
    at = clock.now()
    PasswordLink.objects.filter(expires_at__lte=at).delete()
    SignUp.objects.filter(expires_at__lte=at).delete()
    PasswordRequest.objects.filter(requested_at__lte=at - VALID_FOR).delete()
    database = connections["default"]
    for row in sql_execution.rows(
        database, "select tenant_id from guard.tenants_with_expired_invitations(%s)", [at]
    ):
        with tenant_scope(row[0]):
            sql_execution.execute(
                database, "delete from accounts_invitation where expires_at <= %s", [at]
            )
