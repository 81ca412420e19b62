"""The deployment's secrets in files, made at the first start."""

from __future__ import annotations

import os
from pathlib import Path

from theseller.crypto.keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.providers import FileSecretProvider, new_text_secret
from theseller.postgres.roles import LOGIN_ROLES

_OWN = ("django-session-key", "tenant-ticket-key")


def secret_provider(state: Path) -> FileSecretProvider:
    return FileSecretProvider(state / "secrets")


def ensure_secrets(state: Path) -> FileSecretProvider:
    """Make each secret that is ours to choose and that does not exist yet: keys and database passwords. Never Amazon's."""
    provider = secret_provider(state)
    provider.ensure(ROOT_KEY_NAME, lambda: new_root_key(os.environ.get("THESELLER_ENV", "demo")))
    for name in (*_OWN, "db-superuser", *(f"db-{short}" for short in LOGIN_ROLES)):
        provider.ensure(name, new_text_secret)
    return provider


def role_passwords(provider: FileSecretProvider) -> dict[str, str]:
    """Return the passwords that `ensure_roles` takes, by the roles' short names."""
    return {short: provider.get(f"db-{short}").reveal() for short in LOGIN_ROLES}
