"""`theseller state`: export the state folder, import it on a new host."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from pathlib import Path

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.backups.state_export import Exported, Origin, export_state
from theseller.backups.state_export_format import Header, StateExportError, read_header
from theseller.backups.state_export_manifest import IN_FILES, Manifest
from theseller.backups.state_export_reading import read_export
from theseller.backups.state_import import (
    Imported,
    finish_import,
    import_complete,
    import_state,
)
from theseller.cli.deployment_secrets import given_secrets, own_secrets, secret_config
from theseller.cli.errors import OK, CommandError
from theseller.cli.state_folder_locks import exclusive_state_folder
from theseller.cli.state_folders import is_state_folder, mark_state_folder, state_folder
from theseller.config.environment import (
    read_backups,
    read_environment_kind,
    read_secret_config,
)
from theseller.config.state_export_settings import EXPORT_KEY, read_export_key
from theseller.crypto.errors import KeyFileError
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.recovery_key import new_recovery_key, public_recovery_key
from theseller.crypto.secret_and_key_config import (
    SecretConfig,
    StoreKind,
    make_key_store,
    make_secret_provider,
)
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.server_folders import control_folder

HELP = "export the state folder to a sealed file, and import it on a new host"
_DOCUMENT = "docs/operate/disaster-recovery.md"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AFTERWARDS = """\
     {number}. start the services; theseller audit verify. If it names lost events or a short copy,
        say why: theseller audit record-restore --reason …, theseller audit accept-copy --reason …
     {last}. theseller doctor; then export this state folder: theseller state export …"""
_EMBEDDED = """\
Now: 1. theseller restore: it repeats every erasure, also those since the export
"""
_EXTERNAL = """\
Now: 1. restore the database by its own service, if it was lost as well
     2. theseller migrate; with secrets or keys in files: theseller migrate --take-over --reason …
     3. theseller replay-erasures --journal-complete, before any service starts
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs `new-key`, `export`, `verify` and `import`."""
    verbs = parser.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")
    new = verbs.add_parser(
        "new-key", help="create a recovery key, which alone opens exports; keep it offline"
    )
    new.add_argument("file", type=Path, metavar="FILE", help="new file for the recovery key")
    export = verbs.add_parser(
        "export", help=f"write a sealed copy of the state folder, for the key of {EXPORT_KEY}"
    )
    export.add_argument(
        "target",
        type=Path,
        metavar="TARGET",
        help=(
            "new file, or a folder for a file named by the time; exports older than 28 days are"
            " removed from that folder"
        ),
    )
    verify = verbs.add_parser("verify", help="open an export and verify it; changes nothing")
    bring = verbs.add_parser("import", help="write an export into the state folder of a new host")
    for one in (verify, bring):
        one.add_argument("source", type=Path, metavar="SOURCE", help="the export")
        one.add_argument(
            "--key",
            type=Path,
            metavar="FILE",
            help="file with the recovery key (default: ask, or read standard input)",
        )
    for one in (export, verify):
        one.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        CommandError: it could not be done, and why.
    """
    if args.verb == "new-key":
        return _new_key(args.file)
    if args.verb == "export":
        return _export(args.target, as_json=args.json)
    if args.verb == "verify":
        return _verify(args.source, args.key, as_json=args.json)
    return _import(args.source, args.key)


def _new_key(path: Path) -> int:
    key = new_recovery_key()
    try:
        descriptor = os.open(path, _NEW, 0o600)
    except FileExistsError:
        raise CommandError(f"{path} exists; nothing was changed.", "Name a new file.") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{key.reveal()}\n")
        file.flush()
        os.fsync(file.fileno())
    print(
        f"The recovery key is in {path}. Print it or store it offline, twice, then delete that file"
        " from this machine.\nWithout it no export can be opened. Add to the configuration of every"
        f" host:\n{EXPORT_KEY}={public_recovery_key(key)}"
    )
    return OK


def _export(target: Path, *, as_json: bool) -> int:
    state = state_folder(os.environ)
    if not is_state_folder(state):
        raise CommandError(
            f"{state} is not a state folder of TheSeller.", "Name one with THESELLER_STATE."
        )
    recipient = read_export_key(os.environ)
    if recipient is None:
        raise CommandError(
            f"{EXPORT_KEY} is not set: exports are sealed to a recovery key.",
            f"Make one with `theseller state new-key FILE` ({_DOCUMENT}).",
        )
    choice, at = secret_config(state), clock.now()
    origin = Origin(
        state,
        choice.environment,
        choice.provider.value,
        choice.key_store.value,
        (*own_secrets(choice), *given_secrets(choice)),
        () if choice.key_store is StoreKind.FILES else _records(choice),
    )
    record_command_line_action(
        state, Tag.STATE_EXPORTED, subject="state", at=at, details={"recipient": recipient}
    )
    try:
        made = export_state(origin, target, recipient, at=at)
    except StateExportError as error:
        raise CommandError(f"Nothing was exported: {error}.") from None
    if as_json:
        print(json.dumps(_document(made), indent=1))
        return OK
    print(f"{made.path}: {len(made.manifest.files)} files, {made.bytes} bytes, sealed")
    for line in _elsewhere(made.manifest):
        print(line)
    if read_backups(os.environ, state=state).startswith(str(state)):
        print(
            "The backups are inside of the state folder and in no export: set THESELLER_BACKUPS to"
            " another disk, or they are lost with it."
        )
    for path in made.removed:
        print(f"removed {path}: it was 28 days old")
    return OK


def _records(choice: SecretConfig) -> tuple[KeyRecord, ...]:
    return make_key_store(choice, make_secret_provider(choice, os.environ), os.environ).list()


def _document(made: Exported) -> dict[str, object]:
    return {
        "path": str(made.path),
        "bytes": made.bytes,
        "sha256": made.sha256,
        "removed": [str(path) for path in made.removed],
        "manifest": made.manifest.document(),
    }


def _elsewhere(manifest: Manifest) -> list[str]:
    """Return what the export does not contain, since it is in no file."""
    lines = []
    if manifest.secrets_in != IN_FILES:
        lines.append(
            f"not in the export, but in {manifest.secrets_in}:"
            f" the secrets {', '.join(manifest.secret_names)}"
        )
    if manifest.keys_in != IN_FILES:
        lines.append(
            f"not in the export, but in {manifest.keys_in}: {manifest.live_keys} data keys and"
            f" {manifest.destroyed_keys} tombstones"
        )
    if manifest.secrets_in != IN_FILES and manifest.keys_in == IN_FILES:
        lines.append(
            "The root key is among those secrets. Without it the keys in the export open nothing:"
            " keep a copy of it."
        )
    return lines


def _verify(source: Path, key_file: Path | None, *, as_json: bool) -> int:
    try:
        manifest = read_export(source, _recovery_key(key_file))
    except StateExportError as error:
        raise CommandError(f"{source} can't be used: {error}.") from None
    if as_json:
        print(json.dumps(manifest.document(), indent=1))
        return OK
    print(
        f"{source}: intact, of the environment {manifest.environment}, deployment"
        f" {manifest.deployment}, made on {manifest.at:%Y-%m-%d %H:%M} UTC by version"
        f" {manifest.version}"
    )
    print(
        f"{len(manifest.files)} files; {manifest.live_keys} live keys,"
        f" {manifest.destroyed_keys} destroyed"
    )
    for line in _elsewhere(manifest):
        print(line)
    return OK


def _import(source: Path, key_file: Path | None) -> int:
    state = state_folder(os.environ)
    try:
        if import_complete(state):
            done = finish_import(state, mark=mark_state_folder)
            print("An earlier import was interrupted at its last steps; it is finished now.")
        else:
            _refuse_other_environment(read_header(source))
            done = _import_alone(source, _recovery_key(key_file), state)
    except StateExportError as error:
        raise CommandError(f"Nothing was imported: {error}.") from None
    _report(done)
    return OK


def _refuse_other_environment(header: Header) -> None:
    kind = read_environment_kind(os.environ)
    if header.environment != kind.value:
        raise StateExportError(
            f"it is of the environment {header.environment!r}, and this process runs as"
            f" {kind.value!r}: set THESELLER_ENV={header.environment}"
        )


def _import_alone(source: Path, key: Secret, state: Path) -> Imported:
    """Import while no other process of TheSeller uses the folder."""
    if holder := LockFile(control_folder(state) / "lock", "").holder():
        raise CommandError(
            f"The database of {state} is run by process {holder[0].pid} ({holder[1]}).",
            "An import is for a new host; stop that process, or name another folder.",
        )
    choice = read_secret_config(os.environ, kind=read_environment_kind(os.environ), state=state)
    at = clock.now()

    def accept(manifest: Manifest, content: Path) -> None:
        _refuse_other_stores(manifest, choice)
        details = {"exported_at": manifest.at.isoformat()}
        record_command_line_action(
            content, Tag.STATE_IMPORTED, subject="state", at=at, details=details
        )

    def act() -> Imported:
        return import_state(source, key, state, accept=accept, mark=mark_state_folder, at=at)

    if not is_state_folder(state):
        return act()
    with exclusive_state_folder(state) as alone:
        if not alone:
            raise CommandError(
                f"A process of TheSeller (web, worker or a command) works on {state}.",
                "Stop it first.",
            )
        return act()


def _refuse_other_stores(manifest: Manifest, choice: SecretConfig) -> None:
    here = (choice.provider.value, choice.key_store.value)
    if here != (manifest.secrets_in, manifest.keys_in):
        raise StateExportError(
            f"its deployment had secrets in {manifest.secrets_in} and keys in {manifest.keys_in},"
            f" and this host is set to {here[0]} and {here[1]}: set THESELLER_SECRET_PROVIDER and"
            " THESELLER_KEY_STORE as they were"
        )


def _report(done: Imported) -> None:
    print(f"imported {done.files} files of the export of {done.exported_at}")
    if done.destroyed_since:
        print(
            f"{done.destroyed_since} keys of the export were destroyed after it: they stay"
            " destroyed."
        )
    if done.journal_since:
        print(f"{done.journal_since} erasures that only this folder knew are kept.")
    external = bool(os.environ.get("DATABASE_URL"))
    print(
        _EXTERNAL + _AFTERWARDS.format(number=4, last=5)
        if external
        else _EMBEDDED + _AFTERWARDS.format(number=2, last=3)
    )


def _recovery_key(path: Path | None) -> Secret:
    if path is not None:
        text = Secret(path.read_text())
    elif sys.stdin.isatty():
        text = Secret(getpass.getpass("recovery key: "))
    else:
        text = Secret(sys.stdin.readline())
    try:
        public_recovery_key(text)
    except KeyFileError as error:
        raise CommandError(f"{error}.", f"See {_DOCUMENT}.") from None
    return text
