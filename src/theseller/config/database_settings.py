"""Which PostgreSQL each process connects to, and as whom."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg import Connection

from theseller.config.environment import (
    Environment,
    EnvironmentKind,
    InvalidSettingError,
    ProcessRole,
)
from theseller.crypto.rotating_database_password import RotatingPassword
from theseller.crypto.secret_provider_protocol import SecretProvider
from theseller.postgres.answering_connection import (
    LOST_PEER_OPTIONS,
    answering_within,
    limit_answers_again,
)
from theseller.postgres.server_folders import socket_directory

#: The connections of each process besides its own (`default`). The worker erases as `retention`,
#: probes as `probe`, and tests row security as `web`; worker and web reach buyers' data as the role
#: `pii`. The web has separate roles for accounts and for the operator area: SQL that is injected
#: into a tenant's page runs as `web`, which reaches neither. Before PostgreSQL 17 only the owner
#: may rewrite a table after an erasure: the worker connects as `migrate` for that time
#: (erasure/vacuum.py).
_EXTRA_ALIASES = {
    ProcessRole.WORKER: (
        ProcessRole.RETENTION,
        ProcessRole.PROBE,
        ProcessRole.PII,
        ProcessRole.MIGRATE,
        ProcessRole.WEB,
    ),
    ProcessRole.MIGRATE: (),
    ProcessRole.WEB: (ProcessRole.AUTH, ProcessRole.OPERATOR, ProcessRole.PII),
    ProcessRole.AUTH: (),
    ProcessRole.OPERATOR: (),
    ProcessRole.PII: (),
    ProcessRole.RETENTION: (),
    ProcessRole.PROBE: (),
}
#: How long a page waits for a connection to the database.
WEB_POOL_TIMEOUT_SECONDS = 3
#: How long one answer of the database may take: longer than a statement of the role may run
#: (postgres/sql/roles.sql). Where code allows a longer statement, it allows a longer answer too.
_ANSWER_SECONDS_USUALLY = 25.0
ANSWER_SECONDS = {
    ProcessRole.WORKER: 630.0,
    ProcessRole.RETENTION: 1830.0,
    ProcessRole.PROBE: 65.0,
}

#: How many connections a process holds to the database at most, by role. Few operators work at the
#: same time. The pools take their size from here, and so does what `theseller doctor` counts.
_POOLED_USUALLY, _POOLED = 10, {ProcessRole.OPERATOR: 4}


def served_aliases(role: ProcessRole) -> tuple[str, ...]:
    """Return the connections of a serving process of `role`.

    `default` is the first.
    """
    return ("default", *(extra.value for extra in _EXTRA_ALIASES[role]))


def connections_max(role: ProcessRole, threads: int) -> int:
    """Return how many connections a process of `role` opens at most.

    `threads` is how many threads, or jobs, work in it.
    """
    return sum(min(threads, _pooled(one)) for one in (role, *_EXTRA_ALIASES[role]))


def _pooled(role: ProcessRole) -> int:
    return _POOLED.get(role, _POOLED_USUALLY)


def database_settings(
    environment: Environment, secrets: SecretProvider
) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES.

    Raises:
        InvalidSettingError: DATABASE_URL would send passwords or data unencrypted.
    """
    server = (
        external_settings(environment.database_url)
        if environment.database_url
        else _embedded(environment)
    )
    settings = {"default": _as_role(server, environment.role, secrets)}
    # Tests take every role in turn; a served process holds only the connections it needs.
    extra = (
        tuple(ProcessRole)
        if environment.kind is EnvironmentKind.TEST
        else _EXTRA_ALIASES[environment.role]
    )
    for role in extra:
        settings[role.value] = _as_role(server, role, secrets)
    if environment.role is ProcessRole.WEB and environment.kind is not EnvironmentKind.TEST:
        # A web process has more connections than threads: a thread waits for one only if the
        # database is unavailable, and soon gets an error that says so.
        for one in settings.values():
            one["OPTIONS"]["pool"]["timeout"] = WEB_POOL_TIMEOUT_SECONDS
    return settings


def _embedded(environment: Environment) -> dict[str, Any]:
    return {
        "HOST": str(socket_directory(environment.state)),
        "PORT": "5432",
        "NAME": environment.database_name,
        "OPTIONS": {},
    }


def external_settings(url: str) -> dict[str, Any]:
    """Return Django's settings of the external server that `url` names.

    Raises:
        InvalidSettingError: it names a user, or would send data unencrypted.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise InvalidSettingError(
            "DATABASE_URL must look like postgresql://HOST:5432/DATABASE?sslmode=verify-full"
        )
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if (
        parts.username
        or parts.password
        or {"user", "password", "passfile", "service"} & options.keys()
    ):
        raise InvalidSettingError(
            "DATABASE_URL must name no user and no password: each process signs in as a role of its"
            " own, with a password from the secrets"
        )
    socket_host = options.pop("host", "")
    port = options.pop("port", "")
    host = socket_host or unquote(parts.hostname or "")
    if not host.startswith("/") and options.get("sslmode") != "verify-full":
        raise InvalidSettingError(
            "DATABASE_URL must say sslmode=verify-full (or name a Unix socket directory by"
            " ?host=/path)"
        )
    return {
        "HOST": host,
        "PORT": str(parts.port or port or 5432),
        "NAME": parts.path.strip("/"),
        "OPTIONS": {**({} if host.startswith("/") else LOST_PEER_OPTIONS), **options},
    }


def answer_seconds(role: ProcessRole) -> float:
    """Return how long an answer of the database to `role` may take."""
    return ANSWER_SECONDS.get(role, _ANSWER_SECONDS_USUALLY)


def _as_role(server: dict[str, Any], role: ProcessRole, secrets: SecretProvider) -> dict[str, Any]:
    options: dict[str, Any] = {
        **server["OPTIONS"],
        "application_name": f"theseller-{role.value}",
        "connect_timeout": 10,
    }
    if role is not ProcessRole.MIGRATE:
        options["pool"] = {
            "min_size": 0,
            "max_size": _pooled(role),
            "timeout": 10,
            "max_idle": 300,
            "reset": reset_connection,
            "connection_class": answering_within(answer_seconds(role)),
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        **server,
        "USER": f"theseller_{role.value}",
        "PASSWORD": RotatingPassword(
            secrets, f"db-{role.value}"
        ),  # Read for each new connection: a rotation needs no restart.
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def reset_connection(connection: Connection[Any]) -> None:
    """Reset a connection that returns to its pool to the state of a new one.

    The pool closes it if that fails. `DISCARD ALL` drops what a request left in its session:
    temporary objects, settings, advisory locks, cursors, LISTEN, prepared statements. Psycopg
    prepares none by itself here (Django sets `prepare_threshold` to None), so that it keeps none
    that no longer exist.
    """
    limit_answers_again(connection)
    connection.autocommit = True
    connection.execute("discard all")
    # Django sets the time zone once, when the pool makes the connection. The role begins in UTC as
    # well, unless its settings are old.
    if connection.info.parameter_status("TimeZone") != "UTC":
        connection.execute("set timezone = 'UTC'")
