"""Register the jobs of every package, and their recurrence.

Each package registers its own recurring jobs in its `tasks.py`. Procrastinate's cron has five
fields and, if there is a sixth, it is the seconds, last: ``* * * * * */2`` is every two seconds.
"""

from __future__ import annotations

import procrastinate

from theseller.config.job_recovery import RetryTransientFailures, reap_stalled

_APPS_WITH_TASKS = (
    "audit",
    "edge",
    "mail",
    "accounts",
    "ingest",
    "buyer_pii",
    "analytics",
    "retention",
    "erasure",
    "backups",
    "privacy",
    "operators",
    "key_rotation",
    "controls",
)


def on_app_ready(app: procrastinate.App) -> None:
    """Register our tasks and their recurrence with Procrastinate.

    Its Django app calls it when it is ready.
    """
    for package in _APPS_WITH_TASKS:
        __import__(f"theseller.{package}.tasks")
    for task in app.tasks.values():
        task.retry_strategy = task.retry_strategy or RetryTransientFailures()
    reap = app.task(name="config.reap", queueing_lock="config.reap", pass_context=True)(
        reap_stalled
    )
    app.periodic(cron="* * * * * */10")(reap)
