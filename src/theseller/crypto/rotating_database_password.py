"""Read a database password again for each new connection."""

from __future__ import annotations

from itertools import count

from typing_extensions import override

from theseller.crypto.cached_secrets import NEXT_SUFFIX, secret_or_none
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
        self._last = Secret("")

    @override
    def __str__(self) -> str:
        """Return the plain password, for psycopg only."""
        try:
            # The next one first: it may replace the present one while we read, and must not be
            # missed.
            found = [
                secret_or_none(self._secrets, self._name + NEXT_SUFFIX),
                secret_or_none(self._secrets, self._name),
            ]
        except SecretProviderError:
            return self._last.reveal()
        candidates = [one for one in reversed(found) if one is not None]
        if not candidates:
            # Tools that never connect (type checks, `makemigrations --check`) need none; a
            # connection without one fails.
            return ""
        self._last = candidates[next(self._turn) % len(candidates)]
        return self._last.reveal()

    @override
    def __repr__(self) -> str:
        return REDACTED

    @override
    def __format__(self, spec: str) -> str:
        return REDACTED
