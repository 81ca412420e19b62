"""A nudge to the worker: recipients are wanted. What is wanted stands in a table; whatever a lost nudge leaves, a run of its own finds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from theseller.tenancy.scope import tenant_scope

#: By name, for what asks does not import what is asked.
JOB = "theseller.vault.tasks.fetch_recipients"


def enqueue_fetch(*, tenant: UUID, connection: UUID, at: datetime | None = None) -> None:
    """Have the recipients fetched that are wanted of `connection`, when a worker is free or at `at`; once, however often it is asked for."""
    lock = f"vault:{connection}"
    job = app.configure_task(JOB, queueing_lock=lock, lock=lock, schedule_at=at)
    try:
        # In the tenant's scope: the database takes a job from the web only for the tenant whose ticket is open.
        with tenant_scope(tenant):
            job.defer(tenant=str(tenant), connection=str(connection))
    except AlreadyEnqueued:
        return
