"""Lock a state folder, so that it is not deleted while it is used.

Each process that uses the folder has a shared lock on its mark (`cli.state_folders`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.cli.state_folders import MARKER, is_state_folder

#: Open files of marks that this process holds a lock on, until it ends.
_LOCKED: dict[Path, int] = {}


def lock_state_folder(state: Path, *, inheritable: bool = False) -> None:
    """Lock the folder, shared with others, until this process ends.

    No other process can delete it meanwhile.

    Args:
        state: the folder; without a mark it is not locked.
        inheritable: whether the program that this process becomes by exec has the lock, too.

    Raises:
        CommandError: it is being deleted.
    """
    if state in _LOCKED or not is_state_folder(state):
        return
    descriptor = os.open(state / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CommandError(
            f"{state} is being deleted.", "Name another folder with THESELLER_STATE."
        ) from None
    os.set_inheritable(descriptor, inheritable)
    _LOCKED[state] = descriptor


@contextlib.contextmanager
def exclusive_state_folder(state: Path) -> Iterator[bool]:
    """Lock a marked folder exclusively for the block.

    It yields False, without waiting, if another process uses the folder.
    """
    descriptor = os.open(state / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
