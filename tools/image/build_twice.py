"""Build an image twice, and refuse it if the two differ."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tools.image.build_image import DEBIAN_PACKAGES, archive_name, build_image, fetch
from tools.image.debian_packages import purl, read_packages
from tools.image.errors import ImageError
from tools.image.oci_archive import ImageArchive
from tools.release.documents import ReleasedImage
from tools.release.source_tree import Source

#: Downloads stay here for the next build; .gitignore has it.
CACHE = Path(__file__).resolve().parents[2] / ".image"


def build_twice(
    source: Source, tree: Path, wheel: Path, target: Path, *, kind: str, cache: Path
) -> ImageArchive:
    """Build an image in two folders, compare, and write the first.

    Args:
        source: the commit.
        tree: its files.
        wheel: the program, built from them.
        target: the file to write.
        kind: which list of Python packages.
        cache: folder of downloads.

    Raises:
        ImageError: the two differ, or none can be made.
    """
    downloads = fetch(tree, kind, cache)
    with tempfile.TemporaryDirectory(prefix="theseller-images-") as scratch:
        built = []
        for folder in ("a", "another folder with a longer name"):
            (Path(scratch) / folder).mkdir()
            file = Path(scratch) / folder / target.name
            built.append(build_image(source, wheel, downloads, file, kind=kind))
        first, second = built
        if (first.digest, first.file.read_bytes()) != (second.digest, second.file.read_bytes()):
            raise ImageError(f"two builds differ: {first.digest} and {second.digest}")
        shutil.copyfile(first.file, target)
    return ImageArchive(target, first.name, first.digest, first.image_id, first.unpacked)


def release_image(source: Source, tree: Path, wheel: Path, folder: Path) -> ReleasedImage:
    """Build the image of a release into its folder.

    Raises:
        ImageError: two builds differ, or none can be made.
    """
    target = folder / archive_name(source.version)
    image = build_twice(source, tree, wheel, target, kind="run", cache=CACHE)
    packages = read_packages((tree / DEBIAN_PACKAGES).read_text(encoding="utf-8"))
    return ReleasedImage(
        image.name, image.digest, tuple((purl(one), one.sha256) for one in packages)
    )
