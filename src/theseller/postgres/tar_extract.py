"""Unpack the tar of a base backup, checking each member.

Python's own `filter=` exists from 3.11.4; Debian 12 has 3.11.2. This check is the same on every
Python, and stricter: a data folder as `pg_basebackup` sends it has plain files and folders, each
once, each after its parent folder.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import IO

#: What Linux takes as one name, and as a path.
_NAME_BYTES, _PATH_BYTES = 255, 4000
#: A file of one relation has at most 1 GiB by default, and 2 TiB in a build with other sizes: more
#: is no file of PostgreSQL's.
_FILE_BYTES = 1 << 41
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}
_SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_CHUNK_BYTES = 1024 * 1024


class UnexpectedMemberError(ValueError):
    """A member does not belong in a data folder; the message tells why."""


def extract(stream: IO[bytes], folder: Path) -> int:
    """Unpack to `folder`, which is empty; return the bytes of all files.

    Modes of the tar are ignored: folders get 0700, files 0600.

    Args:
        stream: the tar, read from beginning to end.
        folder: where members are written; nothing is written outside of it.

    Raises:
        UnexpectedMemberError: a member has a name, type, size or mode that no data folder has, or
            appears twice.
        tarfile.TarError, EOFError: it is no tar, or truncated.
    """
    folders, files, total = {""}, set[str](), 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = _checked_name(member, folders, files)
            if member.isdir():
                if name:
                    (folder / name).mkdir(mode=0o700)
                    folders.add(name)
                continue
            files.add(name)
            total += _write(archive, member, folder / name)
    while stream.read(_CHUNK_BYTES):
        pass  # What feeds the stream may raise at its very end: a seal is proven only there.
    if not files:
        raise UnexpectedMemberError("it holds no file")
    return total


def _checked_name(member: tarfile.TarInfo, folders: set[str], files: set[str]) -> str:
    """Return the member's path below the folder; empty for the folder itself."""
    name = member.name.removeprefix("./").removesuffix("/")
    if member.isdir() and name in {"", "."}:
        return ""
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\0" in name:
        raise UnexpectedMemberError(f"the name {member.name[:80]!r} leads out of the folder")
    if (
        len(os.fsencode(name)) > _PATH_BYTES
        or max(len(os.fsencode(part)) for part in parts) > _NAME_BYTES
    ):
        raise UnexpectedMemberError(f"the name {member.name[:80]!r}… is too long")
    if member.type not in _PLAIN and not member.isdir():
        raise UnexpectedMemberError(
            f"{name!r} is neither a plain file nor a folder (type {member.type!r})"
        )
    if member.sparse is not None:
        raise UnexpectedMemberError(f"{name!r} is a sparse file")
    if not 0 <= member.size <= _FILE_BYTES or (member.isdir() and member.size):
        raise UnexpectedMemberError(f"{name!r} has the size {member.size}")
    # A folder may have inherited its parent's setgid bit; a file of PostgreSQL's has none of these
    # bits.
    if not member.isdir() and member.mode & _SPECIAL_BITS:
        raise UnexpectedMemberError(f"{name!r} has the mode {member.mode:o}")
    if name in folders or name in files:
        raise UnexpectedMemberError(f"{name!r} comes twice")
    if name.rpartition("/")[0] not in folders:
        raise UnexpectedMemberError(f"the folder of {name!r} does not come before it")
    return name


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> int:
    content = archive.extractfile(member)
    if content is None:
        raise UnexpectedMemberError(f"{member.name[:80]!r} has no content")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with content, os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        written = file.tell()
    if written != member.size:
        raise EOFError
    return written
