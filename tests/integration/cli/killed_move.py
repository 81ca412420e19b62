"""Kills `theseller database move` after one of its steps.

Run with the direction (`external` or `embedded`), the URL of the external database and the step.
"""

from __future__ import annotations

import os
import signal
import sys

from theseller.cli.database_move import move_to_embedded, move_to_external
from theseller.cli.state_folders import state_folder

STEPS = ("closed", "prepared", "copied", "compared", "proven", "finished")


def main(to: str, url: str, step: str) -> None:
    def reached(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    move = move_to_embedded if to == "embedded" else move_to_external
    move(state_folder(os.environ), url, reached=reached)


if __name__ == "__main__":
    main(*sys.argv[1:])
