"""`theseller secrets`: looks at, fills and replaces the deployment's own secrets, wherever they are kept. No value is ever shown but by `bundle`."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from theseller.audit.acts import note_act
from theseller.audit.tags import Tag
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.paths import is_state_folder, make_state_folder, state_folder
from theseller.cli.secrets import AMAZONS, ensure_secrets, new_secret, own_secrets, refuse_malformed, secret_choice
from theseller.crypto.choice import ProviderKind, SecretChoice, StoreKind, make_key_store, make_secret_provider
from theseller.crypto.errors import CryptoError, SecretNotFoundError
from theseller.crypto.providers import SecretKeeper
from theseller.crypto.variables import write_bundle
from theseller.lib import clock
from theseller.lib.secret import Secret

HELP = "look at the deployment's own secrets and keys, make the missing ones, keep one that Amazon gave"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    actions.add_parser("check", help="list each secret and ask the key store; exit status 1 if anything is missing or does not answer")
    actions.add_parser("fill", help="make the missing secrets that are ours to choose")
    put = actions.add_parser("put", help="ask for a secret (or read it from standard input) and keep it")
    put.add_argument("name", help=f"such as {AMAZONS}")
    put.add_argument("--replace", action="store_true", help="replace the one that is kept; without it, that is asked or refused")
    actions.add_parser("bundle", help="print a fresh set of our own secrets, in plain, for the variable THESELLER_SECRETS")


def run(args: argparse.Namespace) -> int:
    state = state_folder(os.environ)
    choice = secret_choice(state)
    if args.action == "bundle":
        return _bundle(choice, state)
    if ProviderKind.FILES in {choice.provider.value, choice.key_store.value}:
        make_state_folder(state)
    if args.action == "put":
        return _put(choice, state, str(args.name), replace=args.replace)
    if args.action == "fill":
        return _fill(choice, state)
    return _check(choice)


def _check(choice: SecretChoice) -> int:
    provider = make_secret_provider(choice, os.environ)
    print(f"environment {choice.environment}: secrets in {choice.provider}, data keys in {choice.key_store}")
    wrong = 0
    for name in (*own_secrets(choice), AMAZONS):
        problem = _problem(provider, name)
        wrong += bool(problem)
        print(f"{'✗' if problem else '✓'} {name:22} {problem}".rstrip())
    try:
        records = make_key_store(choice, provider, os.environ).list()
    except CryptoError as error:
        print(f"✗ {'data keys':22} {error}")
        return FAILURE
    print(
        f"✓ {'data keys':22} {sum(not record.destroyed for record in records)} live, {sum(record.destroyed for record in records)} destroyed"
    )
    return FAILURE if wrong else OK


def _problem(provider: SecretKeeper, name: str) -> str:
    try:
        provider.get(name)
    except CryptoError as error:
        return str(error)
    return ""


def _fill(choice: SecretChoice, state: Path) -> int:
    missing = list(_missing(choice))
    if missing:
        make_state_folder(state)
        note_act(state, Tag.SECRETS_FILLED, subject="secrets", at=clock.now(), details={"made": " ".join(missing)})
    ensure_secrets(state)
    print(f"made: {', '.join(missing)}" if missing else "nothing was missing")
    return OK


def _missing(choice: SecretChoice) -> Iterator[str]:
    provider = make_secret_provider(choice, os.environ)
    for name in own_secrets(choice):
        try:
            provider.get(name)
        except SecretNotFoundError:
            yield name


def _put(choice: SecretChoice, state: Path, name: str, *, replace: bool) -> int:
    if name != AMAZONS and name not in own_secrets(choice):
        raise CommandError(f"{name!r} is no secret of this deployment.", f"Choose one of {', '.join((AMAZONS, *own_secrets(choice)))}.")
    given = Secret(getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n"))
    refuse_malformed(name, given, choice)
    provider = make_secret_provider(choice, os.environ)
    try:
        kept: Secret | None = provider.get(name)
    except SecretNotFoundError:
        kept = None
    if kept is not None and kept.reveal() == given.reveal():
        print(f"{name} is kept already")
        return OK
    if kept is not None and not replace:
        _ask_to_replace(name)
    make_state_folder(state)
    note_act(state, Tag.SECRET_PUT, subject=f"secret:{name}", at=clock.now())
    provider.put(name, given)
    print(f"{name} is kept")
    return OK


def _ask_to_replace(name: str) -> None:
    """Raise CommandError unless the person at the terminal confirms that the secret in use is to be replaced."""
    advice = (
        f"`theseller rotate {name} --new-from-file FILE` asks Amazon first whether the new one works."
        if name == AMAZONS
        else f"`theseller rotate {name}` replaces it everywhere without an interruption."
    )
    if sys.stdin.isatty() and input(f"{name} is kept already. Type its name to replace it: ").strip() == name:
        return
    raise CommandError(f"{name} is kept already; nothing was changed.", f"{advice} To replace it all the same: --replace.")


def _bundle(choice: SecretChoice, state: Path) -> int:
    if sys.stdout.isatty():
        print("theseller secrets: this prints secrets; pipe it into what keeps them", file=sys.stderr)
        return FAILURE
    if choice.key_store is StoreKind.FILES:
        print("theseller secrets: the bundle holds a root key; keep a copy apart from the keys it opens", file=sys.stderr)
    if is_state_folder(state):
        note_act(state, Tag.SECRETS_BUNDLED, subject="secrets", at=clock.now())
    print(write_bundle({name: new_secret(name, choice) for name in own_secrets(choice)}).reveal())
    return OK
