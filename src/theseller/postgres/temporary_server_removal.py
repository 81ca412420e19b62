"""Delete the server of a restore, test or upgrade with its files.

Also the folder of the server of an upgrade.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from theseller.postgres.orphaned_server import clean_up_after_killed_run
from theseller.postgres.server_folders import control_folder, saved_layout


def upgrade_folder(state: Path) -> Path:
    """Return the folder of the new server during an upgrade."""
    return control_folder(state) / "upgrade"


def discard(folder: Path) -> None:
    """Delete a temporary server with everything in it.

    The server's data may be in a folder outside it.
    """
    layout = saved_layout(folder) if folder.is_dir() else None
    if layout is not None:
        clean_up_after_killed_run(
            layout.data, layout.run, lambda _sentence: None
        )  # Of a run that was killed: its files would replace our socket.
    if layout is not None and not layout.home.is_relative_to(folder):
        shutil.rmtree(layout.home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
