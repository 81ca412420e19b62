"""New files, and lines in existing ones: all are written, or none."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_TEMPLATES = Path(__file__).with_name("templates")
_PLACEHOLDER = re.compile(r"@[A-Z_]+@")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class ScaffoldError(Exception):
    """What was requested can't be written; nothing was changed."""


def template(name: str, values: Mapping[str, str]) -> str:
    """Return the template `name`; each `@KEY@` is replaced by the value of `key`."""
    text = (_TEMPLATES / f"{name}.template").read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda found: values[found[0].strip("@").lower()], text)


def check_name(name: str) -> str:
    """Return a name for a module.

    Raises:
        ScaffoldError: it is not in snake case.
    """
    if not _NAME.fullmatch(name):
        raise ScaffoldError(
            f"{name!r}: write the name in small letters with underscores, such as label_fees"
        )
    return name


def class_name(name: str) -> str:
    """Return a name in snake case as a class has it."""
    return "".join(part.capitalize() for part in name.split("_"))


class Edits:
    """The edits of one run, in the working tree `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}
        self._changed: list[str] = []

    def read(self, path: str) -> str:
        """Return the file's text with the edits made so far.

        Raises:
            ScaffoldError: there is no such file.
        """
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_text(encoding="utf-8")
            except FileNotFoundError:
                raise ScaffoldError(f"there is no file {path}") from None
        return self._texts[path]

    def create(self, path: str, text: str) -> None:
        """Add a new file.

        Raises:
            ScaffoldError: it exists.
        """
        if path in self._texts or (self.root / path).exists():
            raise ScaffoldError(f"{path} exists already")
        self.replace(path, text)

    def replace(self, path: str, text: str) -> None:
        """Set the whole text of a file."""
        self._texts[path] = text
        if path not in self._changed:
            self._changed.append(path)

    def append(self, path: str, text: str) -> None:
        """Add text at the end of a file."""
        self.replace(path, self.read(path) + text)

    def after(self, path: str, anchor: str, text: str) -> None:
        """Insert text after the first `anchor`.

        Raises:
            ScaffoldError: the file has no such text.
        """
        before, found, rest = self.read(path).partition(anchor)
        if not found:
            raise ScaffoldError(f"{path} has no {anchor.strip()!r}: mend tools/scaffold")
        self.replace(path, before + found + text + rest)

    def before(self, path: str, anchor: str, text: str) -> None:
        """Insert text before the first `anchor`.

        Raises:
            ScaffoldError: the file has no such text.
        """
        first, found, rest = self.read(path).partition(anchor)
        if not found:
            raise ScaffoldError(f"{path} has no {anchor.strip()!r}: mend tools/scaffold")
        self.replace(path, first + text + found + rest)

    def write(self) -> list[str]:
        """Write all files, format the modules among them, and return their paths."""
        for path in self._changed:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(self._texts[path], encoding="utf-8")
        modules = [path for path in self._changed if path.endswith(".py")]
        for arguments in (("check", "--select", "I", "--fix"), ("format",)):
            subprocess.run(  # noqa: S603 - our own files, by the environment's formatter
                [sys.executable, "-m", "ruff", *arguments, "--quiet", "--force-exclude", *modules],
                cwd=self.root,
                check=True,
            )
        return self._changed


def add_to_changelog(edits: Edits, line: str, *, section: str = "Added") -> None:
    """Add a line to the unreleased changes."""
    edits.after("CHANGELOG.md", f"### {section}\n", f"- {line}\n")


def newest_migration(root: Path, package: str) -> str:
    """Return the name of a package's newest migration.

    Raises:
        ScaffoldError: it has none.
    """
    found = sorted((root / "src/theseller" / package / "migrations").glob("[0-9]*.py"))
    if not found:
        raise ScaffoldError(f"the package {package} has no migrations")
    return found[-1].stem


def app_label(edits: Edits, package: str) -> str:
    """Return the label under which Django knows the migrations of a package."""
    found = re.search(r'label = "(\w+)"', edits.read(f"src/theseller/{package}/apps.py"))
    return found[1] if found else package
