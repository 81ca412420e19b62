"""Connect as the database's roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections as databases
from psycopg.conninfo import make_conninfo

from theseller.crypto.cached_secrets import NEXT_SUFFIX, secret_or_none
from theseller.key_rotation.secret_replacement_steps import secret_provider
from theseller.lib.secret_type import Secret
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.role_setup import LOGIN_ROLES

#: Every role that has a password of ours, by the name of its secret. The superuser's is ours only
#: where the database is.
ROLES = {f"db-{short}": role for short, role in LOGIN_ROLES.items()} | {"db-superuser": SUPERUSER}


@contextmanager
def signed_in(secret: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect as the role whose password `secret` names.

    With the present password or the staged one: PostgreSQL accepts one of them.

    Raises:
        psycopg.OperationalError: it knows neither.
    """
    passwords = [
        found
        for name in (secret, secret + NEXT_SUFFIX)
        if (found := secret_or_none(secret_provider(), name)) is not None
    ]
    with _first_accepted(secret, passwords) as connection:
        yield connection


def connect(secret: str, password: Secret) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as the role of `secret` with `password`, in autocommit.

    Raises:
        psycopg.OperationalError: PostgreSQL refuses the password.
    """
    usual = databases["default"].get_connection_params()
    kept = {
        name: usual[name]
        for name in ("host", "port", "dbname", "sslmode", "sslrootcert", "connect_timeout")
        if name in usual
    }
    # The backup's role may not enter our database: it copies the server's files.
    elsewhere = {"dbname": "postgres"} if secret in {"db-backup", "db-superuser"} else {}
    where = make_conninfo(
        **{**kept, **elsewhere, "user": ROLES[secret], "application_name": "theseller-rotation"}
    )
    return psycopg.connect(where, password=password.reveal(), autocommit=True)


def _first_accepted(secret: str, passwords: list[Secret]) -> psycopg.Connection[tuple[Any, ...]]:
    refusal: psycopg.OperationalError | None = None
    for password in passwords:
        try:
            return connect(secret, password)
        except psycopg.OperationalError as error:
            refusal = error
    raise refusal or psycopg.OperationalError(f"there is no secret {secret!r}")
