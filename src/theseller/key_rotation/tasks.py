"""The recurring job of key rotation."""

from __future__ import annotations

import time
from datetime import timedelta

from procrastinate.contrib.django import app

from theseller.key_rotation.operations import rotate_due
from theseller.key_rotation.types import RotationBusyError, RotationContext
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


@app.periodic(cron="17 * * * *")
@app.task(
    name="key_rotation.rotate_due_secrets",
    queueing_lock="key_rotation.rotate_due_secrets",
    pass_context=False,
)
def rotate_due_secrets(timestamp: int) -> None:
    """Replace what is due and resume interrupted rotations.

    Hourly: a secret is due days before its maximum age.
    """
    del timestamp
    context = RotationContext(clock.now, time.sleep, patience=timedelta(seconds=20))
    try:
        for rotated in rotate_due(actor="process:rotation", context=context):
            log.info(
                "rotation_advanced",
                name=rotated.secret,
                finished=rotated.finished,
                step=rotated.step,
            )
    except RotationBusyError:
        log.info("rotation_postponed", reason="lock_held")
