"""The recurring job that seals the audit log."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.audit.checkpointing import seal_due
from theseller.audit.command_line_actions import import_command_line_actions
from theseller.audit.types import AuditKeyLostError, LogBehindError, SealingBusyError
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="audit.seal_audit_log", queueing_lock="audit.seal_audit_log", pass_context=False)
def seal_audit_log(timestamp: int) -> None:
    """Import acts from the command line, and seal lines if that is due."""
    del timestamp
    try:
        import_command_line_actions(at=clock.now())
        seal_due(at=clock.now())
    except (AuditKeyLostError, LogBehindError) as error:
        log.error("audit_checkpoint_failed", reason=str(error))
    except SealingBusyError:
        log.info("audit_checkpoint_postponed", reason="lock_held")
