"""Build the image of the program from a wheel and the pinned packages."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.image import debian_packages, python_packages
from tools.image.errors import ImageError
from tools.image.layers import Ownership, write_layer
from tools.image.oci_archive import ARCHITECTURE, ImageArchive, RunConfig, write_archive
from tools.release.source_tree import Source

#: The account of the services in the image. The number is fixed: volumes belong to it.
ACCOUNT, ACCOUNT_NUMBER = "theseller", 10001
PORT = 8100
#: The list of pinned Debian packages, in the repository.
DEBIAN_PACKAGES = Path("deploy/container/debian-packages.txt")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_STATE = "var/lib/theseller"
#: Folders that volumes replace, and their owners. A new volume takes owner and mode from here.
_PRIVATE = {
    _STATE: Ownership(ACCOUNT_NUMBER, 0o700),
    "var/backups/theseller": Ownership(ACCOUNT_NUMBER, 0o700),
    "etc/theseller": Ownership(ACCOUNT_NUMBER, 0o750),
}
_SHARED = {"tmp": Ownership(0, 0o1777), "var/tmp": Ownership(0, 0o1777)}
#: The folder of the release, with which `theseller release check` compares what is installed.
_RELEASE = "opt/theseller/release"
RUN = RunConfig(
    user=f"{ACCOUNT_NUMBER}:{ACCOUNT_NUMBER}",
    entrypoint=(f"/{python_packages.PROGRAM}/bin/theseller",),
    command=("--help",),
    folder=f"/{_STATE}",
    environment={
        "HOME": f"/{_STATE}",
        "LANG": "C.UTF-8",
        "PATH": f"/{python_packages.PROGRAM}/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "THESELLER_CONFIG": "/etc/theseller/theseller.env",
    },
    port=PORT,
)
_FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
        f"{ACCOUNT}:x:{ACCOUNT_NUMBER}:{ACCOUNT_NUMBER}:TheSeller:/{_STATE}:/usr/sbin/nologin\n"
    ),
    "etc/group": f"root:x:0:\n{ACCOUNT}:x:{ACCOUNT_NUMBER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True)
class Downloads:
    """The files that an image is made of."""

    debian: tuple[Path, ...]
    wheels: tuple[Path, ...]


def fetch(tree: Path, kind: str, cache: Path) -> Downloads:
    """Return the pinned packages, from the cache or the package indexes.

    Args:
        tree: the files of the commit.
        kind: which list of Python packages: `run`, `aws`, `vault` or `tracing`.
        cache: folder of downloads.

    Raises:
        ImageError: one can't be had.
    """
    packages = debian_packages.read_packages((tree / DEBIAN_PACKAGES).read_text(encoding="utf-8"))
    requirements = (tree / "requirements" / f"{kind}.txt").read_text(encoding="utf-8")
    return Downloads(
        tuple(debian_packages.download(packages, cache / "debian")),
        tuple(python_packages.download(requirements, cache / "wheels")),
    )


def build_image(
    source: Source, wheel: Path, downloads: Downloads, target: Path, *, kind: str = "run"
) -> ImageArchive:
    """Build an image, and write it to a file.

    Args:
        source: the commit that the wheel was built from.
        wheel: the program.
        downloads: the packages.
        target: the file to write.
        kind: the list of Python packages, which the tag names if it is not `run`.

    Raises:
        ImageError: a package is not as expected.
    """
    # No slash at its end: the compiler cuts this folder off the names of modules.
    with tempfile.TemporaryDirectory(prefix="theseller-image-", dir=target.parent) as scratch:
        system, program = Path(scratch) / "system", Path(scratch) / "program"
        make_system(downloads, system)
        make_program(system, (*downloads.wheels, wheel), program)
        layers = [
            write_layer(
                system, Path(scratch) / "system.tar.gz", epoch=source.epoch, ownerships=_SHARED
            ),
            write_layer(
                program, Path(scratch) / "program.tar.gz", epoch=source.epoch, ownerships=_PRIVATE
            ),
        ]
        version = source.version if kind == "run" else f"{source.version}-{kind}"
        return write_archive(
            target, layers, RUN,
            name=f"localhost/theseller:{version}", epoch=source.epoch,
            annotations={
                "org.opencontainers.image.title": "TheSeller",
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.version": source.version,
                "org.opencontainers.image.revision": source.commit,
            },
        )  # fmt: skip


def archive_name(version: str, kind: str = "run") -> str:
    """Return the name of the file of an image."""
    return f"theseller-{version}-{'' if kind == 'run' else f'{kind}-'}{ARCHITECTURE}.oci.tar"


def make_system(downloads: Downloads, root: Path) -> None:
    """Write Debian's files and the accounts below a folder."""
    for _, target in (links := tuple(debian_packages.merged_links())):
        (root / target).mkdir(parents=True)
    for name, target in links:
        (root / name).symlink_to(target)
    for file in downloads.debian:
        debian_packages.unpack(file, root)
    for name in ("dev", "etc", "proc", "run", "sys", *_SHARED):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text, encoding="utf-8")
    _join_certificates(root)
    _refuse_rights_of_owners(root)
    python_packages.compile_modules(root, root, "usr/lib/python3.11")


def _join_certificates(root: Path) -> None:
    """Write the authorities to one file, as `update-ca-certificates` does."""
    found = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    if not found:
        raise ImageError("the package ca-certificates has no certificates")
    target = root / _CERTIFICATES
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(one.read_text(encoding="ascii") for one in found), encoding="ascii")
    default = root / "usr/lib/ssl"
    default.mkdir(parents=True, exist_ok=True)
    (default / "cert.pem").symlink_to(f"/{_CERTIFICATES}")
    (default / "certs").symlink_to("/etc/ssl/certs")


def _refuse_rights_of_owners(root: Path) -> None:
    """Check that the image brings no program that changes accounts.

    Layers have no such file by their modes; this finds a package that expects one.
    """
    for name in ("usr/bin/su", "usr/bin/sudo", "usr/bin/mount", "usr/bin/passwd"):
        if (root / name).exists():
            raise ImageError(f"{name} does not belong into the image")


def make_program(system: Path, wheels: tuple[Path, ...], root: Path) -> None:
    """Write the virtual environment of the program below a folder."""
    python_packages.make_environment(root)
    python_packages.install_wheels(wheels, root)
    python_packages.compile_modules(system, root, python_packages.SITE)
    for name in (*_PRIVATE, _RELEASE):
        (root / name).mkdir(parents=True, exist_ok=True)
