"""Links to certificates for those who have no account any more.

The database stores a hash of each link's token.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections as databases

from theseller.erasure.certificate_format import stored_file
from theseller.erasure.types import NewLink, SubjectKind
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret
from theseller.retention.database_aliases import ERASER
from theseller.retention.retention_limits import CERTIFICATE_LINK_DAYS


@dataclass(frozen=True, slots=True)
class LinkedErasure:
    """The erasure that a link leads to.

    `certificate` is (id, file), None until it is issued.
    """

    kind: SubjectKind
    requested_at: datetime
    erased_at: datetime | None
    expires_at: datetime
    certificate: tuple[UUID, bytes] | None


def new_link(*, at: datetime) -> NewLink:
    """Return a link to a certificate that is to come.

    Its token is shown once; the database gets its hash, with the request.
    """
    token = secrets.token_urlsafe(32)
    return NewLink(Secret(token), _hash(token), at + timedelta(days=CERTIFICATE_LINK_DAYS))


def follow_link(token: str, *, at: datetime) -> LinkedErasure | None:
    """Return what a link leads to; None if it is unknown or has expired."""
    row = sql_execution.one(
        databases["default"], "select * from guard.end_by_link(%s, %s)", [_hash(token), at]
    )
    if row is None or row[1] is None:
        return None
    kind, requested, erased, _completed, expires, identity, *signed = row
    return LinkedErasure(
        SubjectKind(kind),
        requested,
        erased,
        expires,
        (identity, stored_file(*signed)) if identity else None,
    )


def delete_expired_links(*, at: datetime) -> int:
    """Delete the links that have expired; return how many."""
    return sql_execution.execute(
        databases[ERASER], "delete from retention_end_link where expires_at <= %s", [at]
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
