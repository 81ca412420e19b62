"""Detect a database server whose roles belong to another deployment.

Roles belong to the server, so two deployments on one server would overwrite each other's passwords.
The proof is what only the deployment has: its roles' passwords, compared with the verifiers that
the server stores. It stays valid after a rotation, a restore of one database and a rename, since
both sides change together.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from theseller.postgres.errors import PostgresError
from theseller.postgres.role_setup import LOGIN_ROLES

#: PostgreSQL's form of a SCRAM verifier (documentation of pg_authid; RFC 5803).
_SCRAM = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_MAX_ITERATIONS = 1_000_000

Connection = psycopg.Connection[Any]


class ForeignServerError(PostgresError):
    """The server's roles belong to another deployment. Nothing was changed."""


def refuse_foreign_roles(
    superuser: Connection, passwords: Mapping[str, Collection[str]], *, secrets_at: str
) -> None:
    """Check that the server's roles are new or have our passwords.

    Args:
        superuser: a connection that may read pg_authid; one that may not tries to sign in as the
            roles instead.
        passwords: by the roles' short names, each password that may be in use: the present one, and
            the next one of a rotation.
        secrets_at: where this deployment stores its secrets, for the message.

    Raises:
        ForeignServerError: they have passwords, and none is ours.
    """
    found = _verifiers(superuser)
    if found is None:
        ours = _can_sign_in(superuser, passwords)
    else:
        ours = not found or any(
            password_matches(found[role], role, one)
            for short, role in LOGIN_ROLES.items()
            if role in found
            for one in passwords.get(short, ())
        )
    if not ours:
        raise ForeignServerError(
            "The roles of this database server have the passwords of another deployment, and none"
            f" of those in {secrets_at}. Nothing was changed.",
            "Run it with that deployment's secrets, or use a server of its own for each deployment."
            " To replace the other's passwords, which locks it out of the database: --take-over"
            " --reason TEXT.",
        )


def password_matches(verifier: str, role: str, password: str) -> bool:
    """Return whether `password` has the verifier that PostgreSQL stores.

    SCRAM-SHA-256 (RFC 5802) or MD5.
    """
    found = _SCRAM.fullmatch(verifier)
    if found is None:
        digest = hashlib.md5((password + role).encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(verifier.encode(), f"md5{digest}".encode())
    rounds = int(found[1])
    if not 1 <= rounds <= _MAX_ITERATIONS:
        return False
    try:
        salt, stored = (
            base64.b64decode(found[2], validate=True),
            base64.b64decode(found[3], validate=True),
        )
    except binascii.Error:
        return False
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored)


def lock_roles(superuser: Connection) -> None:
    """Lock all roles of the server until the caller's transaction ends."""
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege), superuser.transaction():
        superuser.execute("lock table pg_catalog.pg_authid in share row exclusive mode")


def _verifiers(superuser: Connection) -> dict[str, str] | None:
    """Return the verifiers of our roles; None without permission to read them."""
    try:
        with superuser.transaction():
            rows = superuser.execute(
                "select rolname, rolpassword from pg_authid where rolname = any(%s) and rolpassword"
                " is not null",
                [list(LOGIN_ROLES.values())],
            ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return {str(role): str(verifier) for role, verifier in rows}


def _can_sign_in(superuser: Connection, passwords: Mapping[str, Collection[str]]) -> bool:
    """Return whether the server accepts one of our passwords.

    True as well if it has none of our roles. A server that accepts any password (`trust`) proves
    nothing.
    """
    rows = superuser.execute(
        "select rolname from pg_roles where rolname = any(%s)", [list(LOGIN_ROLES.values())]
    ).fetchall()
    present = {str(row[0]) for row in rows}
    if not present:
        return True
    for short, role in LOGIN_ROLES.items():
        for password in passwords.get(short, ()) if role in present else ():
            if _accepts(superuser, role, password) and not _accepts(
                superuser, role, secrets.token_hex(16)
            ):
                return True
    return False


def _accepts(superuser: Connection, role: str, password: str) -> bool:
    where: dict[str, str | int] = {"host": superuser.info.host, "port": superuser.info.port}
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(
            make_conninfo(superuser.info.dsn, user=role, password=password, **where),
            connect_timeout=10,
        ),
    ):
        return True
    return False
