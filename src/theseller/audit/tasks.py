"""The recurring job that seals the audit log."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.audit.checkpointing import seal_due
from theseller.audit.command_line_action_file import import_command_line_actions
from theseller.audit.types import AuditKeyLostError, LogBehindError, SealingBusyError
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


# Each worker queues it for its own host every minute (`config.host_reporting_and_job_queueing`).
@app.task(name="audit.seal_audit_log", queueing_lock="audit.seal_audit_log", pass_context=False)
def seal_audit_log(timestamp: int = 0) -> None:
    """Import this host's acts from the command line; seal lines if due.

    It also completes this host's copy of the checkpoints.
    """
    del timestamp
    try:
        import_command_line_actions(at=clock.now())
        seal_due(at=clock.now())
    except (AuditKeyLostError, LogBehindError) as error:
        log.error("audit_checkpoint_failed", reason=str(error))
    except SealingBusyError:
        log.info("audit_checkpoint_postponed", reason="lock_held")
