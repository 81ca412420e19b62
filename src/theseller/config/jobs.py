"""What recurs, in one table; and how a killed worker's jobs come back."""

from __future__ import annotations

import procrastinate


def on_app_ready(app: procrastinate.App) -> None:
    """Give Procrastinate our tasks and the recurring table. Called by its Django app when it is ready."""
    for module in ("theseller.ingest.tasks", "theseller.analytics.tasks", "theseller.retention.tasks", "theseller.controls.tasks"):
        __import__(module)
