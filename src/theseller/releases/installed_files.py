"""Compare what is installed with the signed manifest of its release.

The program's own files are compared with the manifest, versions of dependencies with the pinned
ones. A dependency's files are compared with its wheel, if the release's folder has it, else with
what its installer wrote down (`RECORD`): a file that was changed together with that is not found.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import theseller
from theseller.crypto.ed25519_pem_keys import read_public_key
from theseller.crypto.errors import KeyFileError
from theseller.releases import release_files
from theseller.releases.compiled_files import is_compiled, wrong_compiled_file
from theseller.releases.dependency_wheels import read_wheels
from theseller.releases.release_files import Manifest, Pin, ReleaseFileError
from theseller.releases.release_verification import read_signed, read_signed_manifest

#: What `python -m venv` installs besides; no list pins them.
_OF_VENV = frozenset({"pip", "setuptools"})
#: What an installer writes into the folder of a distribution's metadata.
_OF_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class NotComparableError(Exception):
    """There is nothing to compare with; the text says why."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the running program is.

    Attributes:
        package: the folder of the package `theseller`.
        sites: the folders of installed distributions.
        other_folders: further folders in which Python searches for modules.
    """

    package: Path
    sites: tuple[Path, ...]
    other_folders: tuple[Path, ...] = ()


@dataclass(slots=True)
class InstalledFiles:
    """What was compared, and each difference that was found."""

    version: str = ""
    own: int = 0
    of_dependencies: int = 0
    distributions: int = 0
    compiled: int = 0
    by_wheel: int = 0
    differences: list[str] = field(default_factory=list)


def running_installation() -> Installation:
    """Return where this process has its modules from."""
    paths = sysconfig.get_paths()
    sites = tuple(dict.fromkeys(Path(paths[name]).resolve() for name in ("purelib", "platlib")))
    own = {Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "scripts")}
    dynamic = {folder / "lib-dynload" for folder in own}
    # A script's own folder is the first on the path; it has programs, and no modules.
    others = {
        Path(entry).resolve()
        for entry in sys.path
        if Path(entry).suffix != ".zip" and not entry.startswith("__editable__")
    } - {*sites, *own, *dynamic}
    return Installation(Path(theseller.__file__).resolve().parent, sites, tuple(sorted(others)))


def compare_installation(
    installation: Installation, folder: Path | None, key_file: Path | None
) -> InstalledFiles:
    """Compare an installation with the release in a folder.

    Args:
        installation: what is compared.
        folder: the files of the release; None if no release is named.
        key_file: the public key of those who make releases.

    Raises:
        NotComparableError: no release is named, or its manifest or key can't be read.
    """
    if folder is None or key_file is None:
        raise NotComparableError(
            "No release is named by THESELLER_RELEASE and THESELLER_RELEASE_KEY; this program may"
            " run from a checkout, which has no manifest."
        )
    found = InstalledFiles()
    try:
        key = read_public_key(key_file)
    except (OSError, KeyFileError):
        raise NotComparableError("The public key of the releases can't be read.") from None
    if not (folder / release_files.MANIFEST).is_file():
        raise NotComparableError("The folder of the release has no manifest.")
    try:
        manifest = read_signed_manifest(folder, key)
        pins = {
            kind: release_files.read_pins(read_signed(folder, name, manifest).decode())
            for kind, name in manifest.requirements.items()
        }
    except (OSError, UnicodeDecodeError, ReleaseFileError) as error:
        found.differences.append(f"The release can't be trusted: {error}.")
        return found
    found.version = manifest.version
    pinned = {name: pin for one in pins.values() for name, pin in one.items()}
    wheels, problems = read_wheels(folder / release_files.WHEELS, pinned)
    found.differences += [*problems, *_differences(installation, manifest, pins, found, wheels)]
    return found


def finds_changes(folder: Path) -> bool:
    """Return whether a changed and an added file of a sample are found.

    The sample, a distribution of two modules, is written to an empty folder. It is the positive
    control of a comparison that finds nothing.
    """
    metadata_folder = folder / "theseller_sample-1.0.dist-info"
    metadata_folder.mkdir()
    (metadata_folder / "METADATA").write_text("Name: theseller-sample\nVersion: 1.0\n")
    record = (
        f"sample_changed.py,{_record_hash(b'x = 1')},5\ntheseller_sample-1.0.dist-info/RECORD,,"
    )
    (metadata_folder / "RECORD").write_text(f"{record}\n")
    (folder / "sample_changed.py").write_bytes(b"x = 2")
    (folder / "sample_added.py").write_bytes(b"")
    said = " ".join(_of_sites((folder,), InstalledFiles(), frozenset(), {}))
    return "sample_changed.py differs" in said and "sample_added.py belongs to no" in said


def _differences(
    installation: Installation,
    manifest: Manifest,
    pins: Mapping[str, Mapping[str, Pin]],
    found: InstalledFiles,
    wheels: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    yield from _of_own_files(installation, manifest, found)
    yield from _of_own_record(installation.sites, manifest)
    yield from _of_versions(installation.sites, manifest, pins)
    yield from _of_sites(installation.sites, found, frozenset({installation.package}), wheels)
    if count := len(installation.other_folders):
        yield f"Python also searches {count} folder(s) outside the installation for modules."


def _of_own_files(
    installation: Installation, manifest: Manifest, found: InstalledFiles
) -> Iterator[str]:
    """Compare the package and its metadata with the manifest."""
    top = installation.package.name
    for name, stated in manifest.files.items():
        first, _, rest = name.partition("/")
        if first == top:
            path = installation.package / rest
        elif Path(name).name in _OF_INSTALLER:
            continue
        else:
            path = installation.package.parent / name
        found.own += 1
        if not path.is_file() or path.is_symlink():
            yield f"{name} is missing."
        elif release_files.digest_of(path) != stated:
            yield f"{name} differs from the release."
    for path in sorted(installation.package.rglob("*")):
        name = f"{top}/{path.relative_to(installation.package).as_posix()}"
        if path.is_dir() or name in manifest.files:
            continue
        if not is_compiled(path):
            yield f"{name} is not in the release."
        elif problem := wrong_compiled_file(path):
            yield f"{name} {problem}."
        else:
            found.compiled += 1


def _of_own_record(sites: tuple[Path, ...], manifest: Manifest) -> Iterator[str]:
    """Compare the names in the program's record with the manifest."""
    for distribution in _distributions(sites):
        if _name_and_version(distribution)[0] != manifest.name:
            continue
        for name in _recorded(distribution):
            of_installer = Path(name).name in _OF_INSTALLER or name.endswith("/bin/theseller")
            if not (name in manifest.files or of_installer or is_compiled(Path(name))):
                yield f"{name} is recorded as the program's and not in the release."


def _of_versions(
    sites: tuple[Path, ...], manifest: Manifest, pins: Mapping[str, Mapping[str, Pin]]
) -> Iterator[str]:
    """Compare names and versions of distributions with the pinned packages."""
    pinned = {name: pin.version for one in pins.values() for name, pin in one.items()}
    pinned[manifest.name] = manifest.version
    seen: set[str] = set()
    for name, version in sorted(map(_name_and_version, _distributions(sites))):
        if name in seen:
            yield f"{name} is installed twice."
        elif name not in pinned and name not in _OF_VENV:
            yield f"{name or 'A distribution without a name'} is installed and not pinned."
        elif name in pinned and pinned[name] != version:
            yield f"{name} {version} is installed, and {pinned[name]} is pinned."
        seen.add(name)
    needed = {name for name, pin in pins.get("run", {}).items() if _is_needed(name, pin)}
    for name in sorted((needed | {manifest.name}) - seen):
        yield f"{name} {pinned[name]} is pinned and not installed."


def _is_needed(name: str, pin: Pin) -> bool:
    marker = Requirement(f"{name}; {pin.marker}").marker if pin.marker else None
    return marker is None or marker.evaluate()


def _of_sites(
    sites: tuple[Path, ...],
    found: InstalledFiles,
    packages: frozenset[Path],
    wheels: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    """Compare every file of the folders with wheels and installer's records.

    `packages` are folders that were compared already.
    """
    recorded: set[Path] = set()
    for distribution in _distributions(sites):
        found.distributions += 1
        wheel = wheels.get(_name_and_version(distribution)[0])
        if wheel is not None:
            found.by_wheel += 1
            yield from _of_wheel(distribution, wheel)
        yield from _of_distribution(distribution, found, recorded, packages)
    for site in sites:
        for path in sorted(site.rglob("*")):
            if path.is_dir() or path in recorded or any(one in path.parents for one in packages):
                continue
            name = path.relative_to(site).as_posix()
            if not is_compiled(path):
                yield f"{name} belongs to no installed distribution."
            elif problem := wrong_compiled_file(path):
                yield f"{name} {problem}."
            else:
                found.compiled += 1


def _of_distribution(
    distribution: metadata.Distribution,
    found: InstalledFiles,
    recorded: set[Path],
    packages: frozenset[Path],
) -> Iterator[str]:
    owner = _name_and_version(distribution)[0]
    listed = _recorded(distribution)
    if not listed:
        yield f"{owner} has no record of its files."
    for name, digest in listed.items():
        path = Path(str(distribution.locate_file(name)))
        if is_compiled(path):
            continue  # compared with its source
        if ".." in path.parts:  # a program, which is recorded relative to the modules
            path = path.parent.resolve() / path.name
        recorded.add(path)
        if any(one in path.parents for one in packages):
            continue
        found.of_dependencies += 1
        if not digest:
            # The record can't have its own digest.
            if not name.endswith(".dist-info/RECORD"):
                yield f"{name} has no digest in the record of {owner}."
        elif not path.is_file():
            yield f"{name} is missing."
        elif digest != _record_hash(path.read_bytes()):
            yield f"{name} differs from the record of {owner}."


def _of_wheel(distribution: metadata.Distribution, wheel: Mapping[str, str]) -> Iterator[str]:
    """Compare what the installer wrote down of a distribution with its wheel."""
    owner, recorded = _name_and_version(distribution)[0], _recorded(distribution)
    for name, digest in wheel.items():
        if recorded.get(name) != digest:
            yield f"{name} is not recorded as in the wheel of {owner}."
    for name in recorded.keys() - wheel.keys():
        of_installer = Path(name).name in _OF_INSTALLER or name.startswith("../")
        if not (of_installer or is_compiled(Path(name))):
            yield f"{name} is not in the wheel of {owner}."


def _distributions(sites: tuple[Path, ...]) -> list[metadata.Distribution]:
    return list(metadata.distributions(path=[str(site) for site in sites]))


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = HeaderParser().parsestr(text, headersonly=True)
    return canonicalize_name(headers.get("Name", "")), headers.get("Version", "")


def _recorded(distribution: metadata.Distribution) -> dict[str, str]:
    """Return the digest of each file, as the installer wrote it."""
    rows = csv.reader(io.StringIO(distribution.read_text("RECORD") or ""))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _record_hash(content: bytes) -> str:
    digest = hashlib.sha256(content).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
