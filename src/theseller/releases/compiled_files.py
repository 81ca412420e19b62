"""Compare compiled modules with their sources.

Python runs `__pycache__/NAME.TAG.pyc` without reading the source, if its header fits to size and
time of the source. An installer writes no digest of it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import sys
import tokenize
from pathlib import Path

_HEADER = 16
#: Bit of the header's flags: the file is bound to the source's hash, and not to its time.
_HASH_BASED = 0b1
#: Digests of compiled file and source that were compared: compiling takes seconds in all.
_compared: set[bytes] = set()


def is_compiled(path: Path) -> bool:
    """Return whether a file is a compiled module in a `__pycache__` folder."""
    return path.suffix == ".pyc" and path.parent.name == "__pycache__"


def wrong_compiled_file(path: Path) -> str:
    """Return why a compiled module may differ from its source, "" if not.

    Files that this Python does not run are no problem: of another version, or older than their
    source.
    """
    try:
        source_path = Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return "is no compiled module by its name"
    if sys.implementation.cache_tag not in path.name.split("."):
        return ""
    if not source_path.is_file():
        return "is compiled from no source"
    compiled, source = path.read_bytes(), source_path.read_bytes()
    both = hashlib.sha256(hashlib.sha256(compiled).digest() + source).digest()
    if both in _compared or not _is_run(compiled, source_path):
        return ""
    if not _is_same(compiled, source, _optimization(path)):
        return "differs from its source"
    _compared.add(both)
    return ""


def _is_run(compiled: bytes, source: Path) -> bool:
    """Return whether Python would run this instead of compiling the source."""
    if compiled[:4] != importlib.util.MAGIC_NUMBER or len(compiled) < _HEADER:
        return False
    if int.from_bytes(compiled[4:8], "little") & _HASH_BASED:
        return True
    status = source.stat()
    time, size = (int.from_bytes(compiled[at : at + 4], "little") for at in (8, 12))
    return (time, size) == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def _is_same(compiled: bytes, source: bytes, optimization: int) -> bool:
    try:
        stored = marshal.loads(compiled[_HEADER:])  # noqa: S302 - is compared, and not run
        expected = compile(source, "<source>", "exec", dont_inherit=True, optimize=optimization)
    except (EOFError, ValueError, TypeError, SyntaxError, tokenize.TokenError):
        return False
    return bool(stored == expected)


def _optimization(path: Path) -> int:
    """Return the level in a name such as `NAME.cpython-311.opt-1.pyc`."""
    found = path.name.rsplit(".", 2)[1].removeprefix("opt-")
    return int(found) if found.isdecimal() else 0
