"""Debian packages of the image: which, pinned by SHA-256, and their files.

Packages are unpacked and not installed: none of their scripts runs, so that no root is needed and
nothing depends on the machine. Programs of the image itself are run by no build step but the
compiler of Python's modules.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packageurl import PackageURL

from tools.image.errors import ImageError

#: What the program needs; their dependencies are added. PostgreSQL runs commands by the shell, and
#: copies files by `cp` when a backup is restored.
WANTED = (
    "base-files", "ca-certificates", "coreutils", "dash", "libc-bin", "libstdc++6", "netbase",
    "python3.11",
)  # fmt: skip
#: Dependencies that only serve scripts of packages, or the installation of further packages.
LEFT_OUT = frozenset({
    "debconf", "debianutils", "dpkg", "libmd0", "libzstd1", "mawk", "openssl", "readline-common",
    "tar",
})  # fmt: skip
_LINE = re.compile(r"^([a-z0-9][a-z0-9+.-]+)=(\S+) sha256:([0-9a-f]{64})$")
_URI = re.compile(r"^'(\S+)' ([^_ ]+)_\S+_(?:amd64|all)\.deb \d+ SHA256:([0-9a-f]{64})$")
#: Since Debian 12 these folders are links into /usr; its packages still have files under both.
_MERGED = frozenset({"bin", "lib", "lib32", "lib64", "libx32", "sbin"})
_DROPPED = (
    "usr/share/bug/", "usr/share/doc-base/", "usr/share/info/", "usr/share/lintian/",
    "usr/share/locale/", "usr/share/man/", "usr/share/menu/", "usr/share/pixmaps/",
    "usr/share/applications/", "usr/share/python3/", "usr/share/binfmts/",
)  # fmt: skip
_COPYRIGHT = re.compile(r"^usr/share/doc/[^/]+/copyright$")


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """One pinned package."""

    name: str
    version: str
    sha256: str


def read_packages(text: str) -> tuple[DebianPackage, ...]:
    """Return the packages of a list.

    Raises:
        ImageError: a line is no pinned package, or repeats one.
    """
    found: dict[str, DebianPackage] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or match[1] in found:
            raise ImageError(f"{line!r} is no pinned package, or the second of its name")
        found[match[1]] = DebianPackage(*match.groups())
    return tuple(found.values())


def purl(package: DebianPackage) -> str:
    """Return the package URL of a package."""
    qualifiers = {"arch": "amd64", "distro": "bookworm"}
    return PackageURL("deb", "debian", package.name, package.version, qualifiers).to_string()


def solve_packages() -> str:
    """Return a new list: the newest versions that apt knows, with all dependencies.

    Raises:
        ImageError: apt is missing or finds no solution.
    """
    with tempfile.TemporaryDirectory(prefix="theseller-image-") as scratch:
        status = Path(scratch) / "status"
        status.touch()
        archives = Path(scratch) / "archives"
        (archives / "partial").mkdir(parents=True)
        said = _run([
            "apt-get", "-o", f"Dir::State::status={status}",
            "-o", f"Dir::Cache::archives={archives}", "-o", "APT::Install-Recommends=0",
            "-o", "Acquire::ForceHash=SHA256", "--print-uris", "-qq", "install", *WANTED,
        ])  # fmt: skip
    found = [match for line in said.splitlines() if (match := _URI.match(line))]
    needed = {match[3]: name for match in found if (name := match[2]) not in LEFT_OUT}
    versions = _versions(needed)
    lines = [
        "# Debian 12 (bookworm), amd64: packages of the container image, with the SHA-256 of each.",
        "# Written by `bin/image --update-packages`; do not edit.",
    ]
    for digest, name in sorted(needed.items(), key=lambda one: one[1]):
        lines.append(f"{name}={versions[digest]} sha256:{digest}")
    return "\n".join(lines) + "\n"


def _versions(needed: Mapping[str, str]) -> dict[str, str]:
    """Return the version of each package, by SHA-256."""
    found = {}
    for one in _run(["apt-cache", "show", *needed.values()]).split("\n\n"):
        version, digest = (
            re.search(rf"^{field}: (\S+)$", one, re.MULTILINE) for field in ("Version", "SHA256")
        )
        if version and digest and digest[1] in needed:
            found[digest[1]] = version[1]
    if missing := needed.keys() - found.keys():
        raise ImageError(f"apt does not say the version of {needed[min(missing)]}")
    return found


def download(packages: Sequence[DebianPackage], cache: Path) -> list[Path]:
    """Return the files of packages, from the cache or by apt.

    Raises:
        ImageError: apt has not this version any more, or a file has another SHA-256.
    """
    cache.mkdir(parents=True, exist_ok=True)
    files = [cache / f"{one.sha256}.deb" for one in packages]
    for one, file in zip(packages, files, strict=True):
        if not file.exists():
            _download(one, file)
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != one.sha256:
            raise ImageError(f"{file} is not {one.name} {one.version}: its SHA-256 is {found}")
    return files


def _download(package: DebianPackage, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="download-", dir=target.parent) as scratch:
        try:
            _run(["apt-get", "-qq", "download", f"{package.name}={package.version}"], scratch)
        except ImageError as error:
            raise ImageError(
                f"apt has no {package.name} {package.version}: run `apt-get update`; if Debian"
                " has a newer version now, `bin/image --update-packages`, or give apt a source of"
                f" Debian's snapshots. apt says: {error}"
            ) from None
        [file] = Path(scratch).glob("*.deb")
        shutil.move(file, target)


def unpack(file: Path, root: Path) -> None:
    """Write the files of a package below a folder, and what it is for scanners.

    Raises:
        ImageError: a member is a device, or outside of the folder.
    """
    with tempfile.TemporaryFile() as data:
        _run_into(["dpkg-deb", "--fsys-tarfile", str(file)], data.fileno())
        data.seek(0)
        with tarfile.open(fileobj=data) as archive:
            write_members(archive, root)
    control = _run(["dpkg-deb", "--field", str(file)])
    name = _run(["dpkg-deb", "--field", str(file), "Package"]).strip()
    status = root / "var/lib/dpkg/status.d" / name
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(control, encoding="utf-8")


def write_members(archive: tarfile.TarFile, root: Path) -> None:
    """Write the members of a package's archive below a folder.

    Raises:
        ImageError: one is a device, or outside of the folder.
    """
    for member in archive:
        _write_member(archive, member, root)


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    name = image_path(member.name)
    if not name or _is_dropped(name):
        return
    target = root / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        shutil.copy2(root / image_path(member.linkname), target)
    elif member.isreg():
        content = archive.extractfile(member)
        if content is None:
            raise ImageError(f"{member.name} has no content")
        with content, target.open("xb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise ImageError(f"{member.name} is no folder, regular file or link")


def image_path(name: str) -> str:
    """Return where a member of a package goes, relative to the root; "" for the root.

    Raises:
        ImageError: it is outside.
    """
    parts = [part for part in PurePosixPath(name).parts if part not in {".", "/"}]
    if ".." in parts:
        raise ImageError(f"{name} is outside of the image")
    if parts and parts[0] in _MERGED:
        parts.insert(0, "usr")
    return "/".join(parts)


def _is_dropped(name: str) -> bool:
    if name.startswith("usr/share/doc/"):
        return not _COPYRIGHT.match(name)
    return f"{name}/".startswith(_DROPPED)


def merged_links() -> Iterator[tuple[str, str]]:
    """Yield the links from the old folders into /usr."""
    for name in ("bin", "lib", "lib64", "sbin"):
        yield name, f"usr/{name}"


def _run(command: Sequence[str], folder: str | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ImageError(f"{command[0]} is missing: build on Debian 12 (amd64)") from None
    if done.returncode:
        raise ImageError(f"{command[0]} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _run_into(command: Sequence[str], target: int) -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs
        command, stdout=target, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise ImageError(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-1000:]}")
