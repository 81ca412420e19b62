"""The folders a command works in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from theseller.cli.errors import CommandError

REPOSITORY = Path(__file__).resolve().parents[3]
_MARKER = ".theseller-state"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return THESELLER_STATE, by default `state` in the checkout. It need not exist."""
    return Path(environ.get("THESELLER_STATE") or REPOSITORY / "state").expanduser().resolve()


def make_state_folder(state: Path) -> None:
    """Make the state folder and mark it as ours, so that a reset never deletes a folder that is not.

    Raise CommandError when it exists, is not empty and was not made by us.
    """
    if state.is_dir() and any(state.iterdir()) and not is_state_folder(state):
        raise CommandError(
            f"{state} exists, is not empty and is not a state folder of TheSeller.", "Choose an empty folder with THESELLER_STATE."
        )
    # As root it can be passed through, not listed: the database runs as an unprivileged user and must reach its data.
    state.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    (state / _MARKER).touch(mode=0o600)


def is_state_folder(state: Path) -> bool:
    return (state / _MARKER).is_file()
