"""The embedded PostgreSQL of a state folder, with its secrets and roles.

The commands that start, move or upgrade the embedded database use it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import psycopg

from theseller.cli.deployment_secrets import ensure_secrets, role_passwords
from theseller.cli.move_record import (
    Phase,
    To,
    is_moving,
    read_record,
    refuse_unfinished_move,
    remove_record,
)
from theseller.cli.state_folder_locks import lock_state_folder
from theseller.cli.state_folders import make_state_folder
from theseller.config.environment import read_backups
from theseller.crypto.cached_secrets import NEXT_SUFFIX, secret_or_none
from theseller.crypto.secret_provider_protocol import WritableSecretProvider
from theseller.postgres.binaries import Binaries, find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.role_setup import ensure_roles, set_password
from theseller.postgres.server import Server


def embedded_server(state: Path, *, purpose: str, say: Callable[[str], None]) -> Server:
    """Return the server of `state`, which is not started.

    State folder and secrets are created if they are missing.

    Raises:
        CommandError: the database is being moved, or a move was interrupted and this server must
            not be started: it would serve an incomplete copy, or a database that was replaced.
    """
    if _has_undoable_move(state):
        say(
            "A move of the database to an external server was interrupted. The original is"
            " unchanged; this start lets the services connect to it again."
        )
    else:
        refuse_unfinished_move(state)
    return server_of(state, purpose=purpose, say=say)


def server_of(
    state: Path,
    *,
    purpose: str,
    say: Callable[[str], None],
    binaries: Binaries | None = None,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> Server:
    """Return the server as `embedded_server` does, whatever a move left.

    Args:
        state: the state folder.
        purpose: shown to others that find the server in use.
        say: called with what a person should know.
        binaries: PostgreSQL's programs, by default those that are found.
        extra: settings of the server that override all others.
    """
    make_state_folder(state)
    lock_state_folder(state)
    provider = ensure_secrets(state)
    return Server(
        state,
        binaries=binaries or find_binaries(os.environ),
        superuser_password=provider.get("db-superuser").reveal(),
        archiving=bool(read_backups(os.environ, state=state)),
        extra=extra,
        purpose=purpose,
        say=say,
    )


def apply_roles(server: Server) -> None:
    """Create or restrict the roles on a running server.

    Their passwords are set from the secrets. This undoes a move to an external server that was
    interrupted before its copy was proven.
    """
    provider = ensure_secrets(server.state)
    _restore_superuser_password(server, provider)
    ensure_roles(server.superuser_dsn(), role_passwords(provider))
    if _has_undoable_move(server.state):
        remove_record(server.state)


def _has_undoable_move(state: Path) -> bool:
    """Return whether a start of this server undoes an interrupted move."""
    record = read_record(state)
    return (
        record is not None
        and record.to is To.EXTERNAL
        and record.phase is Phase.COPYING
        and not is_moving(state)
    )


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
