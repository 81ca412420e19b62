"""Read an export, and compare every file with its manifest."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from theseller.backups import state_export_manifest
from theseller.backups.state_export_format import (
    DAMAGED,
    StateExportError,
    open_content,
    read_header,
)
from theseller.backups.state_export_manifest import Manifest, ManifestFile
from theseller.lib.chunks_as_file import as_file
from theseller.lib.secret_type import Secret

_PIECE = 1024 * 1024


def _ignore(_name: str, pieces: Iterator[bytes]) -> None:
    for _piece in pieces:
        pass


def read_export(
    source: Path, key: Secret, write: Callable[[str, Iterator[bytes]], None] = _ignore
) -> Manifest:
    """Read and verify an export, and return what it contains.

    Args:
        source: the export.
        key: the recovery key.
        write: gets each file's path and content. Use nothing of it before this function returns:
            the seal of the whole is proven only then.

    Raises:
        StateExportError: it is none, is damaged or was altered, or needs another recovery key.
        OSError: it can't be read, or `write` fails.
    """
    header = read_header(source)
    stream = as_file(open_content(source, key))
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            manifest = state_export_manifest.parse(_first(archive), header)
            waiting = list(reversed(manifest.files))
            while (member := archive.next()) is not None:
                wanted = waiting.pop() if waiting else None
                if wanted is None or (member.name, member.size) != (wanted.path, wanted.bytes):
                    raise StateExportError(DAMAGED)
                _pass_on(archive, member, wanted, write)
    except (tarfile.TarError, EOFError):
        raise StateExportError(DAMAGED) from None
    if waiting:
        raise StateExportError(DAMAGED)
    while stream.read(_PIECE):
        pass  # The seal of the whole is proven at its very end.
    return manifest


def _first(archive: tarfile.TarFile) -> bytes:
    member = archive.next()
    content = archive.extractfile(member) if member is not None else None
    if member is None or member.name != state_export_manifest.NAME or content is None:
        raise StateExportError(DAMAGED)
    return content.read()


def _pass_on(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    wanted: ManifestFile,
    write: Callable[[str, Iterator[bytes]], None],
) -> None:
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise StateExportError(DAMAGED)
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        while piece := content.read(_PIECE):
            digest.update(piece)
            yield piece

    write(wanted.path, pieces())
    if digest.hexdigest() != wanted.sha256:
        raise StateExportError(DAMAGED)
