"""Replace the data folder by another one, in resumable steps.

The other one was restored or upgraded.

A note is written first. While it exists no server starts on this state folder, so that no empty
database is created in between; a start finishes the exchange of an upgrade.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from theseller.postgres.errors import ServerFailedError
from theseller.postgres.os_account import server_account
from theseller.postgres.replaced_databases import REPLACED_PREFIX, replaced_folders, replaced_number
from theseller.postgres.server_folders import Layout, control_folder, prepare_layout, saved_layout

_NOTE = "restoring.json"


def swap_pending(state: Path) -> bool:
    """Return whether the swap of a restore was started and not finished."""
    note = _read_note(state)
    return note is not None and not note.get("upgrade")


def settle_pending_swap(state: Path) -> None:
    """Finish the swap of an upgrade that was interrupted.

    The caller has the server's lock.

    Raises:
        ServerFailedError: the swap of a restore was interrupted.
    """
    if swap_pending(state):
        raise ServerFailedError(
            "A restore was interrupted at its last step.",
            "Run `theseller restore` again: it finishes it in a moment.",
        )
    if _read_note(state) is not None:
        finish_swap(state)


def _read_note(state: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((control_folder(state) / _NOTE).read_text()))
    except FileNotFoundError:
        return None


def swap_data_dir(
    state: Path,
    restored: Layout,
    *,
    upgrade: bool = False,
    reached: Callable[[str], None] = lambda _step: None,
) -> None:
    """Make `restored`'s data the state folder's.

    Both servers are stopped; the former data stays beside it. `upgrade`: the server's next start
    finishes the swap if it is interrupted, else `theseller restore` does. `reached` is called with
    the name of each completed step.
    """
    note = control_folder(state) / _NOTE
    fresh = note.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(json.dumps({"from": str(restored.data), "upgrade": upgrade}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(note)
    _sync(note.parent)
    reached("noted")
    finish_swap(state, reached=reached)


def finish_swap(state: Path, *, reached: Callable[[str], None] = lambda _step: None) -> None:
    """Complete an interrupted swap. Idempotent."""
    note = control_folder(state) / _NOTE
    restored = Path(json.loads(note.read_text())["from"])
    own = saved_layout(state) or prepare_layout(
        state, server_account(control_folder(state) / "data", lambda _sentence: None)
    )
    if restored.exists():
        if own.data.exists():
            own.data.rename(own.home / f"{REPLACED_PREFIX}{_free_number(own)}")
            reached("set aside")
        # Copy across file systems; an interrupted copy is repeated, since the note still exists.
        beside = own.home / "data.arriving"
        if restored.stat().st_dev == own.home.stat().st_dev:
            restored.rename(own.data)
        else:
            shutil.rmtree(beside, ignore_errors=True)
            _copy(restored, beside)
            beside.rename(own.data)
            shutil.rmtree(restored)
        reached("put in place")
    elif not own.data.exists():
        raise ServerFailedError(
            "The restored database is missing.", f"Remove {note} and restore again."
        )
    # WAL that the former database archived belongs to another timeline now.
    shutil.rmtree(own.archive, ignore_errors=True)
    _sync(own.home)
    reached("archive emptied")
    note.unlink()
    _sync(note.parent)
    reached("exchanged")


def set_data_aside(state: Path) -> Path | None:
    """Set the data folder aside as a replaced database.

    Return where it is, None if there is none. The server is stopped. WAL that it archived is
    deleted.
    """
    own = saved_layout(state)
    if own is None or not own.data.exists():
        return None
    aside = own.home / f"{REPLACED_PREFIX}{_free_number(own)}"
    own.data.rename(aside)
    shutil.rmtree(own.archive, ignore_errors=True)
    _sync(own.home)
    return aside


def _copy(source: Path, target: Path) -> None:
    """Copy a data folder with its owner, which PostgreSQL checks."""
    shutil.copytree(source, target, symlinks=True)
    for path in (source, *source.rglob("*")):
        status, copied = path.lstat(), target / path.relative_to(source)
        os.chown(copied, status.st_uid, status.st_gid, follow_symlinks=False)
        if copied.is_file() and not copied.is_symlink():
            _sync(copied)


def _sync(path: Path) -> None:
    """Sync a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_number(own: Layout) -> int:
    return 1 + max(map(replaced_number, replaced_folders(own)), default=0)
