"""Rotation of text secrets.

Session key, tenant-ticket key, database passwords, and Amazon's client secret.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections as databases

from theseller.accounts.sessions import end_all_sessions, live_sessions_signed_by
from theseller.amazon.errors import AuthorizationRevokedError, ClientSecretInvalidError, LWAError
from theseller.amazon.lwa import LWAClient
from theseller.amazon.transport import new_http
from theseller.crypto.errors import SecretNotFoundError
from theseller.key_rotation import secret_ages
from theseller.key_rotation.database_role_sign_in import ROLES, connect, signed_in
from theseller.key_rotation.open_transactions import wait_for_open_transactions
from theseller.key_rotation.secret_replacement_steps import (
    DROP_NEXT,
    KEEP_PREVIOUS,
    KNOWN,
    RETIRE,
    SETTLE,
    STAGE,
    SWITCH,
    previous,
    secret_provider,
    settle,
    staged_secret,
    switch,
    writable,
)
from theseller.key_rotation.types import NewSecretRefusedError, Run, Step
from theseller.lib.secret_type import Secret
from theseller.postgres.role_setup import BACKUP, LOGIN_ROLES, set_password
from theseller.tenancy.tenant_scope import LONGEST_TICKET
from theseller.tenancy.tenant_ticket_key_installation import (
    install_ticket_key,
    retire_other_ticket_keys,
)

#: Amazon accepts a replaced client secret for this long; so do we, for processes that read the old
#: one.
CLIENT_SECRET_GRACE = timedelta(days=7)
_OWN_REPLICATION_PASSWORD_FROM = 160_000
#: What a new client secret is tried with. No seller's token is needed: Amazon looks at the
#: application's own secret first.
_NO_TOKEN = Secret("Atzr|none-of-anybody")


def session_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the session key.

    After a leak all sessions end at once; else each session works until it is signed again or
    expires.
    """
    if run.leaked:
        return (
            STAGE,
            SWITCH,
            DROP_NEXT,
            SETTLE,
            RETIRE,
            Step("sign-out", _sign_out, "every session ends"),
        )
    drain = Step("drain", _wait_for_sessions, "no session is left that the old key signed")
    return (STAGE, KNOWN, KEEP_PREVIOUS, SWITCH, DROP_NEXT, SETTLE, drain, RETIRE)


def ticket_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the tenant-ticket key."""
    del run
    if not writable():
        accept = Step(
            "accept", _install_present_key, "the database accepts tickets of the present key"
        )
        return (
            accept,
            Step(
                "settle",
                _wait_for_tickets,
                "no transaction is left whose ticket the old key signed",
            ),
            _TICKET_RETIRE,
        )
    return (
        STAGE,
        Step("accept", _install_staged_key, "the database accepts tickets of both keys"),
        SWITCH,
        DROP_NEXT,
        Step("settle", _wait_for_tickets, "no transaction is left whose ticket the old key signed"),
        _TICKET_RETIRE,
    )


def database_password_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of a role's database password."""
    install = Step("install", _install, "the database accepts the new password only")
    steps = (STAGE, install, Step("switch", _switch_password, SWITCH.description), DROP_NEXT)
    prove = Step("prove", _prove_password, "a connection was made with the new password")
    end = (
        (Step("disconnect", _disconnect_others, "connections made with the old one are cut"),)
        if run.leaked
        else ()
    )
    return (*steps, prove, *end)


def client_secret_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of Amazon's client secret."""
    prove = Step("prove", _prove_client_secret, "Amazon accepts the new secret")
    note = Step("note-age", _note_age, "its age is noted")
    if run.leaked:
        return (prove, note, SWITCH, DROP_NEXT, RETIRE)
    grace = Step("grace", _grace_over, "the seven days in which Amazon accepts both are over")
    return (prove, note, KEEP_PREVIOUS, SWITCH, DROP_NEXT, grace, RETIRE)


def _wait_for_sessions(run: Run) -> str:
    key = previous(run.secret)
    left = 0 if key is None or run.skip_waits else live_sessions_signed_by(key, at=run.at)
    return (
        f"{left} session(s) that the old key signed have not expired; none lives longer than 12"
        " hours"
        if left
        else ""
    )


def _sign_out(run: Run) -> str:
    run.details["sessions_ended"] = end_all_sessions()
    return ""


def _install_staged_key(run: Run) -> str:
    with signed_in("db-migrate") as owner:
        install_ticket_key(owner, staged_secret(run.secret), at=run.at)
    return ""


def _install_present_key(run: Run) -> str:
    with signed_in("db-migrate") as owner:
        install_ticket_key(owner, secret_provider().get(run.secret), at=run.at)
    return ""


def _wait_for_tickets(run: Run) -> str:
    settle(run)
    return (
        ""
        if run.leaked
        else wait_for_open_transactions(run, longest=LONGEST_TICKET.total_seconds())
    )


def _retire_other_keys(run: Run) -> str:
    with signed_in("db-migrate") as owner:
        retire_other_ticket_keys(owner, secret_provider().get(run.secret))
    return ""


_TICKET_RETIRE = Step("retire", _retire_other_keys, "the database refuses tickets of the old key")


def _install(run: Run) -> str:
    with _may_set(run.secret) as connection:
        connection.execute("set role none")
        set_password(connection, ROLES[run.secret], staged_secret(run.secret).reveal())
    return ""


@contextlib.contextmanager
def _may_set(secret: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect as a role that may set this password.

    It is the role itself, so that no superuser is needed.

    Before PostgreSQL 16 a role that replicates may not set its own. That role signs in to the
    embedded server only, whose superuser's password we have.
    """
    with signed_in(secret) as connection:
        if (
            ROLES[secret] != LOGIN_ROLES[BACKUP]
            or connection.info.server_version >= _OWN_REPLICATION_PASSWORD_FROM
        ):
            yield connection
            return
    with signed_in("db-superuser") as superuser:
        yield superuser


def _switch_password(run: Run) -> str:
    # Between the steps the deployment may have been restarted, which sets every password to what
    # our secrets then said.
    _install(run)
    return switch(run)


def _prove_password(run: Run) -> str:
    connect(run.secret, secret_provider().get(run.secret)).close()
    return ""


def _disconnect_others(run: Run) -> str:
    own = databases["default"]
    own.ensure_connection()
    with signed_in(run.secret) as connection, contextlib.suppress(psycopg.OperationalError):
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and pid <>"
            " pg_backend_pid() and pid <> %s",
            [ROLES[run.secret], own.connection.info.backend_pid],
        )
    return ""


def _prove_client_secret(run: Run) -> str:
    """Test the staged client secret with Amazon.

    Raises:
        NewSecretRefusedError: none was staged, or Amazon refuses it; a refused one is removed.
    """
    try:
        secret = staged_secret(run.secret)
    except SecretNotFoundError:
        raise NewSecretRefusedError(
            "no new client secret was given: rotate lwa-client-secret --new-from-file FILE"
        ) from None
    http = new_http()
    try:
        LWAClient(
            settings.AMAZON_ENDPOINTS, settings.ENVIRONMENT.lwa_client_id, lambda: [secret], http
        ).refresh(_NO_TOKEN, run.at)
    except AuthorizationRevokedError:
        return ""  # The token was refused, so the secret was not.
    except ClientSecretInvalidError:
        secret_provider().remove(run.secret + "-next")
        raise NewSecretRefusedError(
            "Amazon does not accept the new client secret: nothing was changed; copy it again from"
            " Developer Central"
        ) from None
    except LWAError as error:
        return f"Amazon could not be asked ({type(error).__name__})"
    finally:
        http.close()
    return ""


def _note_age(run: Run) -> str:
    # It was made a little before it was given to us; the file's content says no date.
    secret_ages.note(
        run.secret, staged_secret(run.secret), created_at=run.started_at, actor=run.actor, at=run.at
    )
    return ""


def _grace_over(run: Run) -> str:
    begun = datetime.fromisoformat(str(run.details.setdefault("grace_from", run.at.isoformat())))
    left = begun + CLIENT_SECRET_GRACE - run.at
    return (
        ""
        if run.skip_waits or left <= timedelta(0)
        else f"Amazon accepts the old secret until {begun + CLIENT_SECRET_GRACE:%Y-%m-%d %H:%M} UTC"
    )
