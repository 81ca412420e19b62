"""Bring a database to this version.

Tables first, then grants, the guard's key, and the monthly partitions that facts will need.
"""

from __future__ import annotations

import contextlib
from datetime import date, datetime, timedelta

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from theseller.config.migration_lock_timeouts import repeated, short_lock_waits, wait_shortly
from theseller.crypto.timestamped_secrets import new_timestamped_secret
from theseller.datamap.grant_statements import grant_statements
from theseller.postgres.role_setup import apply_grants, bypass_functions_replaceable
from theseller.retention.retention_limits import FACTS_KEPT_DAYS
from theseller.tenancy.database_environment import claim_database, refuse_foreign_database
from theseller.tenancy.schema_release import state_release
from theseller.tenancy.schema_version_check import pending_migrations, refuse_newer_schema
from theseller.tenancy.tenant_ticket_key_installation import install_ticket_key

#: Partitions are made this far ahead; a recurring job keeps it so.
MONTHS_AHEAD = timedelta(days=92)


def migrate(superuser_dsn: str, *, at: datetime, verbosity: int = 0) -> None:
    """Apply migrations as the migrate role, then what needs a superuser.

    Idempotent. Programs of the release before may run meanwhile: no statement waits for a table's
    lock for long, since every other statement on that table waits behind it.

    Args:
        superuser_dsn: used for grants and the guard only; no serving process ever knows it.
        at: the current time.
        verbosity: of Django's `migrate`.

    Raises:
        WrongDatabaseError: the database belongs to another environment. Nothing was changed.
        WrongSchemaError: a newer version of the program migrated it. Nothing was changed.
        MigrationLockError: a table stayed locked. What was applied stays applied.
    """
    environment = settings.ENVIRONMENT.kind.value
    with psycopg.connect(superuser_dsn) as superuser:
        refuse_foreign_database(superuser, environment)
        refuse_newer_schema(superuser)
        state_release(superuser)
    with (
        psycopg.connect(superuser_dsn, autocommit=True) as superuser,
        contextlib.ExitStack() as stack,
    ):
        if pending_migrations(superuser):
            stack.enter_context(bypass_functions_replaceable(superuser))
        with short_lock_waits():
            repeated(
                lambda: call_command("migrate", verbosity=verbosity, interactive=False), superuser
            )
    connections.close_all()
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        wait_shortly(superuser)
        claim_database(superuser, environment, at=at)
        repeated(lambda: apply_grants(superuser, grant_statements()), superuser)
        install_ticket_key(
            superuser, settings.SECRETS.ensure("tenant-ticket-key", new_timestamped_secret), at=at
        )
        first, last = months_needed(at.date())
        repeated(
            lambda: superuser.execute("select guard.ensure_months(%s, %s)", [first, last]),
            superuser,
        )
        state_release(superuser)


def months_needed(today: date) -> tuple[date, date]:
    """Return the first and last day that facts may have.

    From the oldest that are kept to a quarter ahead.
    """
    return today - timedelta(days=FACTS_KEPT_DAYS + 31), today + MONTHS_AHEAD
