"""What failures of the database are called, wherever they show."""

from __future__ import annotations

import psycopg
import pytest
from django.db import OperationalError

from theseller.backups.error_translation import as_backup_error
from theseller.backups.types import UnavailableError
from theseller.edge.database_outage import is_unavailable
from theseller.lib.database_failures import classify

#: As PostgreSQL 18 says it when a new connection can't write its file; such a refusal carries no
#: code.
_REFUSED = (
    'connection failed: connection to server on socket "/run/.s.PGSQL.5432" failed: FATAL:  could'
    " not write init file: No space left on device"
)


def _wrapped(cause: psycopg.Error) -> OperationalError:
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause",
    [
        psycopg.errors.DiskFull('could not extend file "base/16395/17066"'),
        psycopg.OperationalError(_REFUSED),
    ],
    ids=["a statement", "a new connection"],
)
def test_full_database_disk_is_reported_as_such(cause: psycopg.Error) -> None:
    failure = classify(_wrapped(cause))
    assert failure is not None
    assert (failure.reason, failure.message, failure.lasting) == (
        "disk_full",
        "The disk of the database is full.",
        False,
    )
    with (
        pytest.raises(
            UnavailableError,
            match=(
                r"the database connection failed: The disk of the database is full\."
                " Free some space there"
            ),
        ),
        as_backup_error(),
    ):
        raise _wrapped(cause)
    assert is_unavailable(_wrapped(cause)), "a page answers 503 and when to try again, not 500"


@pytest.mark.parametrize(
    "text",
    [
        "no such user: theseller_web",
        "no such database: theseller",
        "unsupported startup parameter: options",
        "unsupported startup parameter in options: role",
        "bouncer config error",
        "server login has been failing, try again later (server_login_retry)",
    ],
)
def test_refusal_by_a_pooler_names_the_pooler(text: str) -> None:
    refused = f'connection to server at "10.0.0.5", port 6432 failed: FATAL:  {text}'
    failure = classify(_wrapped(psycopg.OperationalError(refused)))
    assert failure is not None
    assert (failure.reason, failure.lasting) == ("pooler", True)
    assert "at 10.0.0.5, port 6432" in failure.message
    assert "the database server's own address" in failure.advice


def test_missing_role_of_the_server_itself_is_no_pooler() -> None:
    refused = 'connection to server on socket "/run/x" failed: FATAL:  role "a" does not exist'
    failure = classify(_wrapped(psycopg.OperationalError(refused)))
    assert failure is not None
    assert failure.reason == "role_missing"
