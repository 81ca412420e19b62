"""Images of running processes' memory, read as a core dump would be.

By root, or by the same user where that is allowed.

Memory that several processes share is read in the first of them; what is identical elsewhere (a
fork's pages) is searched once.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.leak_scanner import LeakScanner

_MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)")
_PIECE = 1 << 20
_OVERLAP = 2048
_ZEROS = bytes(_PIECE + _OVERLAP)


class NotAllowedError(Exception):
    """The user may not read that process's memory."""


@dataclass(frozen=True, slots=True)
class Mapping:
    begin: int
    end: int
    name: str
    shared: str  # what it is known by if others may share it, "" if it is this process's alone


def descendants(first: int) -> list[int]:
    """Return a process and all that it started, as they are now."""
    found = [first]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(one) for one in task.read_text().split()]
    return found


def command(pid: int) -> str:
    return (
        Path(f"/proc/{pid}/cmdline")
        .read_bytes()
        .replace(b"\0", b" ")
        .decode(errors="replace")
        .strip()
    )


def mappings(pid: int) -> list[Mapping]:
    """Return what a core image holds: everything that can be written, or that belongs to no file."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        match = _MAPPED.match(line)
        if match is None:
            continue
        begin, end, rights, inode, name = match.groups()
        if (
            "r" in rights
            and ("w" in rights or inode == "0")
            and not name.startswith(("[vvar", "[vsyscall", "[vdso"))
        ):
            found.append(
                Mapping(
                    int(begin, 16),
                    int(end, 16),
                    name,
                    f"{inode} {name}" if rights.endswith("s") else "",
                )
            )
    return found


def memory(pid: int, shared: set[str]) -> Iterator[bytes]:
    """Give the memory of a process in pieces that overlap, so that nothing hides across two.

    Pages that were never written are left out.

    `shared`: what has been read in another process and is left out here; what is read here is
    added.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except PermissionError as error:
        raise NotAllowedError(f"process {pid}") from error
    try:
        for one in mappings(pid):
            if one.shared in shared:
                continue
            shared |= {one.shared} - {""}
            for begin in range(one.begin, one.end, _PIECE):
                try:
                    piece = os.pread(descriptor, min(_PIECE + _OVERLAP, one.end - begin), begin)
                except (OSError, OverflowError):
                    continue  # reserved, and backed by nothing
                if piece != _ZEROS[: len(piece)]:
                    yield piece
    finally:
        os.close(descriptor)


def search_memory(search: LeakScanner, place: str, pid: int, shared: set[str]) -> int:
    """Search the memory of one process; return how many bytes it was."""
    size = 0
    for piece in memory(pid, shared):
        size += len(piece)
        search.piece(place, piece)
    return size


def open_files(pid: int, known: set[tuple[int, int]]) -> Iterator[tuple[str, bytes]]:
    """Give open files without a name, and files of shared memory, of a process.

    They are temporary files that no folder shows.

    `known`: the files that another process has open as well and that were given; what is given is
    added.
    """
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(entry.readlink())
            # only read, nothing is written there
            shared = name.startswith("/dev/shm")  # noqa: S108
            status = entry.stat()
            file = status.st_dev, status.st_ino
            if (
                (name.endswith("(deleted)") or shared)
                and stat.S_ISREG(status.st_mode)
                and file not in known
            ):
                yield name, entry.read_bytes()
                known.add(file)
        except OSError:
            continue  # closed meanwhile, or not to be read (a socket)


def core_limit(pid: int) -> tuple[str, str]:
    """Return the soft and the hard limit of the size of a process's core image."""
    line = next(
        line
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
        if line.startswith("Max core file size")
    )
    soft, hard = line.split()[4:6]
    return soft, hard
