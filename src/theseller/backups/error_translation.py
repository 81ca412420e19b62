"""Messages for failures of operations on backups.

Each says in one sentence what happened. The class of the error says whether the backup itself is in
doubt (`BackupError`) or could not be checked (`UnavailableError`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import zstandard
from django.db import Error as DatabaseError

from theseller.backups.storage_targets import AbsentError, TargetError
from theseller.backups.types import BackupError, UnavailableError
from theseller.crypto.errors import (
    CannotOpenError,
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
    SecretProviderError,
    ServiceState,
    WrongEnvironmentError,
)
from theseller.erasure.types import JournalUnreadableError
from theseller.lib.database_failures import classify
from theseller.lib.state_file_names import FULL
from theseller.postgres.errors import PostgresError


def _of_the_machine(error: OSError) -> str:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in FULL:
        return (
            f"there is no space left{where}: free some, or move the backups elsewhere"
            " (THESELLER_BACKUPS)"
        )
    return f"the operating system refuses{where}: {error.strerror or type(error).__name__}"


def _of_the_database(error: Exception) -> str:
    failure = classify(error)
    if failure is not None:
        return f"the database connection failed: {failure.message} {failure.advice}".rstrip(".")
    return f"the database connection failed ({type(error).__name__}): its log says why"


def _of_the_key_store(error: KeyStoreError | SecretProviderError) -> str:
    if error.state is ServiceState.DAMAGED:
        return f"what is in the key store can't be read: {error}"
    return f"the key store can't answer: {error}"


#: The backup is at fault. The first that fits counts.
_FAULTS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], str]], ...] = (
    (BackupError, str),
    (
        KeyDestroyedError,
        lambda _: "the key of this backup was destroyed: no one can read it any more",
    ),
    (
        KeyNotFoundError,
        lambda _: (
            "the key of this backup is not in this key store: is this the key store of the"
            " deployment that made the backup?"
        ),
    ),
    (WrongEnvironmentError, str),
    (
        (CannotOpenError, zstandard.ZstdError),
        lambda _: (
            "this backup is damaged, or was tampered with: one of its objects was changed after it"
            " was sealed"
        ),
    ),
    (AbsentError, lambda error: f"this backup is incomplete: {error}"),
    (PostgresError, lambda error: f"{error.message.rstrip('.')}. {error.advice}".strip()),
)
#: Nothing is known of the backup. A message of the database may contain a value, so none is passed
#: on.
_UNAVAILABLE: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], str]], ...
] = (
    (TargetError, str),
    (JournalUnreadableError, str),
    ((KeyStoreError, SecretProviderError), _of_the_key_store),
    ((psycopg.Error, DatabaseError), _of_the_database),
    (OSError, _of_the_machine),
)


@contextlib.contextmanager
def as_backup_error() -> Iterator[None]:
    """Run the block and raise its errors as errors of backups.

    Raises:
        BackupError: the backup is at fault.
        UnavailableError: something that it needs could not answer.
    """
    try:
        yield
    except (
        UnavailableError,
        BrokenPipeError,
    ):  # The second: who reads our output ended early (`… | head`).
        raise
    except Exception as error:
        for made, kinds in ((BackupError, _FAULTS), (UnavailableError, _UNAVAILABLE)):
            for kind, says in kinds:
                if isinstance(error, kind):
                    raise made(says(error)) from None
        raise
