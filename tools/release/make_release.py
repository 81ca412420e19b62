"""Make the files of a release, and sign them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases.release_files import (
    PROVENANCE,
    SBOM,
    FileDigest,
    Manifest,
    digest_of,
    digest_of_stream,
)
from theseller.releases.release_verification import verify_release
from tools.release.documents import KINDS, ReleasedImage, provenance_document, sbom_document
from tools.release.signing import write_manifest_and_signatures
from tools.release.source_tree import NotReleasableError, Source, export

#: Builds a container image: takes the commit, its files, the wheel and the folder of the archive.
ImageMaker = Callable[[Source, Path, Path, Path], ReleasedImage]
#: Two machines that differ in what must not matter.
_BUILDS: tuple[Mapping[str, str], ...] = (
    {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
    {"TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"},
)


def make_release(
    source: Source,
    key: SigningKey,
    *,
    into: Path,
    repository: str = "",
    make_image: ImageMaker | None = None,
) -> Path:
    """Make the release of a commit and return its folder.

    Args:
        source: the commit.
        key: signs every file.
        into: the folder is made in this one, named after the version.
        repository: public address of the repository; "" if there is none to be named.
        make_image: builds the container image; None for a release without one.

    Raises:
        NotReleasableError: it exists already, or two builds differ.
    """
    folder = into.resolve() / source.version
    if folder.exists():
        raise NotReleasableError(f"{folder} exists: delete it first, unless it was published")
    with tempfile.TemporaryDirectory(prefix="theseller-release-") as scratch:
        made = Path(scratch) / source.version
        made.mkdir()
        tree = _build_twice(source, Path(scratch), made)
        image = make_image(source, tree, _wheel(made), made) if make_image else None
        manifest = _write_documents(source, tree, made, repository, image)
        write_manifest_and_signatures(made, manifest, key)
        if not verify_release(made, key.public_bytes).valid:
            raise NotReleasableError("the release that was made does not pass its verification")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, folder)
    return folder


def _build_twice(source: Source, scratch: Path, made: Path) -> Path:
    """Build in two folders, compare, and return the first source tree."""
    trees = (scratch / "a", scratch / "another folder" / "with a longer name")
    built: list[dict[str, FileDigest]] = []
    for tree, variables in zip(trees, _BUILDS, strict=True):
        export(source, tree)
        archives = build_archives(tree, source.epoch, variables)
        built.append({path.name: digest_of(path) for path in sorted(archives.iterdir())})
    if built[0] != built[1]:
        differ = sorted(name for name, _ in built[0].items() ^ built[1].items())
        raise NotReleasableError(f"two builds differ: {', '.join(dict.fromkeys(differ))}")
    for path in (trees[0] / "dist").iterdir():
        shutil.copyfile(path, made / path.name)
    return trees[0]


def build_archives(tree: Path, epoch: int, variables: Mapping[str, str]) -> Path:
    """Build wheel and source archive of a source tree; return their folder.

    The backend is called directly: it is installed from the pinned packages, and building needs no
    network.

    Raises:
        NotReleasableError: the backend failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist"],
        cwd=tree, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(epoch), **variables},
    )  # fmt: skip
    if done.returncode:
        raise NotReleasableError(f"hatchling failed: {done.stderr.strip()[-2000:]}")
    return tree / "dist"


def _wheel(made: Path) -> Path:
    return next(made.glob("*.whl"))


def _write_documents(
    source: Source, tree: Path, made: Path, repository: str, image: ReleasedImage | None
) -> Manifest:
    """Write everything but the manifest, and return what it says."""
    requirements = {kind: f"requirements-{kind}.txt" for kind in KINDS}
    for kind, name in requirements.items():
        shutil.copyfile(tree / "requirements" / f"{kind}.txt", made / name)
    (made / SBOM).write_text(sbom_document(source, tree), encoding="utf-8")
    digests = {path.name: digest_of(path) for path in made.iterdir()}
    (made / PROVENANCE).write_bytes(provenance_document(source, digests, repository, image))
    wheel = _wheel(made)
    return Manifest(
        format="theseller-release-1",
        name="theseller",
        version=source.version,
        commit=source.commit,
        source_date_epoch=source.epoch,
        wheel=wheel.name,
        requirements=requirements,
        artifacts={},
        files=_files_in(wheel),
    )


def _files_in(path: Path) -> dict[str, FileDigest]:
    found = {}
    with zipfile.ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            with wheel.open(name) as file:
                found[name] = digest_of_stream(file)
    return found
