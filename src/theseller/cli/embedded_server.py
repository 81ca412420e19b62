"""The embedded server of a state folder, with its secrets and roles: what `demo`, `migrate` and `postgres` share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import psycopg

from theseller.cli.deployment_secrets import ensure_secrets, role_passwords
from theseller.cli.state_folders import lock_state_folder, make_state_folder
from theseller.config.environment import read_backups
from theseller.crypto.cached_value import NEXT_SUFFIX, secret_or_none
from theseller.crypto.providers import WritableSecretProvider
from theseller.postgres.cluster import SUPERUSER
from theseller.postgres.locator import find_binaries
from theseller.postgres.roles import ensure_roles, set_password
from theseller.postgres.server import Server


def embedded_server(state: Path, *, purpose: str, say: Callable[[str], None]) -> Server:
    """Return the server of `state`, not started yet, making state folder and secrets if they are missing."""
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
    """Create or narrow the roles on a running server and set their passwords from the secrets."""
    provider = ensure_secrets(server.state)
    _restore_superuser_password(server, provider)
    ensure_roles(server.superuser_dsn(), role_passwords(provider))


def _restore_superuser_password(server: Server, provider: WritableSecretProvider) -> None:
    """Undo half of a rotation that was killed when the database had taken the superuser's new password and our secret was still the old.

    The rotation goes on with both later; until then we must be able to start.
    """
    coming = secret_or_none(provider, "db-superuser" + NEXT_SUFFIX)
    if coming is None:
        return
    with (
        contextlib.suppress(psycopg.OperationalError),  # It has not taken it yet.
        psycopg.connect(
            server.dsn(SUPERUSER, coming.reveal(), "postgres"), autocommit=True
        ) as connection,
    ):
        set_password(connection, SUPERUSER, provider.get("db-superuser").reveal())
