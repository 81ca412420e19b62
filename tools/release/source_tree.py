"""The commit that a release is made from, and what it must have for that."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


class NotReleasableError(Exception):
    """No release can be made of this; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A clean checkout of a commit.

    Attributes:
        root: its folder.
        version: the version of the package.
        commit: the commit's ID.
        epoch: the commit's time, in seconds since 1970.
    """

    root: Path
    version: str
    commit: str
    epoch: int


def read_source(root: Path, *, expected: str = "") -> Source:
    """Return what is checked out, if a release can be made of it.

    Args:
        root: the checkout.
        expected: the version that it must have; "" for any.

    Raises:
        NotReleasableError: a file differs from the commit, the package has another version, or
            CHANGELOG.md has no section about its version.
    """
    source = read_checkout(root)
    version = source.version
    if expected and expected != version:
        raise NotReleasableError(
            f"the package has version {version}, not {expected}: change __version__ in"
            " src/theseller/__init__.py and commit"
        )
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$"
    if not re.search(heading, changelog, re.MULTILINE):
        raise NotReleasableError(
            f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`: name what has changed"
        )
    return source


def read_checkout(root: Path) -> Source:
    """Return what is checked out.

    Raises:
        NotReleasableError: a file differs from the commit, or the package has no version.
    """
    changed = git(root, "status", "--porcelain", "--untracked-files=all")
    if changed:
        names = ", ".join(line[3:] for line in changed.splitlines()[:5])
        raise NotReleasableError(f"these files differ from the commit: {names}; commit them first")
    found = _VERSION.search((root / "src/theseller/__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise NotReleasableError("src/theseller/__init__.py has no line `__version__ = …`")
    commit, epoch = git(root, "show", "--no-patch", "--format=%H %ct", "HEAD").split()
    return Source(root, found[1], commit, int(epoch))


def export(source: Source, folder: Path) -> None:
    """Write the files of the commit to a new folder, and no other files."""
    folder.mkdir(parents=True)
    with subprocess.Popen(  # noqa: S603 - fixed arguments
        ["git", "archive", "--format=tar", source.commit],  # noqa: S607 - the caller's git
        cwd=source.root, stdout=subprocess.PIPE,
    ) as archive:  # fmt: skip
        subprocess.run(  # noqa: S603 - fixed arguments
            ["tar", "-x", "-f", "-", "-C", str(folder)],  # noqa: S607 - the caller's tar
            stdin=archive.stdout, check=True,
        )  # fmt: skip
    if archive.returncode:
        raise NotReleasableError("git could not write out the commit")


def git(root: Path, *arguments: str) -> str:
    """Return what git prints.

    Raises:
        NotReleasableError: git failed.
    """
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", *arguments],  # noqa: S607 - the caller's git
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotReleasableError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
