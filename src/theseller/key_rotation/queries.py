"""Queries of rotations and of the keys that signed certificates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from django.db import connections

from theseller.key_rotation.types import RotationContext, RotationReason, Run
from theseller.lib import sql_execution

_OPEN = (
    "select id, secret, reason, actor, step, started_at, details from governance_rotation where"
    " finished_at is null"
)
_LAST = """
select secret, max(finished_at) from governance_rotation
where finished_at is not null and not details ? 'refused' group by secret
"""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key for certificates.

    Certificates can be verified with it after it was retired.
    """

    public_key: str
    made_at: datetime
    retired_at: datetime | None


def open_runs(context: RotationContext, *, using: str = "default") -> dict[str, Run]:
    """Return the replacements under way, by the secret's name, oldest first."""
    rows = sql_execution.rows(connections[using], _OPEN + " order by started_at, secret")
    return {
        row[1]: Run(
            row[0],
            row[1],
            RotationReason(row[2]),
            row[3],
            row[4],
            row[5],
            context,
            json.loads(row[6]) if isinstance(row[6], str) else row[6],
        )
        for row in rows
    }


def last_rotations(*, using: str = "default") -> dict[str, datetime]:
    """Return when each secret was last replaced, of those that ever were."""
    return dict(sql_execution.rows(connections[using], _LAST))


def steps_under_way(*, using: str = "default") -> dict[str, str]:
    """Return the last step of each rotation under way, by secret.

    Empty text before the first step.
    """
    return dict(
        sql_execution.rows(
            connections[using],
            "select secret, step from governance_rotation where finished_at is null",
        )
    )


def certificate_keys(*, using: str = "default") -> tuple[PublicKey, ...]:
    """Return every public key that was made for certificates.

    Newest first, with retired ones: signatures of certificates are checked against them.
    """
    return tuple(
        PublicKey(bytes(row[0]).hex(), row[1], row[2])
        for row in sql_execution.rows(
            connections[using],
            "select public_key, made_at, retired_at from governance_signing_key order by made_at"
            " desc",
        )
    )
