"""Readiness endpoint: whether this process can serve requests.

The database must accept each of its roles and have a schema that this version may run on, the key
service must answer, and a worker must run.
"""

from __future__ import annotations

import threading
import time
from enum import StrEnum
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from theseller.config.database_settings import served_aliases
from theseller.config.deployment_state_measurement import HEARTBEAT
from theseller.crypto.errors import CryptoError
from theseller.crypto.root_keys import ROOT_KEY_NAME
from theseller.lib import sql_execution
from theseller.lib.database_failures import classify
from theseller.tenancy.database_environment import WrongDatabaseError, refuse_foreign_database
from theseller.tenancy.database_startup_checks import (
    ConnectionPoolerError,
    UnsafeDatabaseRoleError,
    refuse_bypassing_session,
    refuse_pooled_session,
)
from theseller.tenancy.host_reports_and_clocks import (
    WrongClockError,
    clock_ahead,
    refuse_wrong_clock,
)
from theseller.tenancy.schema_version_check import WrongSchemaError, refuse_other_schema_of
from theseller.tenancy.state_folder_identity import (
    OtherHostError,
    folder_identity,
    refuse_other_folder,
)

_log = structlog.get_logger(__name__)


class Part(StrEnum):
    """What must work; a failed one is named by this word."""

    DATABASE = "database"  # it does not answer, or a connection pooler does
    ROLES = "roles"  # a database role lacks its password or its rights
    SECRETS = "secrets"  # the secret of a database role can't be read
    ENVIRONMENT = "environment"  # the database belongs to another environment
    HOST = "host"  # secrets and keys are in files of another host
    SCHEMA = "schema"  # the database has a schema that this version may not run on
    KEYS = "keys"  # the key service does not answer
    CLOCK = "clock"  # this host's clock is not the database's
    WORKER = "worker"  # no worker has written a heartbeat lately


_PART_OF: dict[type[Exception], Part] = {
    ConnectionPoolerError: Part.DATABASE,
    OtherHostError: Part.HOST,
    UnsafeDatabaseRoleError: Part.ROLES,
    WrongDatabaseError: Part.ENVIRONMENT,
    WrongSchemaError: Part.SCHEMA,
    WrongClockError: Part.CLOCK,
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


#: No data key has this ID. To look for it reads no key.
_NO_KEY = UUID(int=0)


def failed_parts() -> frozenset[Part]:
    """Return what does not work; empty if this process can serve."""
    failed = set()
    if (fault := _database_fault()) is not None:
        failed.add(fault)
    elif not _worker_lives():
        failed.add(Part.WORKER)
    try:
        if settings.ENVIRONMENT.secret_config.key_store == "files":
            settings.SECRETS.get(ROOT_KEY_NAME)
        settings.KEY_STORE.exists(_NO_KEY)
    except (CryptoError, OSError):
        failed.add(Part.KEYS)
    return frozenset(failed)


def _database_fault() -> Part | None:
    try:
        for alias in served_aliases(settings.ENVIRONMENT.role):
            _refuse(alias)
    except psycopg.Error as error:
        failure = classify(error)
        refused = failure is not None and failure.reason in _ROLE_REFUSED
        return Part.ROLES if refused else Part.DATABASE
    except (
        ConnectionPoolerError,
        CryptoError,
        OtherHostError,
        UnsafeDatabaseRoleError,
        WrongClockError,
        WrongDatabaseError,
        WrongSchemaError,
    ) as error:
        return _PART_OF.get(type(error), Part.SECRETS)
    return None


def _worker_lives() -> bool:
    parameters = {
        **connections["default"].get_connection_params(),
        "connect_timeout": _CONNECT_SECONDS,
    }
    try:
        with psycopg.connect(**parameters, autocommit=True) as database:
            workers, _age = sql_execution.one(database, HEARTBEAT)
    except psycopg.Error:
        return False
    return int(workers) > 0


def _refuse(alias: str) -> None:
    """Check the database of one alias with a new connection.

    The pool does not tell why its connections fail.
    """
    parameters = {**connections[alias].get_connection_params(), "connect_timeout": _CONNECT_SECONDS}
    with psycopg.connect(**parameters, autocommit=True) as database:
        refuse_pooled_session(database)
        refuse_bypassing_session(database)
        refuse_foreign_database(database, settings.ENVIRONMENT.kind.value)
        if alias == "default":
            refuse_other_schema_of(database)
            if settings.ENVIRONMENT.stores_keys_on_this_host_only:
                refuse_other_folder(database, folder_identity(settings.ENVIRONMENT.state))
            refuse_wrong_clock(clock_ahead(database))


class _CachedReadiness:
    """The last result of the readiness check.

    One request at a time queries the database; the others get the previous result.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._found, self._until = frozenset({Part.DATABASE}), 0.0

    def get(self) -> frozenset[Part]:
        """Return the last result, at most a second old."""
        # The first request waits for the first answer; later ones never wait for each other.
        if time.monotonic() >= self._until and self._asking.acquire(blocking=not self._until):
            try:
                if time.monotonic() >= self._until:
                    found = failed_parts()
                    if found and (found != self._found or not self._until):
                        _log.error("not_ready", parts=sorted(found))
                    self._found, self._until = found, time.monotonic() + _CACHE_SECONDS
            finally:
                self._asking.release()
        return self._found


_CACHE = _CachedReadiness()


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if all works, else 503 with a word for each failed part.

    `?without=worker` leaves a part out: a load balancer must not take the pages away because no
    worker runs.
    """
    failed = sorted(_CACHE.get() - set(request.GET.getlist("without")))
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if failed else {})
    return HttpResponse(
        f"not ready: {' '.join(failed)}\n" if failed else "ready\n",
        content_type="text/plain; charset=utf-8",
        headers=headers,
        status=503 if failed else 200,
    )
