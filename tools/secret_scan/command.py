"""Command line of the secret scan.

It decides which contents are scanned, what is printed, and the exit status. Contents come from git
itself or from the disk.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tools.secret_scan.scan import BYTES_MAX, Finding, look, read_allowed, sift

_ADVICE = (
    "Take it out, and if it ever was real, change it where it is used: it has been on a disk in"
    " clear text.\n"
    "If it is no secret, say so with a reason in tools/secret_scan/allowed.txt. See"
    " docs/develop/secret-scan.md."
)


def main(arguments: list[str]) -> int:
    """Scan what the arguments name and print findings.

    Returns:
        The exit status: 0 nothing found, 1 something found, 2 the scan failed.
    """
    parser = argparse.ArgumentParser(
        prog="bin/secret-scan",
        description="Looks for secrets; prints places and kinds, never values.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--staged", action="store_true", help="what the next commit would hold, as it is staged"
    )
    which.add_argument(
        "--history", action="store_true", help="everything that any branch ever held"
    )
    which.add_argument(
        "files",
        nargs="*",
        default=[],
        help="these files; without any: all that git knows or would add",
    )
    options = parser.parse_args(arguments)
    try:
        root = (
            Path()
            if options.files
            else Path(_git(Path(), "rev-parse", "--show-toplevel")[0].removesuffix("\n"))
        )
        contents = (
            _staged(root)
            if options.staged
            else _history(root)
            if options.history
            else _files(root, options.files)
        )
        count, findings = 0, list[Finding]()
        for path, data in contents:
            count += 1
            findings += look(path, data)
        # A clone may lack old history, so that an entry for a version in it (`path@object`) may
        # find nothing to allow.
        everything = not (options.staged or options.history or options.files)
        left, unused = sift(findings, read_allowed(root / "tools/secret_scan/allowed.txt"))
        unused = [entry for entry in unused if everything and "@" not in entry.glob]
    except (OSError, ValueError, subprocess.CalledProcessError) as problem:
        sys.stderr.write(f"secret-scan: could not look: {problem}\n")
        return 2
    for finding in left:
        sys.stdout.write(f"{finding}\n")
    for entry in unused:
        sys.stdout.write(f"allowed.txt: {entry.glob} | {entry.rule}: allows nothing; take it out\n")
    sys.stdout.write(f"secret-scan: {count} files, {len(left)} found\n")
    if left:
        sys.stderr.write(f"{_ADVICE}\n")
    nothing_seen = everything and count == 0  # a scan of nothing proves nothing
    return 1 if left or nothing_seen or unused else 0


def _git(root: Path, *arguments: str) -> list[str]:
    """Return the zero-terminated names that git answers with."""
    command = ["git", *arguments]
    # arguments of this module, no shell
    answer = subprocess.run(  # noqa: S603
        command, cwd=root, stdout=subprocess.PIPE, check=True
    ).stdout
    return [name.decode("utf-8", "surrogateescape") for name in answer.split(b"\0") if name]


def _files(root: Path, named: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in named or _git(root, "ls-files", "-z", "-co", "--exclude-standard"):
        path = root / name
        if path.is_symlink():
            yield name, str(path.readlink()).encode()
        elif path.is_file():
            with path.open("rb") as file:
                yield name, file.read(BYTES_MAX + 1)
        elif named:
            raise FileNotFoundError(f"{name} is no file")


def _staged(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what the index contains and the last commit does not.

    Not the files on the disk, which may differ.
    """
    changes = _git(
        root,
        "diff",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--diff-filter=d",
        "--ignore-submodules",
    )
    yield from _blobs(
        root,
        {name: about.split()[3] for about, name in zip(changes[::2], changes[1::2], strict=True)},
    )


def _history(root: Path) -> Iterator[tuple[str, bytes]]:
    lines = "".join(_git(root, "rev-list", "--objects", "--all")).splitlines()
    yield from _blobs(
        root,
        {
            f"{name}@{blob[:12]}": blob
            for blob, _, name in (line.partition(" ") for line in lines)
            if name
        },
    )


def _blobs(root: Path, wanted: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of blobs, read by one git process.

    `wanted`: object ID by path; trees among them are passed over.
    """
    command = ["git", "cat-file", "--batch"]
    # arguments of this module, no shell
    with subprocess.Popen(  # noqa: S603
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as git:
        if git.stdin is None or git.stdout is None:
            raise OSError("git gave no pipe")
        for path, blob in wanted.items():
            git.stdin.write(f"{blob}\n".encode())
            git.stdin.flush()
            kind, data = _blob(git.stdout)
            if kind == "blob":
                yield path, data
        git.stdin.close()


def _blob(answer: IO[bytes]) -> tuple[str, bytes]:
    head = answer.readline().decode().split()
    if len(head) != 3:
        raise ValueError(f"git has no object {' '.join(head)}")
    left = int(head[2])
    data = answer.read(min(left, BYTES_MAX + 1))
    left -= len(data)
    while left:
        left -= len(answer.read(min(left, 1 << 20)))
    answer.read(1)  # git ends each object with a line end
    return head[1], data
