"""The copy of every checkpoint in a file outside the database.

One line for each checkpoint; the file belongs to this account alone and is only appended to. An
attacker who replaces the log and its checkpoints in the database does not reach this file by the
same access; one who reaches both still lacks the signing key.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from theseller.crypto.private_files import private_directory, sync_directory
from theseller.lib.state_file_names import AUDIT_CHECKPOINTS, AUDIT_COPY

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_path() -> Path:
    """Return the path of the copy in the state folder.

    It is never inside the database's own folder.
    """
    return Path(settings.ENVIRONMENT.state) / "audit" / AUDIT_CHECKPOINTS


def identity_path() -> Path:
    """Return the file with the copy's own id, beside it."""
    return private_directory(copy_path().parent) / AUDIT_COPY


@contextmanager
def copy_lock() -> Iterator[None]:
    """Hold the lock of this machine's copy; wait for another holder.

    It keeps other processes of this machine from completing the copy meanwhile.
    """
    folder = copy_path().parent
    private_directory(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append(added: list[tuple[bytes, bytes]]) -> None:
    """Add checkpoints to the copy and sync them to the disk.

    Args:
        added: (document, leaves) of each checkpoint. The caller holds the checkpoint lock.
    """
    path = copy_path()
    private_directory(path.parent)
    made = not path.exists()
    content = b"".join(
        document + b" " + base64.b64encode(leaves) + b"\n" for document, leaves in added
    )
    begun = b"" if made else _begun(path)
    with os.fdopen(os.open(path, _APPEND, 0o600), "ab") as file:
        os.fchmod(file.fileno(), 0o600)
        # A killed writer may have left the beginning of this line: it is continued. Anything else
        # there stays, and is reported.
        file.write(content[len(begun) :] if content.startswith(begun) else b"\n" + content)
        file.flush()
        os.fsync(file.fileno())
    if made:
        sync_directory(path.parent)


def entries() -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (offset in the file, document, leaves) of each whole line.

    A line with other content is given as it is, with empty leaves. The beginning of a line after
    the last line end is left out: the next sealing continues it.

    Raises:
        FileNotFoundError: there is no copy.
        OSError: the copy can't be read.
    """
    offset = 0
    with copy_path().open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, *_read(line)
            offset += len(line)


def leaves_at(offset: int) -> bytes:
    """Return the leaves of the line that begins at `offset`."""
    with copy_path().open("rb") as file:
        file.seek(offset)
        return _read(file.readline())[1]


def _read(line: bytes) -> tuple[bytes, bytes]:
    document, _, leaves = line.rstrip(b"\n").rpartition(b" ")
    try:
        return document, base64.b64decode(leaves, validate=True)
    except binascii.Error:
        return line, b""


def is_open_to_others() -> bool:
    """Say whether another account of this machine may read or write the copy."""
    try:
        return bool(copy_path().stat().st_mode & 0o077)
    except FileNotFoundError:
        return False


def last_entry() -> bytes | None:
    """Return the document of the last whole line; None if there is none.

    It reads the end of the file only.
    """
    try:
        with copy_path().open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            back = 1 << 16
            while True:
                file.seek(max(size - back, 0))
                lines = file.read().split(b"\n")
                # The first piece may be the end of a longer line, and the last one is what follows
                # the last line end.
                whole = [line for line in lines[0 if back >= size else 1 : -1] if line]
                if whole or back >= size:
                    return whole[-1].rpartition(b" ")[0] if whole else None
                back *= 8
    except FileNotFoundError:
        return None


def _begun(path: Path) -> bytes:
    """Return what follows the last line end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        back = min(size, 1 << 16)
        while True:
            file.seek(size - back)
            _, end, begun = file.read().rpartition(b"\n")
            if end or back == size:
                return begun
            back = min(size, back * 8)
