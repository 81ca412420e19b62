"""One small backup in the deployment of the saboteurs.

The product seals, stores and records it; its source has a few bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from tests.conftest import as_role
from tests.integration.erasure.kills import LittleSource

from theseller.backups.backup_configuration import backup_context
from theseller.backups.operations import take
from theseller.backups.restore_drill import _kept as keep_report
from theseller.backups.types import Drill
from theseller.lib import clock
from theseller.retention.readable_backups import readable_backup_keys

#: As a drill of a real one reports.
CHECKED = {
    "files": 1300,
    "tables": 40,
    "rows": 400,
    "relations": 300,
    "tenant tables": 30,
    "erasures": 1,
}


@contextmanager
def small_backup(archive: Path) -> Iterator[None]:
    """Take one and say that it was drilled, for the block; leave neither its files nor its key."""
    place = replace(backup_context(), source=LittleSource(archive))
    with as_role("worker"):
        made = take(place, now=clock.now)
        keep_report(Drill(made.id, clock.now(), clock.now(), CHECKED, ()))
    try:
        yield
    finally:
        for entry in readable_backup_keys(place.keys):
            settings.KEY_STORE.destroy(entry.id)
        shutil.rmtree(settings.ENVIRONMENT.state / "backups", ignore_errors=True)
