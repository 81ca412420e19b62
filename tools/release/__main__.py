"""Command line of bin/release: what is made, and from what."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from theseller.crypto.ed25519_pem_keys import public_key_pem, read_signing_key
from theseller.crypto.errors import CryptoError
from tools.image.build_twice import release_image
from tools.image.errors import ImageError
from tools.release.make_release import make_release
from tools.release.source_tree import NotReleasableError, read_source

_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Make the release and print what was made.

    Returns:
        The exit status: 0 made, 1 refused.
    """
    parser = argparse.ArgumentParser(
        prog="bin/release", description="Makes the release of the checked-out commit."
    )
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="private Ed25519 key (PEM)"
    )
    parser.add_argument(
        "--version",
        default="",
        help="refuse if the package has another version than this",
    )
    parser.add_argument(
        "--into", type=Path, default=_ROOT / "dist", help="folder in which VERSION is made"
    )
    parser.add_argument(
        "--repository", default="", help="public address of the repository, for the provenance"
    )
    parser.add_argument(
        "--image", action="store_true", help="with the container image (needs Debian 12, amd64)"
    )
    options = parser.parse_args(arguments)
    try:
        source = read_source(_ROOT, expected=options.version)
        key = read_signing_key(options.key)
        folder = make_release(
            source, key, into=options.into, repository=options.repository,
            make_image=release_image if options.image else None,
        )  # fmt: skip
    except FileNotFoundError as error:
        print(f"release: {error.filename} is missing", file=sys.stderr)
        return 1
    except (CryptoError, ImageError, NotReleasableError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>10}  {path.name}")
    print(f"release {source.version} of commit {source.commit} is in {folder}")
    print(f"public key:\n{public_key_pem(key.public_bytes).decode()}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
