"""`theseller release`: verify the files of a release."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from theseller.cli.errors import FAILURE, OK, USAGE, CommandError
from theseller.crypto.detached_signatures import read_public_key
from theseller.crypto.errors import KeyFileError
from theseller.releases.release_verification import VerifiedRelease, verify_release

HELP = "verify a release"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action `verify`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify",
        help="verify signatures, digests and contents of a release's files; offline",
    )
    verify.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the release")
    verify.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="FILE",
        help="the public key of those who make releases (PEM)",
    )
    verify.add_argument(
        "--version",
        default="",
        metavar="VERSION",
        help="require this version: an old release has valid signatures too",
    )
    verify.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the action; `verify` returns 1 if anything is wrong."""
    key = _public_key(args.key)
    try:
        release = verify_release(args.folder, key)
    except OSError as error:
        raise CommandError(
            f"{args.folder} can't be read: {error.strerror}.",
            "Give the folder with manifest.json.",
            status=USAGE,
        ) from None
    found = release.manifest.version if release.manifest else ""
    other = bool(args.version and found and found != args.version)
    if args.json:
        print(json.dumps(_document(release, expected=args.version), indent=1))
    else:
        _print(release)
        if other:
            print(f"✗ this is version {found}, and not {args.version}")
        _print_verdict(release, other=other)
    return OK if release.valid and not other else FAILURE


def _public_key(path: Path) -> bytes:
    try:
        return read_public_key(path)
    except KeyFileError as error:
        raise CommandError(f"{error}.", "Give the public key, not the private one.") from None
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}.", "Give the file of the public key."
        ) from None


def _print(release: VerifiedRelease) -> None:
    width = max(len(one.name) for one in release.files)
    for one in release.files:
        mark = "✗" if one.wrong else "✓"
        said = [*(f"WRONG: {text}" for text in one.wrong), *one.right]
        print(f"{mark} {one.name:{width}}  {'; '.join(said)}")


def _print_verdict(release: VerifiedRelease, *, other: bool) -> None:
    if release.manifest is None:
        print("REFUSED: the manifest is not valid, so no file was compared with it.")
    elif release.valid and not other:
        manifest = release.manifest
        print(f"VALID: {manifest.name} {manifest.version}, made from commit {manifest.commit}")
    else:
        print("REFUSED: do not install it.")


def _document(release: VerifiedRelease, *, expected: str) -> dict[str, object]:
    manifest = release.manifest
    return {
        "valid": release.valid
        and (not expected or (manifest is not None and manifest.version == expected)),
        "version": manifest.version if manifest else None,
        "commit": manifest.commit if manifest else None,
        "files": [
            {"name": one.name, "right": one.right, "wrong": one.wrong} for one in release.files
        ],
    }
