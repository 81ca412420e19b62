"""The questions of `theseller setup`: each answer is a setting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from theseller.cli.errors import USAGE, CommandError
from theseller.config.environment import EnvironmentKind
from theseller.crypto.secret_and_key_config import PROVIDER, ProviderKind

#: The answer for the server that TheSeller runs itself.
EMBEDDED = "embedded"
#: The answer for the real Amazon.
AMAZON = "amazon"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        variable: the setting that the answer becomes.
        option: the option of the command line that answers it.
        text: the question.
        default: the answer if there is none; "" if one is needed.
        only_if: a setting and its value, without which the question is not put.
        optional: whether an empty answer is one.
    """

    variable: str
    option: str
    text: str
    default: str = ""
    only_if: tuple[str, str] | None = None
    optional: bool = False


QUESTIONS = (
    Question(
        "THESELLER_ENV", "--environment", "What is it for (production, staging)?", "production"
    ),
    Question(
        "THESELLER_PUBLIC_URL", "--address", "The https:// address that browsers use, such as"
        " https://shop.example"
    ),
    Question(
        "THESELLER_TRUSTED_PROXIES", "--proxies", "Addresses of your reverse proxies, with commas"
        " between", "127.0.0.1"
    ),
    Question("THESELLER_SECURITY_OFFICER", "--officer", "Name of the security officer"),
    Question(
        "THESELLER_SECURITY_CONTACT", "--contact", "Public e-mail address for security reports"
    ),
    Question("THESELLER_LEGAL_ENTITY", "--legal-entity", "Legal entity that operates this"),
    Question("THESELLER_LEGAL_ADDRESS", "--legal-address", "Its registered address, on one line"),
    Question(
        "THESELLER_AMAZON", "--amazon", f"`{AMAZON}`, or in staging an emulated one:"
        " emulator:http://127.0.0.1:8101", AMAZON
    ),
    Question(
        "THESELLER_LWA_CLIENT_ID", "--lwa-client-id", "Client ID of your application"
        " (amzn1.application-oa2-client.…, from Developer Central)",
        only_if=("THESELLER_AMAZON", AMAZON)
    ),
    Question(
        "THESELLER_APPLICATION_ID", "--application-id", "Application ID (amzn1.sp.solution.…)",
        only_if=("THESELLER_AMAZON", AMAZON)
    ),
    Question(
        "THESELLER_APPLICATION_DRAFT", "--draft", "Is the application a draft (yes, no)?", "no"
    ),
    Question("THESELLER_STATE", "--state", "The state folder", "/var/lib/theseller"),
    Question(
        "DATABASE_URL", "--database", f"The database: `{EMBEDDED}`, or postgresql://HOST:5432/"
        "DATABASE?sslmode=verify-full", EMBEDDED
    ),
    Question(
        "THESELLER_BACKUPS", "--backups", "Where backups go: a folder on another disk,"
        " s3://BUCKET/PREFIX?region=REGION, or none", only_if=("DATABASE_URL", EMBEDDED)
    ),
    Question(
        "THESELLER_SECRET_PROVIDER", "--secrets", "Where secrets are (files, vault, aws,"
        " environment)", "files"
    ),
    Question(
        "THESELLER_VAULT_ADDRESS", "--vault-address", "Address of OpenBao or Vault",
        only_if=("THESELLER_SECRET_PROVIDER", "vault")
    ),
    Question(
        "THESELLER_VAULT_ROLE_ID", "--vault-role-id", "ID of its AppRole",
        only_if=("THESELLER_SECRET_PROVIDER", "vault")
    ),
    Question(
        "THESELLER_VAULT_SECRET_ID_FILE", "--vault-secret-id-file", "File with its secret ID",
        "/etc/theseller/vault-secret-id", only_if=("THESELLER_SECRET_PROVIDER", "vault")
    ),
    Question(
        "THESELLER_AWS_REGION", "--aws-region", "Region of AWS",
        only_if=("THESELLER_SECRET_PROVIDER", "aws")
    ),
    Question(
        "THESELLER_MAIL_URL", "--mail", "The mail server: smtp://USER@HOST:587 or none", "none"
    ),
    Question(
        "THESELLER_MAIL_FROM", "--mail-from", "Address that mail comes from (may be empty without"
        " mail)", optional=True
    ),
    Question(
        "THESELLER_SUBPROCESSORS", "--subprocessors", "Your subprocessors, as `NAME: HOST; NAME`"
        " (docs/operate/subprocessors.md; may be empty)", optional=True
    ),
    Question("THESELLER_PORT", "--port", "Port of the web process on this machine", "8100"),
    Question("THESELLER_METRICS_PORT", "--metrics-port", "Port of the web's metrics", "9464"),
    Question(
        "THESELLER_WORKER_METRICS_PORT", "--worker-metrics-port", "Port of the worker's metrics",
        "9465"
    ),
    Question(
        "THESELLER_TLS_CERTIFICATE", "--tls-certificate", "File with the TLS certificate, to warn"
        " before it expires (may be empty)", optional=True
    ),
)  # fmt: skip
COMMENTS = {one.variable: one.text for one in QUESTIONS}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each question."""
    for one in QUESTIONS:
        parser.add_argument(one.option, dest=one.variable, metavar="VALUE", help=one.text)


def answers(
    given: Mapping[str, str | None], before: Mapping[str, str], *, ask: bool
) -> dict[str, str]:
    """Return the settings of options, earlier file, questions, defaults.

    Args:
        given: the options, by variable.
        before: the settings of the file; those that no question is about stay.
        ask: whether someone is at the terminal.

    Raises:
        CommandError: an answer is missing.
    """
    found = dict(before)
    missing = []
    # The embedded database is no setting: DATABASE_URL is left out.
    found.setdefault("DATABASE_URL", EMBEDDED if before else "")
    for one in _put(found):
        value = given.get(one.variable)
        if value is None and not found.get(one.variable):
            value = _from_terminal(one) if ask else one.default
        found[one.variable] = (found.get(one.variable, "") if value is None else value).strip()
        if not found[one.variable] and not one.optional:
            missing.append(one.option)
    if missing:
        raise CommandError(
            f"Not answered: {', '.join(missing)}.",
            "Give these options, or run it at a terminal.",
            status=USAGE,
        )
    if found[PROVIDER] == ProviderKind.FILES:
        found["THESELLER_ALLOW_FILE_SECRETS"] = "yes"
    if found["DATABASE_URL"] == EMBEDDED:
        del found["DATABASE_URL"]
    return {name: value for name, value in found.items() if value}


def unanswered(settings: Mapping[str, str]) -> list[str]:
    """Return the settings that production needs and that are missing."""
    found = {**settings, "DATABASE_URL": settings.get("DATABASE_URL", EMBEDDED)}
    return [
        one.variable
        for one in _put(found)
        if not one.optional and not one.default and not found.get(one.variable)
    ]


def _put(found: Mapping[str, str]) -> Iterator[Question]:
    """Yield the questions that are to be put, given what was answered before."""
    for one in QUESTIONS:
        if one.only_if is None or found.get(one.only_if[0]) == one.only_if[1]:
            yield one


def _from_terminal(question: Question) -> str:
    default = f" [{question.default}]" if question.default else ""
    print(f"{question.text}{default}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or question.default


#: What a deployment for real sellers is; the demo has no setup.
ENVIRONMENTS = (EnvironmentKind.PRODUCTION, EnvironmentKind.STAGING)
