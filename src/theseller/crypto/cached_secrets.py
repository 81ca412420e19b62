"""Secrets cached for seconds, so that a replaced one is soon read.

If the provider is unavailable, the process continues with the last value: an outage of the key
service must not stop it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from theseller.crypto.errors import SecretNotFoundError, SecretProviderError
from theseller.crypto.secret_provider_protocol import SecretProvider
from theseller.lib.policy_time_limits import SECRET_CACHE_SECONDS
from theseller.lib.secret_type import Secret

#: Name suffixes during a rotation: the next secret, and the previous one that is still accepted.
NEXT_SUFFIX, PREVIOUS_SUFFIX = "-next", "-previous"

T = TypeVar("T")


def secret_or_none(secrets: SecretProvider, name: str) -> Secret | None:
    """Return the secret, or None if the provider has none of this name.

    Raises:
        SecretProviderError: the provider is unavailable.
    """
    try:
        return secrets.get(name)
    except SecretNotFoundError:
        return None


class CachedValue(Generic[T]):
    """A value that is read again after `seconds`. Thread-safe."""

    def __init__(self, read: Callable[[], T], seconds: float = SECRET_CACHE_SECONDS) -> None:
        self._read = read
        self._seconds = seconds
        self._known: tuple[float, T] | None = None

    def __call__(self) -> T:
        """Return the value, the last one while the provider is unavailable.

        Raises what `read` raises if there is no earlier value.
        """
        begun = time.monotonic()
        known = self._known
        if known is not None and begun - known[0] < self._seconds:
            return known[1]
        try:
            value = self._read()
        except SecretProviderError:
            if known is None:
                raise
            # Retry later only: each attempt may take as long as the provider's timeout.
            self._known = time.monotonic(), known[1]
            return known[1]
        # Dated before the read: a later change may have been missed.
        self._known = begun, value
        return value
