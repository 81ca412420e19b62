"""`theseller release advisories`: import, accept and check advisories."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.crypto.private_files import locked, private_directory, write_private
from theseller.lib import clock
from theseller.lib.state_file_names import ADVISORIES, ADVISORY_SNAPSHOT, ADVISORY_STATEMENTS
from theseller.releases import advisories
from theseller.releases.advisories import AdvisoriesError, Match
from theseller.releases.openvex_statements import VexError, parse_statements, read_statements

_FETCH = "Get PyPI/all.zip of OSV (docs/operate/releases.md), and import it."


def add_advisory_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `import`, `accept` and `check`."""
    verbs = parser.add_subparsers(title="actions", dest="verb", required=True, metavar="ACTION")
    imports = verbs.add_parser("import", help="import OSV's advisories about packages of PyPI")
    imports.add_argument("file", type=Path, metavar="FILE", help="OSV's archive PyPI/all.zip")
    imports.add_argument("--json", action="store_true", help="print one JSON document")
    accept = verbs.add_parser(
        "accept", help="replace the statements that advisories do not apply (OpenVEX)"
    )
    accept.add_argument("file", type=Path, metavar="FILE", help="the OpenVEX document")
    accept.add_argument("--json", action="store_true", help="print one JSON document")
    check = verbs.add_parser(
        "check", help="list known vulnerabilities of the installed packages; exits with 1 if any"
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")


def run_advisories(args: argparse.Namespace) -> int:
    """Run the action; `check` returns 1 if one is not accepted.

    Raises:
        CommandError: a file can't be used, or the advisories are missing or too old.
    """
    state = state_folder(os.environ)
    if args.verb == "check":
        return _check(state / ADVISORIES, as_json=args.json)
    content, tag, details = _accepted(args.file) if args.verb == "accept" else _imported(args.file)
    make_state_folder(state)
    record_command_line_action(state, tag, subject="advisories", at=clock.now(), details=details)
    name = ADVISORY_STATEMENTS if args.verb == "accept" else ADVISORY_SNAPSHOT
    folder = private_directory(state / ADVISORIES)
    with locked(folder):
        write_private(folder / name, content)
    print(json.dumps(details, indent=1) if args.json else _said(details))
    return OK


def _imported(path: Path) -> tuple[bytes, Tag, dict[str, str | int]]:
    try:
        snapshot = advisories.read_archive(path)
    except AdvisoriesError as error:
        raise CommandError(f"{path} was not imported: {error}.", _FETCH) from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.", _FETCH) from None
    if problem := advisories.why_unusable(snapshot, clock.now()):
        raise CommandError(f"{path} was not imported. {problem}", _FETCH)
    details: dict[str, str | int] = {
        "advisories": snapshot.count,
        "newest": snapshot.newest.isoformat(),
        "sha256": snapshot.sha256,
    }
    return advisories.snapshot_bytes(snapshot), Tag.ADVISORIES_IMPORTED, details


def _accepted(path: Path) -> tuple[bytes, Tag, dict[str, str | int]]:
    try:
        content = path.read_bytes()
        statements = parse_statements(content)
    except VexError as error:
        raise CommandError(
            f"{path} was not accepted: {error}.", "docs/operate/releases.md has an example."
        ) from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None
    return content, Tag.ADVISORIES_ACCEPTED, {"statements": len(statements)}


def _said(details: dict[str, str | int]) -> str:
    return "stored: " + ", ".join(f"{name} {value}" for name, value in details.items())


def _check(folder: Path, *, as_json: bool) -> int:
    try:
        snapshot = advisories.load_snapshot(folder / ADVISORY_SNAPSHOT)
        statements = read_statements(folder / ADVISORY_STATEMENTS)
    except AdvisoriesError as error:
        raise CommandError(str(error), _FETCH) from None
    except VexError as error:
        raise CommandError(f"The stored statements can't be used: {error}.") from None
    if problem := advisories.why_unusable(snapshot, clock.now()):
        raise CommandError(problem, _FETCH)
    packages = advisories.installed_packages()
    matches = list(advisories.find_matches(snapshot, packages, statements))
    open_ones = [one for one in matches if one.accepted is None]
    if as_json:
        document = {
            "newest": snapshot.newest.isoformat(),
            "advisories": snapshot.count,
            "packages": len(packages),
            "vulnerabilities": [_document(one) for one in matches],
        }
        print(json.dumps(document, indent=1))
        return FAILURE if open_ones else OK
    for one in matches:
        print(_line(one))
    print(
        f"{len(packages)} packages, {snapshot.count} advisories of {snapshot.newest:%Y-%m-%d}:"
        f" {len(open_ones)} known vulnerabilities, {len(matches) - len(open_ones)} accepted"
    )
    return FAILURE if open_ones else OK


def _line(one: Match) -> str:
    names = " ".join((one.advisory.id, *one.advisory.aliases))
    said = f"{one.package} {one.version}  {names}  {one.advisory.summary}".rstrip()
    return f"✓ {said} (accepted: {one.accepted.reason})" if one.accepted else f"✗ {said}"


def _document(one: Match) -> dict[str, object]:
    return {
        "package": one.package,
        "version": one.version,
        "id": one.advisory.id,
        "aliases": list(one.advisory.aliases),
        "summary": one.advisory.summary,
        "accepted": one.accepted.reason if one.accepted else None,
    }
