"""`theseller emulator`: run the emulated Amazon of a staging deployment.

It knows the deployment's application as the settings describe it, with the client secret that the
deployment has; the first run makes one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.demo_amazon_application import write_application
from theseller.cli.demo_start_preparation import EMULATOR_PORT
from theseller.cli.deployment_secrets import LWA_CLIENT_SECRET_NAME, secret_provider
from theseller.cli.errors import CommandError
from theseller.cli.service_readiness import notify_ready
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.config.environment import Environment, InvalidSettingError, read_environment
from theseller.crypto.errors import SecretNotFoundError
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.emulator.cli import main as emulator_main
from theseller.lib import clock
from theseller.lib.ip_networks_and_proxies import is_loopback

HELP = "run the emulated Amazon of a staging deployment until it is stopped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the rate limits, and where to listen."""
    parser.add_argument(
        "--host",
        help="address to listen on, in a container that publishes the port at the address of"
        " THESELLER_AMAZON (default: that address, of this machine only)",
    )
    parser.add_argument(
        "--rate-scale", default="20", help="multiply Amazon's rate limits by this factor"
    )


def run(args: argparse.Namespace) -> int:
    """Serve at the port that THESELLER_AMAZON names, until a signal.

    Raises:
        CommandError: the settings name no emulator on this machine.
    """
    state = state_folder(os.environ)
    try:
        environment = read_environment(os.environ, default_state=state)
    except InvalidSettingError as error:
        raise CommandError(f"{error}.") from None
    host, port = _address(environment, args.host)
    make_state_folder(state)
    secrets = secret_provider(state)
    _record_new_secret(state, secrets)
    application = write_application(
        state,
        environment.public_url,
        secrets,
        environment.restricted_roles,
        client_id=environment.lwa_client_id,
        application_id=environment.application_id,
        draft=environment.application_is_draft,
    )
    # Web and worker are started after this: the client secret exists.
    notify_ready(os.environ)
    return emulator_main(
        [
            "serve", "--host", host, "--port", str(port), "--state", str(application.parent),
            "--application", str(application), "--rate-scale", str(args.rate_scale),
            "--people", "plausible",
        ]
    )  # fmt: skip


def _record_new_secret(state: Path, secrets: WritableSecretProvider) -> None:
    """Record that the client secret is made, if there is none."""
    try:
        secrets.get(LWA_CLIENT_SECRET_NAME)
    except SecretNotFoundError:
        record_command_line_action(
            state,
            Tag.SECRETS_FILLED,
            subject="secrets",
            at=clock.now(),
            details={"made": LWA_CLIENT_SECRET_NAME},
        )


def _address(environment: Environment, listen: str | None) -> tuple[str, int]:
    """Return host and port of the emulator that THESELLER_AMAZON names.

    Args:
        environment: the settings.
        listen: the address to listen on instead; None for the one that it names.

    Raises:
        CommandError: it names Amazon, or another machine.
    """
    if environment.emulator_url is None:
        raise CommandError(
            "This deployment uses Amazon: THESELLER_AMAZON names no emulator.",
            "Emulated data is for demo and staging: docs/operate/staging.md.",
        )
    parts = urlsplit(environment.emulator_url)
    if listen is not None:
        return listen, parts.port or EMULATOR_PORT
    host = parts.hostname or ""
    if not is_loopback(host):
        raise CommandError(
            f"THESELLER_AMAZON names {host}; the emulator serves this machine only.",
            "Name it as emulator:http://127.0.0.1:8101.",
        )
    return host, parts.port or EMULATOR_PORT
