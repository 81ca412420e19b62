"""A restore to the time of the backup that is killed at its n-th step.

Or it continues an exchange and is killed at a step of that.

Run in the worker's role, Django being ready, the database's server stopped: with a backup's id and
the number of the step.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from django.conf import settings
from tests.integration.erasure.kills import Boundaries

from theseller.backups.backup_configuration import backup_context
from theseller.backups.restore import BACKUP_TIME, restore
from theseller.postgres.swap_data_dir import finish_swap, swap_pending


def main() -> None:
    wanted, boundaries = sys.argv[1], Boundaries(int(sys.argv[2]))

    def reached(step: str) -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        boundaries.passing(step)

    state = settings.ENVIRONMENT.state
    if swap_pending(state):
        finish_swap(state, reached=reached)
        return
    place = replace(backup_context(), reached=reached)
    password = settings.SECRETS.get("db-superuser")
    restore(
        place, state, wanted, until=BACKUP_TIME, allow_wal_gap=False, superuser_password=password
    )


if __name__ == "__main__":
    main()
