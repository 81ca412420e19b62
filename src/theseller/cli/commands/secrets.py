"""`theseller secrets`: check, create and replace deployment secrets.

It works with every provider. Only `bundle` prints values.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.deployment_secrets import (
    LWA_CLIENT_SECRET_NAME,
    MAIL_PASSWORD_NAME,
    OIDC_SECRET_NAME,
    ensure_secrets,
    given_secrets,
    new_secret,
    own_secrets,
    refuse_malformed,
    secret_config,
)
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.state_folders import is_state_folder, make_state_folder, state_folder
from theseller.crypto.environment_secrets import write_bundle
from theseller.crypto.errors import CryptoError, SecretNotFoundError
from theseller.crypto.root_keys import ROOT_KEY_NAME
from theseller.crypto.secret_and_key_config import (
    ProviderKind,
    SecretConfig,
    StoreKind,
    make_key_store,
    make_secret_provider,
)
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.lib import clock
from theseller.lib.secret_type import Secret

HELP = "check, create and store the secrets of this deployment"

#: Begins the line of `fill` with the missing secrets that other services issue.
TO_STORE = "to store with `theseller secrets put`: "
_FILL = "missing: `theseller secrets fill` creates it"
_FILL_AND_MIGRATE = f"{_FILL}, then `theseller migrate` sets it in the database"
#: What to do about a secret that is missing, where that is not the same as for the others.
_ADVICE = {
    LWA_CLIENT_SECRET_NAME: (
        f"missing: `theseller secrets put {LWA_CLIENT_SECRET_NAME}`, with the one that Developer"
        " Central shows"
    ),
    MAIL_PASSWORD_NAME: (
        f"missing: `theseller secrets put {MAIL_PASSWORD_NAME}`, with the one that the mail service"
        " issued to the user of THESELLER_MAIL_URL"
    ),
    OIDC_SECRET_NAME: (
        f"missing: `theseller secrets put {OIDC_SECRET_NAME}`, with the one that the identity"
        " provider shows for THESELLER_OIDC_CLIENT_ID"
    ),
    ROOT_KEY_NAME: (
        "missing: restore it from its copy, which alone decrypts the keys; in a new deployment:"
        " `theseller secrets fill`"
    ),
    "db-superuser": (
        "missing: restore it from its copy; in a new deployment: `theseller secrets fill`"
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `check`, `fill`, `put` and `bundle`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="check all secrets and the key store; exits with 1 if one is missing or unavailable",
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")
    actions.add_parser(
        "fill", help="create missing secrets, except those that other services issue"
    )
    put = actions.add_parser("put", help="store a secret from a prompt or from standard input")
    put.add_argument("name", help=f"name of the secret, such as {LWA_CLIENT_SECRET_NAME}")
    put.add_argument(
        "--replace", action="store_true", help="replace the stored secret without asking"
    )
    actions.add_parser(
        "bundle", help="print a new set of secrets in plain text, for THESELLER_SECRETS"
    )


def run(args: argparse.Namespace) -> int:
    """Run the action; `check` returns 1 if a secret is missing."""
    state = state_folder(os.environ)
    choice = secret_config(state)
    if args.action == "bundle":
        return _bundle(choice, state)
    if ProviderKind.FILES in {choice.provider.value, choice.key_store.value}:
        make_state_folder(state)
    if args.action == "put":
        return _put(choice, state, str(args.name), replace=args.replace)
    if args.action == "fill":
        return _fill(choice, state)
    return _check(choice, as_json=args.json)


def _check(choice: SecretConfig, *, as_json: bool) -> int:
    provider = make_secret_provider(choice, os.environ)
    found = [
        (name, _problem(provider, name)) for name in (*own_secrets(choice), *given_secrets(choice))
    ]
    keys, fault = "", ""
    try:
        records = make_key_store(choice, provider, os.environ).list()
        keys = (
            f"{sum(not record.destroyed for record in records)} live,"
            f" {sum(record.destroyed for record in records)} destroyed"
        )
    except CryptoError as error:
        fault = str(error)
    status = FAILURE if fault or any(problem for _, problem in found) else OK
    if as_json:
        document = {
            "environment": choice.environment,
            "secrets_in": choice.provider.value,
            "keys_in": choice.key_store.value,
            "secrets": [{"name": name, "problem": problem} for name, problem in found],
            "keys": {"found": keys, "problem": fault},
        }
        print(json.dumps(document, indent=1))
        return status
    print(
        f"environment {choice.environment}: secrets in {choice.provider}, data keys in"
        f" {choice.key_store}"
    )
    for name, problem in found:
        print(f"{'✗' if problem else '✓'} {name:22} {problem}".rstrip())
    print(f"{'✗' if fault else '✓'} {'data keys':22} {fault or keys}")
    return status


def _problem(provider: WritableSecretProvider, name: str) -> str:
    """Return why a secret can't be used and what to do, "" if it can."""
    try:
        provider.get(name)
    except SecretNotFoundError:
        return _ADVICE.get(name, _FILL_AND_MIGRATE if name.startswith("db-") else _FILL)
    except CryptoError as error:
        return str(error)
    return ""


def _fill(choice: SecretConfig, state: Path) -> int:
    missing = list(_missing(choice, own_secrets(choice)))
    if missing:
        make_state_folder(state)
        record_command_line_action(
            state,
            Tag.SECRETS_FILLED,
            subject="secrets",
            at=clock.now(),
            details={"made": " ".join(missing)},
        )
    ensure_secrets(state)
    print(f"made: {', '.join(missing)}" if missing else "nothing was missing")
    if to_store := list(_missing(choice, given_secrets(choice))):
        print(f"{TO_STORE}{', '.join(to_store)}")
    return OK


def _missing(choice: SecretConfig, names: Iterable[str]) -> Iterator[str]:
    provider = make_secret_provider(choice, os.environ)
    for name in names:
        try:
            provider.get(name)
        except SecretNotFoundError:
            yield name


def _put(choice: SecretConfig, state: Path, name: str, *, replace: bool) -> int:
    names = (LWA_CLIENT_SECRET_NAME, MAIL_PASSWORD_NAME, OIDC_SECRET_NAME, *own_secrets(choice))
    if name not in names:
        raise CommandError(
            f"{name!r} is not a secret of this deployment.", f"Choose one of {', '.join(names)}."
        )
    given = Secret(
        getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    )
    refuse_malformed(name, given, choice)
    provider = make_secret_provider(choice, os.environ)
    try:
        kept: Secret | None = provider.get(name)
    except SecretNotFoundError:
        kept = None
    if kept is not None and kept.reveal() == given.reveal():
        print(f"{name} is stored already")
        return OK
    if kept is not None and not replace:
        _ask_to_replace(name)
    make_state_folder(state)
    record_command_line_action(state, Tag.SECRET_PUT, subject=f"secret:{name}", at=clock.now())
    provider.put(name, given)
    print(f"{name} is stored")
    if name in given_secrets(choice):
        print(
            f"Record when it was made: theseller rotate --created-on {clock.now():%Y-%m-%d} {name}"
        )
    return OK


def _ask_to_replace(name: str) -> None:
    """Ask at the terminal whether the secret in use is to be replaced.

    Raises:
        CommandError: it is not confirmed.
    """
    advice = (
        f"`theseller rotate {name} --new-from-file FILE` checks with Amazon first whether the"
        " new one works."
        if name == LWA_CLIENT_SECRET_NAME
        else "Change it at the mail service first."
        if name == MAIL_PASSWORD_NAME
        else "Make a new one at the identity provider first."
        if name == OIDC_SECRET_NAME
        else f"`theseller rotate {name}` replaces it everywhere without an interruption."
    )
    if (
        sys.stdin.isatty()
        and input(f"{name} is stored already. Type its name to replace it: ").strip() == name
    ):
        return
    raise CommandError(
        f"{name} is stored already; nothing was changed.",
        f"{advice} To replace it anyway: --replace.",
    )


def _bundle(choice: SecretConfig, state: Path) -> int:
    if sys.stdout.isatty():
        print(
            "theseller secrets: this prints secrets; redirect it into your secret store",
            file=sys.stderr,
        )
        return FAILURE
    if choice.key_store is StoreKind.FILES:
        print(
            "theseller secrets: the bundle holds a root key; keep a copy apart from the keys it"
            " opens",
            file=sys.stderr,
        )
    if is_state_folder(state):
        record_command_line_action(state, Tag.SECRETS_BUNDLED, subject="secrets", at=clock.now())
    print(write_bundle({name: new_secret(name, choice) for name in own_secrets(choice)}).reveal())
    return OK
