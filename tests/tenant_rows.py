"""One row for every table that holds a tenant's rows.

The isolation matrix tries to see and change them.

Columns are filled by type, so that a new column or table needs nothing here unless it has a rule of
its own.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from psycopg import Connection

from theseller.datamap.table_registry import erasure_order
from theseller.lib.ids import new_id

_AT = "'2026-11-01T12:00:00Z'"
_BY_TYPE: dict[str, Callable[[], str]] = {
    "uuid": lambda: f"'{new_id()}'",
    "text": lambda: "'x'",
    "ARRAY": lambda: "array['x']",
    "bytea": lambda: "decode(repeat('07', 32), 'hex')",
    "boolean": lambda: "false",
    "date": lambda: "'2026-11-01'",
    "timestamp with time zone": lambda: _AT,
    "jsonb": lambda: "'{}'",
}
#: Columns with a rule of their own (a check constraint), by name, or by table and name.
_RULES = {
    "origin": "'lwa'",
    "region": "'na'",
    "ingest_document.origin": "'imported'",
    "governance_deletion_request.origin": "'seller_request'",
    "governance_deletion_request.connections": "array[gen_random_uuid()]",
    "actor": "'process:test'",
    "recorded_by": "'process:test'",
    "erasure_erasure.kind": "'connection'",
    "erasure_certificate.kind": "'connection'",
    "placed_by": "'process:test'",
    "until": "'2026-12-01T12:00:00Z'",
    "reason": "'seller_request'",
    "retention_hold.reason": "'to look into the figures of the shop'",
    "governance_access_session.reason": "'to look into the figures of the shop'",
    "expires_at": "'2026-11-01T13:00:00Z'",
    "sealed": "decode(repeat('07', 120), 'hex')",
    "signature": "decode(repeat('07', 64), 'hex')",
    "status": "'shipped'",
    "fulfilment": "'amazon'",
    "state": "'released'",
    "ingest_order_line.source": "'orders_api'",
    "ingest_ledger_line.source": "'finances'",
    "ledger_source": "'none'",
    "path": "'orders.new'",
    "analytics_product_cost.currency": "'EUR'",
    "analytics_expense.currency": "'EUR'",
    "recurrence": "'once'",
    "role": "'owner'",
}
#: Columns that may be null in other rows than the one that is made here.
_ALSO = {"erasure_erasure": ["begun_at"]}
Row = tuple[object, ...]


def seed_every_table(database: Connection[Row], tenant: UUID, person: UUID) -> dict[str, str]:
    """Insert one row of `tenant` into each tenant table, as a superuser.

    Return {table: an insert of one more such row}.
    """
    connection = new_id()
    inserts: dict[str, str] = {}
    for descriptor in reversed(erasure_order()):  # parents before children
        if descriptor.tenant_column is None:
            continue
        fixed = {
            descriptor.tenant_column: f"'{tenant}'",
            "connection_id": f"'{connection}'",
            "connections_connection.id": f"'{connection}'",
            "erasure_erasure.subject_id": f"'{connection}'",
            "erasure_certificate.subject_id": f"'{connection}'",
            "user_id": f"'{person}'",
        }
        inserts[descriptor.table] = _insert(database, descriptor.table, fixed)
        if descriptor.table not in {"tenancy_tenant", "accounts_membership"}:  # the cast has these
            database.execute(inserts[descriptor.table])
    return inserts


def _insert(database: Connection[Row], table: str, fixed: dict[str, str]) -> str:
    schema, name = table.split(".") if "." in table else ("public", table)
    columns = database.execute(
        "select column_name, data_type from information_schema.columns where table_schema = %s and"
        " table_name = %s and (is_nullable = 'NO' and column_default is null and is_identity = 'NO'"
        " or column_name = any(%s)) order by ordinal_position",
        [schema, name, _ALSO.get(table, [])],
    ).fetchall()
    assert columns, f"{table} is in the data map but not in the database"
    values = {str(name): _value(table, str(name), str(kind), fixed) for name, kind in columns}
    return (
        f"insert into {schema}.{name} ({', '.join(values)}) values ({', '.join(values.values())})"
    )


def _value(table: str, name: str, kind: str, fixed: dict[str, str]) -> str:
    for rules in (fixed, _RULES):
        for key in (f"{table}.{name}", name):
            if key in rules and not (rules is fixed and key == "id"):
                return rules[key]
    return _BY_TYPE[kind]() if kind in _BY_TYPE else "1"
