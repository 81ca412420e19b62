"""`theseller release`: verify a release, check what is installed.

It compares the installed files with the release, and looks up advisories about its packages.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from theseller.cli.errors import FAILURE, OK, USAGE, CommandError
from theseller.cli.vulnerability_advisory_commands import add_advisory_arguments, run_advisories
from theseller.config.release_settings import read_release_settings
from theseller.crypto.ed25519_pem_keys import read_public_key
from theseller.crypto.errors import KeyFileError
from theseller.releases import installed_files
from theseller.releases.release_verification import VerifiedRelease, verify_release

HELP = "verify a release, compare what is installed with it, check advisories"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `verify`, `check` and `advisories`."""
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
    check = actions.add_parser(
        "check",
        help="compare every installed file with the release that THESELLER_RELEASE names",
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")
    add_advisory_arguments(
        actions.add_parser(
            "advisories", help="known vulnerabilities of the installed packages (OSV)"
        )
    )


def run(args: argparse.Namespace) -> int:
    """Run the action; return 1 if anything is wrong."""
    actions = {"check": _check, "verify": _verify, "advisories": run_advisories}
    return actions[args.action](args)


def _check(args: argparse.Namespace) -> int:
    named = read_release_settings(os.environ)
    try:
        found = installed_files.compare_installation(
            installed_files.running_installation(), named.folder, named.key
        )
    except installed_files.NotComparableError as error:
        raise CommandError(
            str(error), "docs/operate/releases.md says how a release is installed and named."
        ) from None
    if args.json:
        print(json.dumps({"valid": not found.differences, **asdict(found)}, indent=1))
        return FAILURE if found.differences else OK
    for difference in found.differences:
        print(f"✗ {difference}")
    if found.differences:
        print(f"REFUSED: {len(found.differences)} difference(s) from the release.")
        return FAILURE
    print(
        f"VALID: release {found.version}: {found.own} files of the program,"
        f" {found.of_dependencies} of {found.distributions} distributions ({found.by_wheel} by"
        f" their wheels), and {found.compiled} compiled modules are as they should be"
    )
    return OK


def _verify(args: argparse.Namespace) -> int:
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
