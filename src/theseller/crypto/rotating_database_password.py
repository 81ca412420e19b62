"""Read a database password again for each new connection."""

from __future__ import annotations

from itertools import count

from typing_extensions import override

from theseller.crypto.cached_secrets import NEXT_SUFFIX, CachedValue, secret_or_none
from theseller.crypto.errors import SecretProviderError
from theseller.crypto.secret_provider_protocol import SecretProvider
from theseller.lib.secret_type import REDACTED, Secret


class RotatingPassword:
    """A database password that is read for each new connection, by `str()`.

    Django, psycopg's pools and Procrastinate's keep one set of connection parameters for the life
    of the process and turn each into text for each new connection; this object is the password
    among them. During a rotation PostgreSQL accepts either the old or the next password: they are
    used in turn, and a pool tries again within a second.
    """

    def __init__(self, secrets: SecretProvider, name: str) -> None:
        self._secrets = secrets
        self._name = name
        self._turn = count()
        # Read each time, unless the provider does not answer.
        self._candidates = CachedValue(self._read, seconds=0.0)

    @override
    def __str__(self) -> str:
        """Return the plain password, for psycopg only."""
        try:
            candidates = self._candidates()
        except SecretProviderError:
            return ""
        if not candidates:
            # Tools that never connect (type checks, `makemigrations --check`) need none; a
            # connection without one fails.
            return ""
        return candidates[next(self._turn) % len(candidates)].reveal()

    def _read(self) -> list[Secret]:
        # The next one first: it may replace the present one while we read, and must not be missed.
        found = [
            secret_or_none(self._secrets, self._name + NEXT_SUFFIX),
            secret_or_none(self._secrets, self._name),
        ]
        return [one for one in reversed(found) if one is not None]

    @override
    def __repr__(self) -> str:
        return REDACTED

    @override
    def __format__(self, spec: str) -> str:
        return REDACTED
