"""Known vulnerabilities of installed packages, by OSV's advisories.

The operator imports OSV's archive of PyPI (`PyPI/all.zip`); nothing is fetched. Format and
evaluation are those of the OSV schema (ossf.github.io/osv-schema, `affected[]` and "Evaluation").
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from theseller.releases.openvex_statements import Statement, accepting
from theseller.releases.release_files import digest_of

#: The page's promise: an older snapshot proves nothing.
AGE_MAX = timedelta(days=7)
#: The clocks of OSV and of this machine.
_AHEAD_MAX = timedelta(days=1)
#: OSV's archive has about 100 MB, from about 30,000 files of at most a few MB.
_FILE_BYTES_MAX, _ALL_BYTES_MAX, _FILES_MAX = 32 << 20, 4 << 30, 1_000_000
_SUMMARY_MAX = 160
#: A package that has had vulnerabilities for years: a snapshot without them is not OSV's of PyPI.
KNOWN_VULNERABLE = ("django", "3.2.0")
_SEED = "theseller-seeded-vulnerability"


class AdvisoriesError(Exception):
    """Advisories can't be read or used; the text says why."""


class Advisory(msgspec.Struct, frozen=True):
    """One advisory about one package: which versions it affects.

    Attributes:
        id: its ID at OSV.
        aliases: its IDs elsewhere, such as that of CVE.
        summary: its first words.
        versions: affected versions, one by one.
        ranges: ranges of affected versions, each a list of (event, version).
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[tuple[str, str], ...], ...]


class Snapshot(msgspec.Struct, frozen=True):
    """The advisories of one archive, by canonical name of the package.

    `newest` is the time of the newest change of an advisory; the snapshot's age counts from it.
    """

    newest: datetime
    sha256: str
    advisories: dict[str, tuple[Advisory, ...]]

    @property
    def count(self) -> int:
        """Number of advisories, an advisory about several packages for each."""
        return sum(map(len, self.advisories.values()))


@dataclass(frozen=True, slots=True)
class Match:
    """A vulnerability of an installed package.

    `accepted` is the statement that it does not apply, None if there is none.
    """

    package: str
    version: str
    advisory: Advisory
    accepted: Statement | None


def read_archive(path: Path) -> Snapshot:
    """Return the advisories of an archive of OSV's.

    Raises:
        AdvisoriesError: it is no such archive, or is too large.
        OSError: it can't be read.
    """
    found: dict[str, list[Advisory]] = {}
    newest: datetime | None = None
    try:
        with zipfile.ZipFile(path) as archive:
            for document in _documents(archive):
                modified = _time(document.get("modified"))
                newest = max(newest or modified, modified)
                for name, advisory in _parsed(document):
                    found.setdefault(name, []).append(advisory)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise AdvisoriesError(f"this is no archive of advisories: {error}") from None
    if newest is None or not found:
        raise AdvisoriesError("the archive has no advisory about a package of PyPI")
    advisories = {name: tuple(ones) for name, ones in sorted(found.items())}
    return Snapshot(newest, digest_of(path).sha256, advisories)


def load_snapshot(path: Path) -> Snapshot:
    """Return the snapshot that was imported.

    Raises:
        AdvisoriesError: none was imported, or the file is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        raise AdvisoriesError("No advisories are imported.") from None
    except (OSError, msgspec.DecodeError):
        raise AdvisoriesError("The imported advisories can't be read.") from None


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Return the form in which a snapshot is stored."""
    return msgspec.json.encode(snapshot)


def why_unusable(snapshot: Snapshot, at: datetime) -> str:
    """Return why a snapshot proves nothing at this time, "" if it can be used.

    Each time it must list a vulnerability that is long known, and the matcher must find one that is
    planted, in the last affected version and not in the first that is fixed.
    """
    age = at - snapshot.newest
    if age > AGE_MAX:
        return f"The imported advisories are {age.days} days old; {AGE_MAX.days} are the most."
    if age < -_AHEAD_MAX:
        return "The imported advisories are dated in the future."
    if not list(find_matches(snapshot, [KNOWN_VULNERABLE], ())):
        return "The imported advisories list no vulnerability of a version that has many."
    seed = Advisory(_SEED, (), "", (), ((("introduced", "1.0"), ("fixed", "1.5")),))
    seeded = Snapshot(snapshot.newest, "", {**snapshot.advisories, _SEED: (seed,)})
    planted = [(_SEED, version) for version in ("0.9", "1.4.9", "1.5")]
    if [match.version for match in find_matches(seeded, planted, ())] != ["1.4.9"]:
        return "The planted vulnerability was not found, so nothing is proven."
    return ""


def installed_packages() -> list[tuple[str, str]]:
    """Return canonical name and version of each installed distribution."""
    found = {
        (canonicalize_name(one.name), one.version) for one in metadata.distributions() if one.name
    }
    return sorted(found)


def find_matches(
    snapshot: Snapshot, packages: Iterable[tuple[str, str]], statements: Iterable[Statement]
) -> Iterator[Match]:
    """Find the advisories that affect packages.

    Args:
        snapshot: the advisories.
        packages: canonical names and versions.
        statements: what the operator accepted.
    """
    statements = tuple(statements)
    for name, version in packages:
        for advisory in snapshot.advisories.get(name, ()):
            if affects(advisory, version):
                names = {advisory.id, *advisory.aliases}
                yield Match(name, version, advisory, accepting(statements, name, version, names))


def affects(advisory: Advisory, version: str) -> bool:
    """Return whether an advisory affects a version (PEP 440).

    A version that can't be read counts as affected: it is better to be examined in vain.
    """
    try:
        installed = Version(version)
        if any(_is_same(one, version, installed) for one in advisory.versions):
            return True
        return any(_in_range(installed, events) for events in advisory.ranges)
    except InvalidVersion:
        return True


def _is_same(listed: str, version: str, installed: Version) -> bool:
    if listed == version:
        return True
    try:
        return Version(listed) == installed
    except InvalidVersion:
        return False  # a version of before PEP 440, in a list that has all others too


def _in_range(installed: Version, events: Iterable[tuple[str, str]]) -> bool:
    """Evaluate a range in the order of versions, as OSV's schema says."""
    limits = [version for kind, version in events if kind == "limit"]
    if limits and not any(one == "*" or installed < Version(one) for one in limits):
        return False
    affected = False
    changes = [(_as_version(version), kind) for kind, version in events if kind != "limit"]
    for version, kind in sorted(changes, key=lambda one: one[0]):
        if kind == "introduced":
            affected = affected or installed >= version
        elif kind == "fixed":
            affected = affected and installed < version
        elif kind == "last_affected":
            affected = affected and installed <= version
    return affected


def _as_version(text: str) -> Version:
    # "0" means before every version, also before 0.dev0.
    return Version("0.dev0") if text == "0" else Version(text)


def _documents(archive: zipfile.ZipFile) -> Iterator[Mapping[str, Any]]:
    entries = [entry for entry in archive.infolist() if entry.filename.endswith(".json")]
    size = sum(entry.file_size for entry in entries)
    if len(entries) > _FILES_MAX or size > _ALL_BYTES_MAX:
        raise AdvisoriesError("the archive is larger than any of OSV's")
    for entry in entries:
        with archive.open(entry) as file:
            content = file.read(_FILE_BYTES_MAX + 1)
        if len(content) > _FILE_BYTES_MAX:
            raise AdvisoriesError(f"{entry.filename} is larger than any advisory")
        try:
            document = msgspec.json.decode(content)
        except msgspec.DecodeError:
            raise AdvisoriesError(f"{entry.filename} is no JSON document") from None
        if not isinstance(document, dict) or not document.get("id"):
            raise AdvisoriesError(f"{entry.filename} is no advisory")
        yield document


def _parsed(document: Mapping[str, Any]) -> list[tuple[str, Advisory]]:
    try:
        return list(_parse(document))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise AdvisoriesError(f"{document['id']} has not the form of OSV's advisories") from None


def _parse(document: Mapping[str, Any]) -> Iterator[tuple[str, Advisory]]:
    """Return what a document says about packages of PyPI.

    It is nothing if the advisory was withdrawn.
    """
    if document.get("withdrawn"):
        return
    for affected in document.get("affected", ()):
        package = affected.get("package") or {}
        if str(package.get("ecosystem", "")).partition(":")[0] != "PyPI":
            continue
        ranges = tuple(
            tuple(
                (str(kind), str(version))
                for event in one["events"]
                for kind, version in event.items()
            )
            for one in affected.get("ranges", ())
            if one.get("type") != "GIT"
        )
        yield (
            canonicalize_name(str(package["name"])),
            Advisory(
                id=str(document["id"]),
                aliases=tuple(map(str, document.get("aliases", ()))),
                summary=str(document.get("summary") or document.get("details") or "")[
                    :_SUMMARY_MAX
                ],
                versions=tuple(map(str, affected.get("versions", ()))),
                ranges=ranges,
            ),
        )


def _time(text: object) -> datetime:
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise AdvisoriesError("an advisory has no time of its last change") from None
