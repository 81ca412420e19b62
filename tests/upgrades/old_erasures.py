"""Erasures of releases before decision 0019, which had five tables.

Rows of every kind are written into them, and compared with the two that replaced them.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from theseller.lib.ids import new_id

_AT = "2026-11-02T08:00:00+00:00"
_LATER = "2026-11-03T09:30:00+00:00"
#: Each table of before with the kind of its subjects, its column with their ids, and new names of
#: columns.
_MOVED = {
    "retention_purge": ("connection", "connection_id", {"disconnected_at": "requested_at"}),
    "retention_shop_end": (
        "shop",
        "tenant_id",
        {"asked_at": "requested_at", "asked_by": "requested_by", "people": "members"},
    ),
    "retention_person_end": (
        "person",
        "user_id",
        {"asked_at": "requested_at", "own_wish": "own_request"},
    ),
    "retention_certificate": ("connection", "connection_id", {}),
    "retention_end_certificate": (None, "subject_id", {}),
}
#: Names of rows of before that no one used.
_DROPPED = {("retention_purge", "id"), ("retention_shop_end", "id")}
OldErasures = dict[str, list[dict[str, Any]]]


def has_five_tables(connection: psycopg.Connection[Any]) -> bool:
    """Return whether this database is of a release before the migration."""
    row = connection.execute("select to_regclass('retention_purge') is not null").fetchone()
    return bool(row and row[0])


def add_old_erasures(connection: psycopg.Connection[Any]) -> OldErasures:
    """Write erasures of each kind into the five tables; return all their rows."""
    tenant, user, left, deleted = (new_id() for _ in range(4))
    progress = {
        "begun_at": _AT,
        "plan": Jsonb({"ingest_product": 3}),
        "steps_done": Jsonb({"ingest_product": 3, "ingest_bucket/earlier": 1}),
        "erased_at": _AT,
        "erased_xid": 77,
        "rewritten": Jsonb({"public.ingest_product": {"before": 8192, "ms": 2}}),
        "wal_from": "0" * 24,
    }
    done = progress | {"left_over": Jsonb({"ingest_product": 0}), "completed_at": _LATER}
    shop = {"asked_at": _AT, "asked_by": f"user:{user}"}
    _insert(
        connection,
        "retention_purge",
        tenant_id=tenant,
        connection_id=new_id(),
        id=new_id(),
        disconnected_at=_AT,
        **progress,
    )
    _insert(
        connection,
        "retention_shop_end",
        tenant_id=tenant,
        id=new_id(),
        people=[left, deleted],
        **shop,
        **done,
    )
    _insert(connection, "retention_shop_end", tenant_id=new_id(), id=new_id(), **shop)
    _insert(
        connection, "retention_person_end", user_id=left, asked_at=_AT, kept=True, completed_at=_AT
    )
    _insert(connection, "retention_person_end", user_id=deleted, asked_at=_AT, **done)
    _insert(connection, "retention_person_end", user_id=user, asked_at=_AT, own_wish=True, **done)
    _insert(connection, "retention_person_end", user_id=new_id(), asked_at=_AT, own_wish=True)
    for subject, kind in ((tenant, "shop"), (user, "person")):
        _insert(
            connection,
            "retention_end_certificate",
            subject_id=subject,
            kind=kind,
            id=new_id(),
            body=b"{}",
            signature=b"s" * 64,
            public_key=b"k" * 32,
            issued_at=_LATER,
        )
    return {table: _rows(connection, table) for table in _MOVED}


def assert_moved(connection: psycopg.Connection[Any], before: OldErasures) -> None:
    """Compare every value of the five tables with the pair that replaced them."""
    erasures, certificates = (
        {row["subject_id"]: row for row in _rows(connection, table)}
        for table in ("erasure_erasure", "erasure_certificate")
    )
    for table, rows in before.items():
        kind, subject_column, renamed = _MOVED[table]
        found = certificates if table.endswith("certificate") else erasures
        for row in rows:
            moved = found[row[subject_column]]
            expected = {
                renamed.get(name, name): value
                for name, value in row.items()
                if name not in {subject_column, "connection_id", "user_id"}
                and (table, name) not in _DROPPED
            }
            if expected.get("plan", {}) is None:
                expected["plan"] = {}
            expected["kind"] = row.get("kind", kind)
            assert {name: moved[name] for name in expected} == expected
            assert moved["tenant_id"] == row.get("tenant_id", row[subject_column])
    assert len(erasures) == sum(
        len(rows) for table, rows in before.items() if not table.endswith("certificate")
    )
    assert len(certificates) == sum(
        len(rows) for table, rows in before.items() if table.endswith("certificate")
    )


def _insert(connection: psycopg.Connection[Any], table: str, **row: object) -> None:
    names = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into {table} ({names}) values ({values})".encode(), row)


def _rows(connection: psycopg.Connection[Any], table: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"select * from {table}".encode()).fetchall()
