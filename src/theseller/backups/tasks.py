"""The recurring job of `backups`.

Its name is stored in the job queue and does not depend on where the code is.
"""

from __future__ import annotations

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.backups.backup_configuration import backup_context, is_configured
from theseller.backups.scheduled_operations import maintain_backups
from theseller.backups.scheduled_state_export import export_state_if_due
from theseller.backups.types import BackupError
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(
    name="backups.maintain_backups", queueing_lock="backups.maintain_backups", pass_context=False
)
def maintain_backups_periodically(timestamp: int) -> None:
    """Expire, take and drill backups, seal WAL, export the state folder.

    Recurring: it reads from the database and the key store what is due.
    """
    del timestamp
    if is_configured():
        kept = maintain_backups(
            backup_context(), settings.ENVIRONMENT.state, at=clock.now(), now=clock.now
        )
        for sentence in kept.done:
            log.info("backup_maintenance_done", detail=sentence)
        for sentence in kept.failed:
            log.error("backup_maintenance_failed", reason=sentence)
    _export_state()


def _export_state() -> None:
    try:
        exported = export_state_if_due(with_backups=is_configured(), at=clock.now())
    except BackupError as error:
        log.error("state_export_failed", reason=str(error))
    else:
        if exported is not None:
            log.info("state_exported", path=str(exported))
