"""`theseller setup`: prepare a deployment for real sellers.

It asks what only a person knows, writes the configuration file, makes secrets, roles and schema,
and the first operator. Run again, it keeps what is there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, cast

from theseller.cli.administrator_role_sql import ADMINISTRATOR, administrator_sql
from theseller.cli.commands.doctor import machine_findings
from theseller.cli.commands.secrets import TO_STORE
from theseller.cli.doctor_findings import Finding
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.external_postgres_inspection import DATABASE_ADMINISTRATORS, NO_SUPERUSER
from theseller.cli.setup_questions import (
    COMMENTS,
    ENVIRONMENTS,
    add_options,
    answers,
    unanswered,
)
from theseller.cli.setup_remaining_steps import remaining_steps
from theseller.cli.setup_steps import Account, Steps
from theseller.config.config_file import (
    CONFIG_FILE,
    DEFAULT_CONFIG_FILE,
    config_text,
    read_config_file,
)
from theseller.config.database_settings import database_settings
from theseller.config.egress_and_subprocessors import read_register
from theseller.config.environment import Environment, InvalidSettingError, read_environment
from theseller.config.mail_settings import read_mail_settings
from theseller.config.metrics_settings import (
    WEB_METRICS_PORT,
    WORKER_METRICS_PORT,
    metrics_port,
    tls_certificate,
)
from theseller.config.operator_on_security_page import require_operator_identity
from theseller.crypto.secret_provider_protocol import SecretProvider

HELP = "prepare this machine for real sellers: configuration file, secrets, database, operator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: one for each question, and those of the run."""
    parser.add_argument("--check", action="store_true", help="change nothing, say what is missing")
    parser.add_argument("--config", metavar="FILE", help=f"default: {DEFAULT_CONFIG_FILE}")
    parser.add_argument(
        "--user", metavar="NAME", help="account of the services (default: theseller, or one's own)"
    )
    parser.add_argument("--operator", metavar="EMAIL", help="address of the first operator")
    parser.add_argument("--operator-name", metavar="NAME", help="name of the first operator")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Set up, or with `--check` say what is missing; return 1 if something is.

    Raises:
        CommandError: an answer is missing or wrong, or a step failed.
    """
    config = Path(args.config or os.environ.get(CONFIG_FILE) or DEFAULT_CONFIG_FILE).absolute()
    before = read_config_file(config) if config.exists() else {}
    user = args.user or ("theseller" if os.geteuid() == 0 else _own_name())
    if args.check:
        return _check(config, before, user)
    account = Account.named(user)
    settings = answers(vars(args), before, ask=sys.stdin.isatty())
    environment = refuse_invalid(settings)
    steps = Steps(
        account, config, Path(settings["THESELLER_STATE"]), embedded="DATABASE_URL" not in settings
    )
    written = steps.write_file(config_text(settings, COMMENTS))
    print(f"{config}: {'written' if written else 'unchanged'}, {len(settings)} settings")
    steps.make_state_folder()
    if (backups := settings.get("THESELLER_BACKUPS", "")).startswith("/"):
        steps.make_folder(Path(backups))
    made, *more = steps.run("secrets", "fill").splitlines()
    print(f"secrets: {made}")
    to_store = "".join(more).removeprefix(TO_STORE)
    administrators = _prepare_database(steps)
    with steps.database():
        _first_operator(steps, args)
    given = to_store.split(", ") if to_store else []
    print(remaining_steps(config, settings, environment, given, administrators))
    return OK


def refuse_invalid(settings: Mapping[str, str]) -> Environment:
    """Check the settings as a web process would, and return what they say.

    Raises:
        CommandError: one is wrong; it names it.
    """
    environ = {**settings, "THESELLER_ROLE": "web"}
    try:
        environment = read_environment(environ, default_state=Path(settings["THESELLER_STATE"]))
        # No connection is made: the provider is called for passwords only.
        database_settings(environment, cast("SecretProvider", None))
        for name in (WEB_METRICS_PORT, WORKER_METRICS_PORT):
            metrics_port(environ, name)
        tls_certificate(environ)
        read_mail_settings(environ, environment.kind)
        require_operator_identity(environ)
        read_register(environ)
    except InvalidSettingError as error:
        raise CommandError(f"{error}.", "Nothing was changed.") from None
    if environment.kind not in ENVIRONMENTS:
        raise CommandError("THESELLER_ENV must be production or staging.", "Nothing was changed.")
    return environment


def _administrators(printed: str) -> str:
    """Return the setting that `migrate` printed for want of a superuser.

    "" if there is none. That there is no superuser is shown.
    """
    lines = printed.splitlines()
    for line in lines:
        if line.startswith(NO_SUPERUSER):
            print(f"database: {line}")
    return next((one for one in lines if one.startswith(f"{DATABASE_ADMINISTRATORS}=")), "")


def _prepare_database(steps: Steps) -> str:
    """Make roles, tables and rights, and return what `_administrators` does.

    An external database that has them already needs no administrator.

    Raises:
        CommandError: it has not, and no administrator is named.
    """
    if steps.embedded or os.environ.get("THESELLER_ADMIN_URL"):
        administrators = _administrators(steps.run("migrate"))
        print("database: roles, tables and rights are of this version")
        return administrators
    if problem := steps.problem("operator", "list"):
        _refuse_missing_administrator(problem)
    print("database: its tables are of this version; the administrator is not needed")
    return ""


def _refuse_missing_administrator(problem: str) -> NoReturn:
    print(f"\n{administrator_sql(ADMINISTRATOR)}\n", flush=True)
    raise CommandError(
        "The database's administrator is needed once, to make roles and tables. Without these:"
        f"\n  {problem}",
        "Set THESELLER_ADMIN_URL for this command only, and run it again: it goes on from here."
        " If you must not have the administrator's password, have the administrator run the SQL"
        " above, and name the role that it makes (docs/operate/managed-database.md).",
    )


def _first_operator(steps: Steps, args: argparse.Namespace) -> None:
    if steps.has_operator():
        print("operator: there is one")
        return
    email, name = args.operator, args.operator_name
    if sys.stdin.isatty():
        email = email or input("E-mail address of the first operator: ").strip()
        name = name or input("Name of the first operator: ").strip()
    if not email or not name:
        print("operator: none yet; run it again with --operator EMAIL --operator-name NAME")
        return
    password = steps.add_operator(email, name)
    print(
        f"operator: {email}, first password: {password}\n"
        "  It is shown this once. Sign in, change it and set up a second factor at"
        " /account/security/."
    )


def _check(config: Path, before: Mapping[str, str], user: str) -> int:
    findings = [_account(user), *_findings(config, before)]
    for one in findings:
        print(f"{one.symbol} {one.what:14} {one.found}")
        if one.failed and one.advice:
            print(f"  {'':14} {one.advice}")
    return FAILURE if any(one.failed for one in findings) else OK


def _account(user: str) -> Finding:
    try:
        Account.named(user)
    except CommandError as error:
        return Finding("account", error.message, failed=True, advice=error.advice)
    return Finding("account", f"{user} exists")


def _findings(config: Path, before: Mapping[str, str]) -> Iterator[Finding]:
    state = Path(before.get("THESELLER_STATE", "/var/lib/theseller"))
    yield from machine_findings(state)
    if not before:
        yield Finding("configuration", f"{config} does not exist", failed=True, advice=_RUN_SETUP)
        return
    missing = unanswered(before)
    if missing:
        yield Finding(
            "configuration", f"missing: {', '.join(missing)}", failed=True, advice=_RUN_SETUP
        )
        return
    try:
        refuse_invalid(before)
    except CommandError as error:
        yield Finding("configuration", error.message, failed=True, advice=f"Edit {config}.")
        return
    yield Finding("configuration", f"{config}: {len(before)} settings, none is missing")
    marked = (state / ".theseller-state").is_file()
    yield Finding(
        "state folder",
        f"{state}: {'in use' if marked else 'not made yet'}",
        failed=not marked,
        advice=_RUN_SETUP,
    )


_RUN_SETUP = "Run `theseller setup`."


def _own_name() -> str:
    import getpass

    return getpass.getuser()
