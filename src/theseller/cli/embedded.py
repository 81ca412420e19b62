"""The embedded server of a state folder, with its secrets and roles: what `demo`, `migrate` and `postgres` share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from theseller.cli.paths import make_state_folder
from theseller.cli.secrets import ensure_secrets, role_passwords
from theseller.postgres.locator import find_binaries
from theseller.postgres.roles import ensure_roles
from theseller.postgres.server import Server


def embedded_server(state: Path, *, purpose: str, say: Callable[[str], None]) -> Server:
    """Return the server of `state`, not started yet, making state folder and secrets if they are missing."""
    make_state_folder(state)
    provider = ensure_secrets(state)
    return Server(
        state,
        binaries=find_binaries(os.environ),
        superuser_password=provider.get("db-superuser").reveal(),
        purpose=purpose,
        say=say,
    )


def apply_roles(server: Server) -> None:
    """Create or narrow the roles on a running server and set their passwords from the secrets."""
    ensure_roles(server.superuser_dsn(), role_passwords(ensure_secrets(server.state)))
