"""The protocols of secret providers: read a secret, store one.

Providers never print, cache or generate a secret unasked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from theseller.lib.secret_type import Secret


class SecretProvider(Protocol):
    """Returns a secret by its name, such as ``root-key``.

    Names are lower-case words joined by hyphens.
    """

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: there is none of this name.
            SecretProviderError: the provider is unavailable, or has no secret text there.
        """


class WritableSecretProvider(SecretProvider, Protocol):
    """A provider that can store secrets.

    Each method raises SecretProviderError if it is unavailable or read-only.
    """

    def put(self, name: str, secret: Secret) -> None:
        """Store `secret` under `name`, replacing the old one atomically."""

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret; `generate` it if there is none yet.

        All processes get the same one.
        """

    def remove(self, name: str) -> None:
        """Destroy the secret. Idempotent."""

    def written_at(self, name: str) -> datetime | None:
        """Return when the secret was last written, in UTC, or None if unknown."""
