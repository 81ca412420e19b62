"""Files of a release: names, manifest, digests and pinned packages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Annotated, Literal

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MANIFEST, SBOM, PROVENANCE = "manifest.json", "sbom.cdx.json", "provenance.json"
#: Folder beside these for the packages that were installed, as the index serves them.
WHEELS = "wheels"
#: A signature is in the file of this name beside what it signs: the 64 bytes of Ed25519.
SIGNATURE_SUFFIX = ".sig"
IN_TOTO_STATEMENT = "https://in-toto.io/Statement/v1"
SLSA_PROVENANCE = "https://slsa.dev/provenance/v1"
CYCLONEDX_VERSION = "1.6"
_CHUNK = 1 << 20
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

_Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class ReleaseFileError(Exception):
    """A file of a release is not what its name says; the text says why."""


class FileDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SHA-256 and size of one file."""

    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release consists of.

    Attributes:
        format: version of this document's form.
        name: the distribution's name.
        version: its version.
        commit: the commit of the source repository that it was built from.
        source_date_epoch: that commit's time, in seconds since 1970; all files are dated by it.
        wheel: name of the wheel, one of `artifacts`.
        requirements: for each kind of installation the name of its list of pinned packages, one of
            `artifacts`.
        artifacts: each other file of the release's folder but the signatures.
        files: each file in the wheel.
    """

    format: Literal["theseller-release-1"]
    name: Literal["theseller"]
    version: str
    commit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40,64}$")]
    source_date_epoch: int
    wheel: _Name
    requirements: dict[str, _Name]
    artifacts: dict[_Name, FileDigest]
    files: dict[str, FileDigest]


class Pin(msgspec.Struct, frozen=True):
    """One pinned package.

    `sha256` has the digest of each file of this version that may be installed. `marker` is the
    environment marker that says on which machines it is needed, "" for all.
    """

    version: str
    sha256: frozenset[str]
    marker: str = ""


def parse_manifest(content: bytes) -> Manifest:
    """Parse a manifest.

    Raises:
        ReleaseFileError: it is none, or of another version.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise ReleaseFileError(f"this is no manifest of a release: {error}") from None
    if missing := {manifest.wheel, *manifest.requirements.values()} - manifest.artifacts.keys():
        raise ReleaseFileError(f"the manifest has no digest of {', '.join(sorted(missing))}")
    return manifest


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as it is written: sorted and indented JSON."""
    encoded = msgspec.json.encode(manifest, order="sorted")
    return msgspec.json.format(encoded, indent=1) + b"\n"


def digest_of(path: Path) -> FileDigest:
    """Return digest and size of a file."""
    with path.open("rb") as file:
        return digest_of_stream(file)


def digest_of_stream(file: IO[bytes]) -> FileDigest:
    """Return digest and size of what a file still has to be read."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return FileDigest(digest.hexdigest(), size)


def read_pins(text: str) -> Mapping[str, Pin]:
    """Return the packages of a list of requirements, by canonical name.

    It is a list for `pip install --require-hashes`.

    Raises:
        ReleaseFileError: a line is no pinned package, has no digest, or repeats a package.
    """
    pins: dict[str, Pin] = {}
    for line in text.replace("\\\n", " ").splitlines():
        stated = line.split(" --hash=", 1)[0].strip()
        if not stated or stated.startswith("#"):
            continue
        try:
            requirement = Requirement(stated)
        except InvalidRequirement:
            raise ReleaseFileError(f"{stated!r} is no requirement") from None
        versions = [one.version for one in requirement.specifier if one.operator == "=="]
        hashes = frozenset(_HASH.findall(line))
        name = canonicalize_name(requirement.name)
        if len(versions) != 1 or len(requirement.specifier) != 1 or not hashes or name in pins:
            raise ReleaseFileError(f"{name} is not pinned once, to one version, with digests")
        pins[name] = Pin(versions[0], hashes, str(requirement.marker or ""))
    return pins
