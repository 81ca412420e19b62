"""Secrets cached for seconds, so that a replaced one is soon read.

If the provider is unavailable, the process continues with the last value: an outage of the key
service must neither stop it nor let each request wait for the service's time-out.
"""

from __future__ import annotations

import threading
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
    """A value that is read again after `seconds`. Thread-safe.

    After a read that failed, the next ones happen in a thread of their own until one succeeds:
    callers get the last value at once.
    """

    def __init__(self, read: Callable[[], T], seconds: float = SECRET_CACHE_SECONDS) -> None:
        self._read = read
        self._seconds = seconds
        self._known: tuple[float, T] | None = None
        self._fails = False
        self._reading = threading.Lock()

    def __call__(self) -> T:
        """Return the value, the last one while the provider is unavailable.

        Raises what `read` raises if there is no earlier value.
        """
        known = self._known
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        if known is None or not self._fails:
            return self._read_now(known)
        if self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_beside, args=(known,), daemon=True).start()
        return known[1]

    def _read_now(self, known: tuple[float, T] | None) -> T:
        begun = time.monotonic()
        try:
            value = self._read()
        except SecretProviderError:
            if known is None:
                raise
            self._fails = True
            self._known = time.monotonic(), known[1]
            return known[1]
        # Dated before the read: a later change may have been missed.
        self._known, self._fails = (begun, value), False
        return value

    def _read_beside(self, known: tuple[float, T]) -> None:
        try:
            self._read_now(known)
        finally:
            self._reading.release()
