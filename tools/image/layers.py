"""Write the files of a folder as a layer: the same folder gives the same bytes.

Names are sorted. Owner, mode and time of each file come from rules, and not from the folder, whose
owner is the account that builds.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class Ownership:
    """Owner (number of account and group) and mode of one path."""

    owner: int
    mode: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        file: the compressed archive.
        diff_id: SHA-256 of the archive before compression.
        digest: SHA-256 of the file.
        size: bytes of the file.
        unpacked: bytes of all files in it.
    """

    file: Path
    diff_id: str
    digest: str
    size: int
    unpacked: int


def write_layer(
    root: Path, target: Path, *, epoch: int, ownerships: Mapping[str, Ownership]
) -> Layer:
    """Write all files below a folder to a compressed archive.

    Args:
        root: the folder.
        target: the file to write.
        epoch: the time of every file, in seconds since 1970.
        ownerships: owner and mode of the paths that are not root's, such as `var/lib/theseller`.

    Raises:
        ValueError: a file is neither a folder, a regular file nor a symbolic link, or a path of
            `ownerships` does not exist.
    """
    unpacked, missing = 0, set(ownerships)
    plain = target.with_name(f"{target.name}.plain")
    with tarfile.open(plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted_paths(root):
            entry = _entry(root, path, epoch, ownerships)
            missing.discard(entry.name)
            unpacked += entry.size
            if entry.isreg():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
    if missing:
        raise ValueError(f"these paths have an owner and do not exist: {sorted(missing)}")
    # Without a name and a time in the header.
    with (
        plain.open("rb") as content,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as compressed,
    ):
        shutil.copyfileobj(content, compressed, 1 << 20)
    diff_id, digest = _sha256(plain), _sha256(target)
    plain.unlink()
    return Layer(target, diff_id, digest, target.stat().st_size, unpacked)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sorted_paths(folder: Path) -> Iterator[Path]:
    """Yield what is below a folder: each folder before its content, by code point."""
    for entry in sorted(os.scandir(folder), key=lambda one: one.name.encode()):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _sorted_paths(path)


def _entry(
    root: Path, path: Path, epoch: int, ownerships: Mapping[str, Ownership]
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.relative_to(root).as_posix())
    entry.mtime = epoch
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    elif stat.S_ISDIR(status.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    elif stat.S_ISREG(status.st_mode):
        # No file runs with the rights of its owner or group, and none can be changed by others.
        entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        entry.size = status.st_size
    else:
        raise ValueError(f"{path} is no folder, regular file or symbolic link")
    if special := ownerships.get(entry.name):
        entry.uid = entry.gid = special.owner
        entry.mode = special.mode
    return entry
