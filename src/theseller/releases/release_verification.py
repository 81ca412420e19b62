"""Verify a release offline: what is right and wrong with each file."""

from __future__ import annotations

import json
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from theseller.crypto.canonical_json_signing import verify
from theseller.crypto.errors import InvalidSignatureError
from theseller.releases import release_files
from theseller.releases.release_files import (
    MANIFEST,
    PROVENANCE,
    SBOM,
    SIGNATURE_SUFFIX,
    FileDigest,
    Manifest,
    ReleaseFileError,
)

#: A document is read as a whole; none has a tenth of it.
_DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
#: A wheel or source archive; ours have about 2 and 4 MB. Ed25519 signs a file as a whole.
_FILE_BYTES_MAX = 512 * 1024 * 1024


@dataclass(slots=True)
class CheckedFile:
    """One file: what was found right, and what wrong."""

    name: str
    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """The result for a folder.

    `manifest` is None if its signature or form is wrong.
    """

    manifest: Manifest | None
    files: tuple[CheckedFile, ...]

    @property
    def valid(self) -> bool:
        """Whether there is a signed manifest, and nothing is wrong with any file."""
        return self.manifest is not None and not any(one.wrong for one in self.files)


def read_signed_manifest(folder: Path, public_key: bytes) -> Manifest:
    """Return the manifest of a folder after its signature was verified.

    Raises:
        ReleaseFileError: a file is missing, the signature is wrong, or it is no manifest.
    """
    content = _read(folder / MANIFEST, _DOCUMENT_BYTES_MAX)
    _verify_signature(folder / MANIFEST, content, public_key)
    return release_files.parse_manifest(content)


def read_signed(folder: Path, name: str, manifest: Manifest) -> bytes:
    """Return the content of a listed file, if its digest is the listed one.

    Raises:
        ReleaseFileError: it is missing, or not the file that the manifest lists.
    """
    stated = manifest.artifacts.get(name)
    content = _read(folder / name, _DOCUMENT_BYTES_MAX)
    if stated is None or release_files.digest_of(folder / name) != stated:
        raise ReleaseFileError(f"{name} is not the file that the manifest lists")
    return content


def verify_release(folder: Path, public_key: bytes) -> VerifiedRelease:
    """Verify every file of a release's folder.

    Args:
        folder: what `bin/release` wrote, or a copy.
        public_key: the key of those who make releases, 32 bytes.

    Raises:
        OSError: the folder can't be read.
    """
    present = {path.name for path in folder.iterdir()} - {release_files.WHEELS}
    checked: dict[str, CheckedFile] = {}
    manifest = _checked_manifest(folder, public_key, checked)
    listed = manifest.artifacts if manifest else {}
    signed = {name for name in present if not name.endswith(SIGNATURE_SUFFIX)}
    for name in sorted((signed | listed.keys()) - {MANIFEST}):
        one = checked.setdefault(name, CheckedFile(name))
        _check_signed_file(folder / name, public_key, one)
        if manifest is not None:
            _check_listed(folder / name, listed.get(name), one)
            if not one.wrong:
                _check_content(folder, name, manifest, one)
    for name in sorted(present - signed):
        if name.removesuffix(SIGNATURE_SUFFIX) not in signed:
            checked[name] = CheckedFile(name, wrong=["it signs no file of this folder"])
    return VerifiedRelease(manifest, tuple(checked[name] for name in sorted(checked)))


def _checked_manifest(
    folder: Path, public_key: bytes, checked: dict[str, CheckedFile]
) -> Manifest | None:
    one = checked[MANIFEST] = CheckedFile(MANIFEST)
    try:
        manifest = read_signed_manifest(folder, public_key)
    except ReleaseFileError as error:
        one.wrong.append(str(error))
        return None
    one.right.append("the signature is valid")
    one.right.append(f"it lists {len(manifest.artifacts)} files, and {len(manifest.files)} more")
    one.right[-1] += " in the wheel"
    return manifest


def _check_signed_file(path: Path, public_key: bytes, one: CheckedFile) -> None:
    try:
        _verify_signature(path, _read(path, _FILE_BYTES_MAX), public_key)
    except ReleaseFileError as error:
        one.wrong.append(str(error))
    else:
        one.right.append("the signature is valid")


def _check_listed(path: Path, stated: FileDigest | None, one: CheckedFile) -> None:
    if stated is None:
        one.wrong.append("the manifest does not list it")
    elif path.is_file() and release_files.digest_of(path) != stated:
        one.wrong.append("its SHA-256 is not the manifest's")
    elif path.is_file():
        one.right.append("its SHA-256 is the manifest's")


def _check_content(folder: Path, name: str, manifest: Manifest, one: CheckedFile) -> None:
    """Compare what a file says with the manifest and the other files."""
    checks: dict[str, Callable[[Path, Manifest], str]] = {
        manifest.wheel: _check_wheel,
        SBOM: _check_sbom,
        PROVENANCE: _check_provenance,
        **dict.fromkeys(manifest.requirements.values(), _check_requirements),
    }
    if name not in checks:
        return
    try:
        one.right.append(checks[name](folder / name, manifest))
    except ReleaseFileError as error:
        one.wrong.append(str(error))


def _check_wheel(path: Path, manifest: Manifest) -> str:
    try:
        with zipfile.ZipFile(path) as wheel:
            problems = list(_wheel_differences(wheel, manifest.files))
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise ReleaseFileError(f"it is no wheel: {error}") from None
    if problems:
        raise ReleaseFileError("; ".join(problems[:5]))
    return f"all {len(manifest.files)} files in it are the manifest's"


def _wheel_differences(wheel: zipfile.ZipFile, stated: Mapping[str, FileDigest]) -> Iterator[str]:
    names = Counter(wheel.namelist())
    yield from (f"{name} is in it twice" for name, count in names.items() if count > 1)
    yield from (f"{name} is missing in it" for name in sorted(stated.keys() - names.keys()))
    for entry in wheel.infolist():
        expected = stated.get(entry.filename)
        if expected is None:
            yield f"{entry.filename} is in it and not in the manifest"
        elif entry.file_size != expected.bytes:  # before it is read: it may expand to anything
            yield f"{entry.filename} has another size than in the manifest"
        else:
            with wheel.open(entry) as file:
                if release_files.digest_of_stream(file) != expected:
                    yield f"{entry.filename} has another SHA-256 than in the manifest"


def _check_requirements(path: Path, _manifest: Manifest) -> str:
    pins = release_files.read_pins(_text(path))
    return f"{len(pins)} packages, each with one version and digests"


def _check_sbom(path: Path, manifest: Manifest) -> str:
    document = _json(path)
    if (document.get("bomFormat"), document.get("specVersion")) != (
        "CycloneDX", release_files.CYCLONEDX_VERSION,
    ):  # fmt: skip
        raise ReleaseFileError(f"it is no CycloneDX {release_files.CYCLONEDX_VERSION} document")
    product = _part(document, "metadata", "component")
    if (product.get("name"), product.get("version")) != (manifest.name, manifest.version):
        raise ReleaseFileError("it is of another version or product")
    found = {
        canonicalize_name(str(one.get("name"))): (str(one.get("version")), _sbom_hashes(one))
        for one in document.get("components", ())
    }
    pinned = {
        name: (pin.version, pin.sha256)
        for text in manifest.requirements.values()
        for name, pin in release_files.read_pins(_text(path.parent / text)).items()
    }
    if found != pinned:
        names = sorted({one for one, _ in found.items() ^ pinned.items()})
        raise ReleaseFileError(f"it differs from the pinned packages: {', '.join(names[:5])}")
    return f"its {len(found)} components are the pinned packages, with the same digests"


def _sbom_hashes(component: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        str(digest.get("content"))
        for reference in component.get("externalReferences", ())
        if reference.get("type") == "distribution"
        for digest in reference.get("hashes", ())
        if digest.get("alg") == "SHA-256"
    )


def _check_provenance(path: Path, manifest: Manifest) -> str:
    document = _json(path)
    if (document.get("_type"), document.get("predicateType")) != (
        release_files.IN_TOTO_STATEMENT, release_files.SLSA_PROVENANCE,
    ):  # fmt: skip
        raise ReleaseFileError("it is no in-toto statement with SLSA provenance, both of version 1")
    subjects = {
        str(one.get("name")): str((one.get("digest") or {}).get("sha256"))
        for one in document.get("subject", ())
    }
    stated = {
        name: digest.sha256 for name, digest in manifest.artifacts.items() if name != PROVENANCE
    }
    if subjects != stated:
        raise ReleaseFileError("its subjects are not the files of the manifest")
    definition = _part(document, "predicate", "buildDefinition")
    commits = {
        (one.get("digest") or {}).get("gitCommit")
        for one in definition.get("resolvedDependencies", ())
    }
    if manifest.commit not in commits:
        raise ReleaseFileError("it names another commit than the manifest")
    return f"it names commit {manifest.commit} and the digests of {len(subjects)} files"


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path, _DOCUMENT_BYTES_MAX))
    except (ValueError, RecursionError):
        raise ReleaseFileError("it is no JSON document") from None
    if not isinstance(document, dict):
        raise ReleaseFileError("it is no JSON object")
    return document


def _part(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ReleaseFileError(f"it has no {'.'.join(names)}")
    return found


def _text(path: Path) -> str:
    try:
        return _read(path, _DOCUMENT_BYTES_MAX).decode()
    except UnicodeDecodeError:
        raise ReleaseFileError(f"{path.name} is no text") from None


def _verify_signature(path: Path, content: bytes, public_key: bytes) -> None:
    signature = _read(path.with_name(path.name + SIGNATURE_SUFFIX), 1024)
    try:
        verify(public_key, content, signature)
    except InvalidSignatureError:
        raise ReleaseFileError("the signature is not valid for this file and key") from None


def _read(path: Path, most: int) -> bytes:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise ReleaseFileError(f"{path.name} is no regular file")
        if status.st_size > most:
            raise ReleaseFileError(f"{path.name} has more than {most} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise ReleaseFileError(f"{path.name} is missing") from None
