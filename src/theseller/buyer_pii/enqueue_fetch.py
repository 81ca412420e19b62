"""Enqueue the job that fetches packing slip recipients from Amazon.

Requests are stored in a table; a periodic job enqueues what a lost job left.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from theseller.tenancy.tenant_scope import tenant_scope

#: By name: this module does not import the tasks.
JOB = "buyer_pii.fetch_recipients"


def enqueue_fetch(*, tenant: UUID, connection: UUID, at: datetime | None = None) -> None:
    """Enqueue one job that fetches `connection`'s recipients, now or at `at`.

    A job that is already queued is not queued twice.
    """
    lock = f"buyer_pii:{connection}"
    job = app.configure_task(JOB, queueing_lock=lock, lock=lock, schedule_at=at)
    try:
        # In the tenant's scope: the database accepts the web role's jobs for the open ticket's
        # tenant only.
        with tenant_scope(tenant):
            job.defer(tenant=str(tenant), connection=str(connection))
    except AlreadyEnqueued:
        return
