"""Import an export of the state folder on a new host.

The export is verified and unpacked into `import/` of the state folder. What the folder has of the
same deployment is merged into that: tombstones and entries of the erasure journal count, whichever
side has them. Then a file says that it is complete; from there on a repeated call finishes the
import, before it a repeated call begins again. While `import/` is there, no other command works on
the folder (`cli/state_folders.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from theseller.backups.state_export import note_export
from theseller.backups.state_export_format import StateExportError
from theseller.backups.state_export_manifest import Manifest
from theseller.backups.state_export_reading import read_export
from theseller.backups.state_merge import merge, refuse_unsuitable
from theseller.crypto.private_files import erase, sync_directory, write_private
from theseller.datamap.state_folder_and_guard_tables import STATE_ENTRIES
from theseller.lib.secret_type import Secret
from theseller.lib.state_file_names import IMPORT_FOLDER

_CONTENT, _COMPLETE = "content", "complete"
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def _nothing(_step: str) -> None:
    """Ignore the step."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        exported_at: when the export was made.
        files: how many files the import wrote.
        destroyed_since: how many keys of the export were destroyed after it, and stay so.
        journal_since: how many entries of the erasure journal only this folder had.
    """

    exported_at: str
    files: int
    destroyed_since: int
    journal_since: int


def import_pending(state: Path) -> bool:
    """Return whether an import was interrupted, or is running."""
    folder = state / IMPORT_FOLDER
    return folder.is_dir() and any(folder.iterdir())


def import_complete(state: Path) -> bool:
    """Return whether an interrupted import only has to be finished."""
    return (state / IMPORT_FOLDER / _COMPLETE).exists()


def import_state(
    source: Path,
    key: Secret,
    state: Path,
    *,
    accept: Callable[[Manifest, Path], None],
    mark: Callable[[Path], None],
    at: datetime,
    reached: Callable[[str], None] = _nothing,
) -> Imported:
    """Write the files of an export into a state folder.

    Args:
        source: the export.
        key: the recovery key.
        state: the state folder; missing, empty, or with files of the same deployment.
        accept: gets the manifest and the folder of the unpacked files. It refuses an export that
            this host can't use by an error, and may add a file.
        mark: marks the folder as a state folder.
        at: the time of the import.
        reached: called with the name of each step, after it and before the next.

    Raises:
        StateExportError: the export or the folder can't be used. Nothing was changed.
        OSError: a file can't be read or written. Call it again.
    """
    made = not state.exists()
    state.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    with _alone(state):
        folder = state / IMPORT_FOLDER
        _discard(folder)
        try:
            content = _new_folder(folder) / _CONTENT
            manifest = read_export(source, key, _writer(_new_folder(content), reached))
            accept(manifest, content)
            refuse_unsuitable(state, content, manifest)
            reached("unpacked")
            since = merge(state, content, at=at)
            reached("merged")
        except BaseException:
            _discard(folder)
            if made:
                with contextlib.suppress(OSError):
                    state.rmdir()
            raise
        files = sum(path.is_file() and path.name[0] != "." for path in content.rglob("*"))
        done = Imported(manifest.at.isoformat(), files, since.destroyed, since.journal)
        sync_folders(content)
        write_private(folder / _COMPLETE, json.dumps(asdict(done)).encode() + b"\n")
        reached("complete")
        return _finish(state, mark, reached)


def finish_import(
    state: Path, *, mark: Callable[[Path], None], reached: Callable[[str], None] = _nothing
) -> Imported:
    """Finish an import that was interrupted after its files were complete.

    Raises:
        StateExportError: another process imports now.
    """
    with _alone(state):
        return _finish(state, mark, reached)


def sync_folders(folder: Path) -> None:
    """Sync the entries of a folder and of those below.

    Files are synced when they are written.
    """
    for below in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_directory(below)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    descriptor = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StateExportError(f"another process imports into {state} now") from None
    finally:
        os.close(descriptor)


def _writer(
    content: Path, reached: Callable[[str], None]
) -> Callable[[str, Iterator[bytes]], None]:
    def write(name: str, pieces: Iterator[bytes]) -> None:
        path = content / name
        for missing in reversed([one for one in path.parents if not one.exists()]):
            _new_folder(missing)
        with os.fdopen(os.open(path, _FILE, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        reached("file")

    return write


def _finish(state: Path, mark: Callable[[Path], None], reached: Callable[[str], None]) -> Imported:
    """Move the files to where they belong. Repeating it is harmless."""
    folder = state / IMPORT_FOLDER
    done = Imported(**json.loads((folder / _COMPLETE).read_text()))
    content = folder / _CONTENT
    for path in sorted(content.rglob("*")) if content.is_dir() else ():
        target = state / path.relative_to(content)
        if path.is_file():
            path.replace(target)
            reached("moved")
        elif not target.is_dir():
            _new_folder(target)
    for tombstone in (state / "keys" / "destroyed").glob("*.json"):
        live = state / "keys" / "data" / tombstone.name
        if live.exists():
            erase(live)
            reached("erased")
    note_export(state, at=datetime.fromisoformat(done.exported_at))
    mark(state)
    _set_rights(state)
    sync_directory(state)
    reached("marked")
    shutil.rmtree(content, ignore_errors=True)
    (folder / _COMPLETE).unlink()
    folder.rmdir()
    sync_directory(state)
    reached("finished")
    return done


def _new_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def _set_rights(state: Path) -> None:
    """Let only the account that the state folder belongs to use its files."""
    owner = state.stat()
    folders = [state / one.name for one in STATE_ENTRIES if one.exported]
    paths = [path for folder in folders if folder.is_dir() for path in (folder, *folder.rglob("*"))]
    for path in [*paths, *state.glob(".theseller-*")]:
        if path.is_symlink():
            continue
        if os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        path.chmod(0o700 if path.is_dir() else 0o600)
    for folder in folders:
        if folder.is_dir():
            sync_folders(folder)


def _discard(folder: Path) -> None:
    """Overwrite and remove what an interrupted import unpacked."""
    if not folder.is_dir():
        return
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            erase(path)
    shutil.rmtree(folder)
