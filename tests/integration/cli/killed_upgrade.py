"""Kills `theseller postgres upgrade` after one of its steps.

Run with the folder of the old version's programs and the step.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from theseller.cli.postgres_upgrade import upgrade
from theseller.cli.state_folders import state_folder

#: Before the exchange of the folders, and from its note on.
COPYING = (
    "begun", "initialized", "counters set", "prepared", "copied", "compared", "stopped",
)  # fmt: skip
EXCHANGING = (
    "noted", "set aside", "put in place", "archive emptied", "exchanged", "discarded",
)  # fmt: skip


def main(old_programs: str, step: str) -> None:
    def reached(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade(state_folder(os.environ), Path(old_programs), reached=reached)


if __name__ == "__main__":
    main(*sys.argv[1:])
