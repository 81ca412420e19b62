"""What a person has to do after `theseller setup`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from theseller.amazon.endpoints import Endpoints
from theseller.cli.deployment_secrets import LWA_CLIENT_SECRET_NAME
from theseller.cli.external_postgres_inspection import DATABASE_ADMINISTRATORS
from theseller.config.egress_and_subprocessors import destinations, read_register
from theseller.config.environment import Environment
from theseller.config.mail_settings import read_mail_settings

_TARGET_UNIT = Path("/etc/systemd/system/theseller.target")


def remaining_steps(
    config: Path,
    settings: Mapping[str, str],
    environment: Environment,
    to_store: Sequence[str],
    administrators: str = "",
) -> str:
    """Return the steps, numbered.

    Args:
        config: the configuration file.
        settings: what is in it.
        environment: the same, read.
        to_store: the missing secrets that other services issue.
        administrators: the setting of the roles that administer a server without a superuser; ""
            if there is none.
    """
    emulated = environment.emulator_url is not None
    given = [name for name in to_store if not (emulated and name == LWA_CLIENT_SECRET_NAME)]
    left = [f"Store what other services issued: theseller secrets put {name}" for name in given]
    if administrators and DATABASE_ADMINISTRATORS not in settings:
        left.append(
            f"Check that you know each of these roles, and add the line to {config}:"
            f"\n    {administrators}"
        )
    if hosts := _unlisted(settings, environment):
        left.append(
            f"List who is behind {', '.join(hosts)}: theseller setup --subprocessors"
            ' "NAME: HOST; …"\n    with all that were listed before (docs/operate/subprocessors.md)'
        )
    left.append(_of_amazon(environment))
    if not _TARGET_UNIT.exists():
        left.append(
            "Install the services of deploy/systemd (docs/operate/install.md), or start the"
            " containers (docs/operate/container.md)"
        )
    left += [
        "Put a reverse proxy with a certificate in front (docs/operate/https.md)",
        (
            "Make a recovery key, and export secrets and keys by a timer; keep a copy of"
            f"\n    {config} (docs/operate/disaster-recovery.md)"
        ),
        "Check everything: theseller doctor",
    ]
    lines = [f" {number}. {one}" for number, one in enumerate(left, 1)]
    return "\n".join(["", "What is left (docs/operate/install.md):", *lines])


def _of_amazon(environment: Environment) -> str:
    if environment.emulator_url is not None:
        return "Start the emulated Amazon (docs/operate/staging.md)"
    address = environment.public_url
    return (
        f"In Developer Central, enter the redirect URI {address}/connections/callback/"
        f"\n    and the login URI {address}/connections/new/"
    )


def _unlisted(settings: Mapping[str, str], environment: Environment) -> list[str]:
    """Return the third parties' hosts that no listed subprocessor has."""
    emulator = environment.emulator_url
    amazon = Endpoints.emulated(emulator) if emulator else Endpoints.amazon()
    mail = read_mail_settings(settings, environment.kind)
    listed = {host for party in read_register(settings) for host in party.hosts}
    return [
        one.host
        for one in destinations(environment, amazon, mail)
        if not one.local and not one.source and one.host not in listed
    ]
