"""Compute the version of the running program from its content.

Evidence of another program's version does not count.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib import metadata
from pathlib import Path

import theseller

PACKAGE = Path(theseller.__file__).resolve().parent


@cache
def code_version() -> str:
    """Return 16 hexadecimal digits of a hash over the whole program.

    It covers every file of the package (modules, statements, the file of rights, templates,
    scripts, styles), and for every other installed distribution its name, version and list of files
    with their digests (`RECORD`, as its installer wrote it). Two processes with one version run the
    same program.
    """
    digest = hashlib.sha256()
    for name in file_names():
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(Path(PACKAGE, name).read_bytes()).digest())
    for name, version, record in _installed():
        digest.update(f"{name}\0{version}\0".encode())
        digest.update(hashlib.sha256(record.encode()).digest())
    return digest.hexdigest()[:16]


def source_files() -> tuple[Path, ...]:
    """Return every file of the running package without compiled files."""
    return tuple(Path(PACKAGE, name) for name in file_names())


def file_names() -> list[str]:
    """Return the path of every file within the package.

    Without compiled files. Each process does this when it starts, and `Path.rglob` takes four times
    as long.
    """
    found = []
    for folder, folders, files in os.walk(PACKAGE):
        folders[:] = [name for name in folders if name != "__pycache__"]
        inside = folder.removeprefix(str(PACKAGE)).removeprefix(os.sep).replace(os.sep, "/")
        found += [f"{inside}/{name}" if inside else name for name in files]
    return sorted(found)


def _installed() -> list[tuple[str, str, str]]:
    """Return (name, version, RECORD) of each other installed distribution.

    This one is hashed file by file.
    """
    found = {
        (*_name_and_version(one), one.read_text("RECORD") or "") for one in metadata.distributions()
    }
    return sorted(one for one in found if one[0] != theseller.__name__)


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    # Read here: `distribution.metadata` parses the whole text, and each process pays for a hundred.
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = dict(
        line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line
    )
    return headers.get("Name", "").lower().replace("_", "-"), headers.get("Version", "")
