"""Note when each secret was made, and tell its age.

It comes from the secret itself where it contains a timestamp, else from what the operator stated
about this secret, else it is unknown. It is never guessed from a file's date: a restored file is as
young as its restoration.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from datetime import datetime

from django.db import connections, transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.crypto.cached_secrets import secret_or_none
from theseller.crypto.errors import SecretNotFoundError
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.secret_provider_protocol import SecretProvider
from theseller.crypto.timestamped_secrets import (
    ID_BYTES,
    creation_time,
    leading_secret_id,
    timestamped_secret_id,
)
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret

#: Denotes a secret that we can't read, such as a key service's own root.
UNREADABLE = Secret("not readable")

#: The fingerprints that this process has computed, by a digest that no other process can compute.
_COMPUTED: dict[bytes, str] = {}
_KEY = os.urandom(64)


def age_in(
    secret_provider: SecretProvider, name: str, *, using: str = "default"
) -> tuple[bool, datetime | None]:
    """Return whether there is such a secret, and when it was made.

    A timestamped secret in a file is not read whole.

    Raises:
        SecretProviderError: the provider does not answer.
    """
    if isinstance(secret_provider, FileSecretProvider):
        with suppress(SecretNotFoundError):
            identifier = leading_secret_id(secret_provider.leading_bytes(name, ID_BYTES))
            if identifier is not None:
                return True, creation_time(identifier)
    secret = secret_or_none(secret_provider, name)
    return secret is not None, age_of(name, secret, using=using) if secret is not None else None


def age_of(name: str, secret: Secret, *, using: str = "default") -> datetime | None:
    """Return when `secret` was created; None if unknown."""
    identifier = timestamped_secret_id(secret)
    if identifier is not None:
        return creation_time(identifier)
    noted = dict(
        sql_execution.rows(
            connections[using],
            "select fingerprint, made_at from governance_secret_age where secret = %s",
            [name],
        )
    )
    return noted.get(fingerprint(name, secret)) if noted else None


def note(
    name: str,
    secret: Secret,
    *,
    created_at: datetime,
    actor: str,
    at: datetime,
    using: str = "default",
) -> None:
    """Record when an externally created secret was created.

    `created_at` is what the operator states. The first record is kept.
    """
    with transaction.atomic(using=using):
        if sql_execution.execute(
            connections[using],
            "insert into governance_secret_age (secret, fingerprint, made_at, noted_at, actor)"
            " values (%s, %s, %s, %s, %s) on conflict do nothing",
            [name, fingerprint(name, secret), created_at, at, actor],
        ):
            record(
                Tag.SECRET_AGE_NOTED,
                actor=actor,
                tenant=None,
                subject=f"secret:{name}",
                at=at,
                details={"made_at": created_at.isoformat()},
                using=using,
            )


def fingerprint(name: str, secret: Secret) -> str:
    """Return 16 hexadecimal digits that tell one secret from the next.

    Computed slowly (scrypt), because a password that a person chose may be guessable; once a
    process for each secret.
    """
    content, salt = secret.reveal_bytes(), b"theseller/secret-age/1/" + name.encode()
    known = hashlib.blake2b(salt + b"\0" + content, key=_KEY).digest()
    if known not in _COMPUTED:
        _COMPUTED[known] = hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1, dklen=8).hex()
    return _COMPUTED[known]
