"""The deployment's secrets: its own, and those that other services issue.

Its own are created at the first start.
"""

from __future__ import annotations

import os
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.cli.state_folders import refuse_other_environment
from theseller.config.environment import (
    EnvironmentKind,
    read_environment_kind,
    read_secret_config,
    uses_external_server,
)
from theseller.config.mail_settings import read_mail_settings
from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.crypto.errors import KeyStoreError, WrongEnvironmentError
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key, parse_root_keys
from theseller.crypto.secret_and_key_config import (
    ProviderKind,
    SecretConfig,
    StoreKind,
    make_secret_provider,
)
from theseller.crypto.secret_provider_protocol import SecretProvider, WritableSecretProvider
from theseller.crypto.timestamped_secrets import new_timestamped_secret
from theseller.lib.secret_type import Secret
from theseller.postgres.role_setup import login_roles

#: Amazon gives it; it is put, never made.
LWA_CLIENT_SECRET_NAME = "lwa-client-secret"  # a name  # noqa: S105
#: The mail service gives it.
MAIL_PASSWORD_NAME = "smtp-password"  # a name  # noqa: S105
#: The identity provider gives it.
OIDC_SECRET_NAME = "oidc-client-secret"  # a name  # noqa: S105
#: Lengths in characters. Amazon does not say how long its secrets are: they have had 64 and 80.
_AMAZON_LENGTH_MIN, _MAIL_LENGTH_MIN, _OWN_LENGTH_MIN, _LENGTH_MAX = 12, 8, 16, 512


def secret_config(state: Path) -> SecretConfig:
    """Return where this deployment stores secrets and keys.

    Raises:
        InvalidSettingError: a setting is wrong.
        CommandError: `state` is another environment's.
    """
    refuse_other_environment(state)
    return read_secret_config(os.environ, kind=read_environment_kind(os.environ), state=state)


def stores_keys_on_this_host_only(state: Path) -> bool:
    """Return whether secrets or keys are here but the database is elsewhere.

    They are in files of this state folder, while other hosts can reach the external database.
    """
    return uses_external_server(os.environ) and secret_config(state).in_files


def secret_provider(state: Path) -> WritableSecretProvider:
    """Return the provider of this deployment's secrets."""
    return make_secret_provider(secret_config(state), os.environ)


def own_secrets(choice: SecretConfig) -> tuple[str, ...]:
    """Return the names of the secrets that the deployment generates.

    Keys and database passwords; never Amazon's.
    """
    elsewhere = bool(os.environ.get("DATABASE_URL")) and choice.environment != EnvironmentKind.DEMO
    roots = (
        (ROOT_KEY_NAME,) if choice.key_store is StoreKind.FILES else ()
    )  # a key service has roots of its own
    superuser = () if elsewhere else ("db-superuser",)
    roles = login_roles(external=uses_external_server(os.environ))
    return (
        *roots,
        "django-session-key",
        "tenant-ticket-key",
        *superuser,
        *(f"db-{short}" for short in roles),
    )


def given_secrets(choice: SecretConfig) -> tuple[str, ...]:
    """Return the names of the secrets that other services issue."""
    mail = read_mail_settings(os.environ, EnvironmentKind(choice.environment))
    signs_in = mail.server is not None and bool(mail.server.user)
    sso = bool(os.environ.get("THESELLER_OIDC_ISSUER"))
    return (
        LWA_CLIENT_SECRET_NAME,
        *((MAIL_PASSWORD_NAME,) if signs_in else ()),
        *((OIDC_SECRET_NAME,) if sso else ()),
    )


def new_secret(name: str, choice: SecretConfig) -> Secret:
    """Return a fresh secret that can serve as `name` in this environment."""
    return new_root_key(choice.environment) if name == ROOT_KEY_NAME else new_timestamped_secret()


def refuse_malformed(name: str, given: Secret, choice: SecretConfig) -> None:
    """Check that `given` can be the secret `name`.

    Raises:
        CommandError: it cannot. The message shows nothing of it.
    """
    if name == ROOT_KEY_NAME:
        try:
            parse_root_keys(given, choice.environment)
        except (KeyStoreError, WrongEnvironmentError) as error:
            raise CommandError(
                f"{error}; nothing was changed.", "Put the root key back from its copy."
            ) from None
        return
    text = given.reveal()
    least = {
        LWA_CLIENT_SECRET_NAME: _AMAZON_LENGTH_MIN,
        MAIL_PASSWORD_NAME: _MAIL_LENGTH_MIN,
        OIDC_SECRET_NAME: _MAIL_LENGTH_MIN,
    }.get(name, _OWN_LENGTH_MIN)
    if not (
        least <= len(text) <= _LENGTH_MAX
        and text.isascii()
        and text.isprintable()
        and " " not in text
    ):
        raise CommandError(
            f"The input can't be {name}: that is {least} to {_LENGTH_MAX} ASCII characters"
            " without spaces; nothing was changed.",
            (
                "Give it on one line, as the service that issued it shows it."
                if name in {LWA_CLIENT_SECRET_NAME, MAIL_PASSWORD_NAME, OIDC_SECRET_NAME}
                else "`theseller secrets fill` creates the missing ones."
            ),
        )


def ensure_secrets(state: Path) -> WritableSecretProvider:
    """Create each own secret that does not exist, in its provider."""
    choice = secret_config(state)
    provider = make_secret_provider(choice, os.environ)
    for name in own_secrets(choice):
        # bound at once, not at the end
        provider.ensure(name, lambda wanted=name: new_secret(wanted, choice))  # type: ignore[misc]
    return provider


def passwords_in_use(state: Path) -> dict[str, tuple[str, ...]]:
    """Return each role's password, and the next one during a rotation.

    By the roles' short names. It creates no secret and no folder.
    """
    choice = secret_config(state)
    if choice.provider is ProviderKind.FILES and not (state / "secrets").is_dir():
        return {}
    provider = make_secret_provider(choice, os.environ)
    return {
        short: tuple(
            found.reveal()
            for name in (f"db-{short}", f"db-{short}{NEXT_SUFFIX}")
            if (found := secret_or_none(provider, name)) is not None
        )
        for short in login_roles(external=False)
    }


def ticket_keys_in_use(state: Path) -> tuple[Secret, ...]:
    """Return the keys that sign tenant tickets: present, next, previous.

    It creates no secret and no folder.
    """
    choice = secret_config(state)
    if choice.provider is ProviderKind.FILES and not (state / "secrets").is_dir():
        return ()
    provider = make_secret_provider(choice, os.environ)
    names = (
        "tenant-ticket-key",
        f"tenant-ticket-key{NEXT_SUFFIX}",
        f"tenant-ticket-key{PREVIOUS_SUFFIX}",
    )
    return tuple(found for name in names if (found := secret_or_none(provider, name)) is not None)


def role_passwords(provider: SecretProvider) -> dict[str, str]:
    """Return the passwords that `ensure_roles` takes, by short role name."""
    return {
        short: provider.get(f"db-{short}").reveal()
        for short in login_roles(external=uses_external_server(os.environ))
    }
