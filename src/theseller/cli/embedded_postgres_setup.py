"""The embedded PostgreSQL of a state folder, with its secrets and roles.

`demo`, `migrate` and `postgres` use it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import psycopg

from theseller.cli.deployment_secrets import ensure_secrets, role_passwords
from theseller.cli.state_folders import lock_state_folder, make_state_folder
from theseller.config.environment import read_backups
from theseller.crypto.cached_secrets import NEXT_SUFFIX, secret_or_none
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.postgres.binaries import find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.role_setup import ensure_roles, set_password
from theseller.postgres.server import Server


def embedded_server(state: Path, *, purpose: str, say: Callable[[str], None]) -> Server:
    """Return the server of `state`, which is not started.

    State folder and secrets are created if they are missing.
    """
    make_state_folder(state)
    lock_state_folder(state)
    provider = ensure_secrets(state)
    return Server(
        state,
        binaries=find_binaries(os.environ),
        superuser_password=provider.get("db-superuser").reveal(),
        archiving=bool(read_backups(os.environ, state=state)),
        purpose=purpose,
        say=say,
    )


def apply_roles(server: Server) -> None:
    """Create or restrict the roles on a running server.

    Their passwords are set from the secrets.
    """
    provider = ensure_secrets(server.state)
    _restore_superuser_password(server, provider)
    ensure_roles(server.superuser_dsn(), role_passwords(provider))


def _restore_superuser_password(server: Server, provider: WritableSecretProvider) -> None:
    """Set the superuser's password back after an interrupted rotation.

    The database may have the new password while the secret is still the old one. The rotation
    continues later with both; until then the server must start.
    """
    coming = secret_or_none(provider, "db-superuser" + NEXT_SUFFIX)
    if coming is None:
        return
    with (
        contextlib.suppress(
            psycopg.OperationalError
        ),  # The database does not have the new password yet.
        psycopg.connect(
            server.dsn(SUPERUSER, coming.reveal(), "postgres"), autocommit=True
        ) as connection,
    ):
        set_password(connection, SUPERUSER, provider.get("db-superuser").reveal())
