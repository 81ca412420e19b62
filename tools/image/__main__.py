"""Command line of bin/image: the image of the checked-out commit."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.image.build_image import DEBIAN_PACKAGES, archive_name
from tools.image.build_twice import CACHE, build_twice
from tools.image.debian_packages import solve_packages
from tools.image.errors import ImageError
from tools.release.documents import KINDS
from tools.release.make_release import build_archives
from tools.release.source_tree import NotReleasableError, export, read_checkout

_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Make the image and print its digest.

    Returns:
        The exit status: 0 made, 1 refused.
    """
    parser = argparse.ArgumentParser(
        prog="bin/image", description="Makes the container image of the checked-out commit."
    )
    parser.add_argument(
        "--kind", choices=KINDS, default="run", help="list of Python packages (default: run)"
    )
    parser.add_argument(
        "--into", type=Path, default=_ROOT / "dist", help="folder in which the image is made"
    )
    parser.add_argument(
        "--update-packages", action="store_true",
        help="write the newest versions of Debian's packages to the list, and make no image",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        if options.update_packages:
            (_ROOT / DEBIAN_PACKAGES).write_text(solve_packages(), encoding="utf-8")
            print(f"{DEBIAN_PACKAGES} is written")
        else:
            _make(options.kind, options.into)
    except (ImageError, NotReleasableError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def _make(kind: str, into: Path) -> None:
    source = read_checkout(_ROOT)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="theseller-image-") as scratch:
        tree = Path(scratch) / "tree"
        export(source, tree)
        [wheel] = build_archives(tree, source.epoch, {}).glob("*.whl")
        target = into / archive_name(source.version, kind)
        image = build_twice(source, tree, wheel, target, kind=kind, cache=CACHE)
    print(f"{image.file}: {image.file.stat().st_size // 1_000_000} MB")
    print(f"name     {image.name}")
    print(f"digest   sha256:{image.digest}")
    print(f"image    {image.image_id}")
    print(f"unpacked {image.unpacked // 1_000_000} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
