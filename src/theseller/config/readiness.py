"""Readiness endpoint: whether this process can serve requests.

The database must accept each of its roles and have this version's schema.
"""

from __future__ import annotations

import threading
import time

import psycopg
import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from theseller.config.database_settings import served_aliases
from theseller.crypto.errors import CryptoError
from theseller.lib.database_failures import classify
from theseller.tenancy.database_startup_checks import (
    UnsafeDatabaseRoleError,
    WrongDatabaseError,
    refuse_bypassing_session,
    refuse_foreign_database,
)
from theseller.tenancy.schema_version_check import (
    WrongSchemaError,
    pending_migrations,
    refuse_newer_schema,
)
from theseller.tenancy.state_folder_identity import (
    OtherHostError,
    folder_identity,
    refuse_other_folder,
)

_log = structlog.get_logger(__name__)

READY = "ready"
DATABASE_UNAVAILABLE = "not ready: the database does not answer"
CREDENTIALS_UNREADABLE = "not ready: the secret of a database role can't be read"
OTHER_DATABASE = "not ready: the database belongs to another environment"
OTHER_HOST = "not ready: the secrets and keys are in files of another host"
OTHER_SCHEMA = "not ready: the database has the schema of another version"
WRONG_ROLE = "not ready: a database role does not have the password or the rights that it needs"
_REASONS: dict[type[Exception], str] = {
    OtherHostError: OTHER_HOST,
    UnsafeDatabaseRoleError: WRONG_ROLE,
    WrongDatabaseError: OTHER_DATABASE,
    WrongSchemaError: OTHER_SCHEMA,
}
#: What `lib.database_failures` calls an answer of the server that refuses a role, rather than no
#: answer.
_ROLE_REFUSED = frozenset({
    "password_wrong", "password_missing", "role_missing", "role_no_login", "connect_denied",
    "not_admitted", "permission_denied",
})  # fmt: skip
#: Seconds that a connection may take, and that a result is cached: the database is queried at most
#: once in that time.
_CONNECT_SECONDS, _CACHE_SECONDS = 3, 1.0


def check_readiness() -> str:
    """Return `READY`, or a sentence that says why this process cannot serve.

    It names no host, role, table or version.
    """
    try:
        for alias in served_aliases(settings.ENVIRONMENT.role):
            _refuse(alias)
    except psycopg.Error as error:
        failure = classify(error)
        return (
            WRONG_ROLE
            if failure is not None and failure.reason in _ROLE_REFUSED
            else DATABASE_UNAVAILABLE
        )
    except (
        CryptoError,
        OtherHostError,
        UnsafeDatabaseRoleError,
        WrongDatabaseError,
        WrongSchemaError,
    ) as error:
        return _REASONS.get(type(error), CREDENTIALS_UNREADABLE)
    return READY


def _refuse(alias: str) -> None:
    """Check the database of one alias with a new connection.

    The pool does not tell why its connections fail.
    """
    parameters = {**connections[alias].get_connection_params(), "connect_timeout": _CONNECT_SECONDS}
    with psycopg.connect(**parameters, autocommit=True) as database:
        refuse_bypassing_session(database)
        refuse_foreign_database(database, settings.ENVIRONMENT.kind.value)
        if alias == "default":
            refuse_newer_schema(database)
            if pending_migrations(database):
                raise WrongSchemaError("`theseller migrate` was not run")
            if settings.ENVIRONMENT.stores_keys_on_this_host_only:
                refuse_other_folder(database, folder_identity(settings.ENVIRONMENT.state))


class _CachedReadiness:
    """The last result of the readiness check.

    One request at a time queries the database; the others get the previous result.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._found, self._until = DATABASE_UNAVAILABLE, 0.0

    def get(self) -> str:
        """Return the last result, at most a second old."""
        # The first request waits for the first answer; later ones never wait for each other.
        if time.monotonic() >= self._until and self._asking.acquire(blocking=not self._until):
            try:
                if time.monotonic() >= self._until:
                    found = check_readiness()
                    if found not in {READY, self._found} or (found != READY and not self._until):
                        _log.error("not_ready", reason=found)
                    self._found, self._until = found, time.monotonic() + _CACHE_SECONDS
            finally:
                self._asking.release()
        return self._found


_CACHE = _CachedReadiness()


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this process can serve, else 503 with the reason.

    For load balancers and monitoring.
    """
    del request
    found = _CACHE.get()
    headers = {"Cache-Control": "no-store"} | ({} if found == READY else {"Retry-After": "5"})
    return HttpResponse(
        f"{found}\n",
        content_type="text/plain; charset=utf-8",
        headers=headers,
        status=200 if found == READY else 503,
    )
