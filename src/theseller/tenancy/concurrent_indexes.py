"""Build an index in a migration while others read and write the table.

`create index` keeps every write to its table waiting until it is done; `concurrently` keeps none
waiting, and can't be part of a transaction. On a partitioned table PostgreSQL has no
`concurrently`: the index of each partition is built so, and attached.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from typing_extensions import override

_STATE = (
    "select c.relkind::text, to_regclass(%s) is not null, coalesce((select i.indisvalid from"
    " pg_index i where i.indexrelid = to_regclass(%s)), false) from pg_class c where c.oid ="
    " to_regclass(%s)"
)
_PARTITIONS = (
    "select format('%%I.%%I', n.nspname, c.relname), n.nspname, c.relname from pg_inherits i join"
    " pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace where"
    " i.inhparent = to_regclass(%s) order by c.oid"
)
_ATTACHED = (
    "select exists (select from pg_inherits where inhrelid = to_regclass(%s) and inhparent ="
    " to_regclass(%s))"
)
_NAME_MAX = 63


class CreateIndexConcurrently(Operation):
    """Create an index of a table, or of every partition of a partitioned one.

    Its migration needs `atomic = False`. It can run again after a kill at any point: what is valid
    stays, an index that was not finished is built again.

    Args:
        name: the index's name; it is in the table's schema.
        table: the table with its schema, `public.ingest_order_line`.
        definition: what comes after the table's name, such as `(tenant_id, sku)`.
        unique: whether it is a unique index.
    """

    reduces_to_sql = True
    reversible = False
    atomic = False

    def __init__(self, name: str, *, table: str, definition: str, unique: bool = False) -> None:
        self.name, self.table, self.definition, self.unique = name, table, definition, unique

    @override
    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change no state: the models of these tables are unmanaged."""

    @override
    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index."""
        schema = self.table.partition(".")[0]
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("select current_setting('lock_timeout')")
            usual = cursor.fetchone()[0]
            # It waits for every older transaction, and no one waits for it.
            cursor.execute("set lock_timeout = 0")
            try:
                self._build(cursor, f"{schema}.{self.name}", self.table)
            finally:
                cursor.execute("select set_config('lock_timeout', %s, false)", [usual])

    def _build(self, cursor: Any, index: str, table: str) -> None:  # noqa: ANN401  # Django's cursor
        cursor.execute(_STATE, [index, index, table])
        kind, exists, valid = cursor.fetchone()
        if valid:
            return
        if kind != "p":
            if exists:  # left by an attempt that did not end
                cursor.execute(f"drop index concurrently {index}")
            self._create(cursor, "concurrently", index, table)
            return
        if not exists:
            self._create(cursor, "", index, f"only {table}")
        cursor.execute(_PARTITIONS, [table])
        for partition, schema, name in cursor.fetchall():
            part = f"{schema}.{_part_name(name, self.name)}"
            self._build(cursor, part, partition)
            cursor.execute(_ATTACHED, [part, index])
            if not cursor.fetchone()[0]:
                cursor.execute(f"alter index {index} attach partition {part}")

    def _create(self, cursor: Any, how: str, index: str, table: str) -> None:  # noqa: ANN401  # Django's cursor
        unique = "unique" if self.unique else ""
        name = index.partition(".")[2]
        cursor.execute(f"create {unique} index {how} {name} on {table} {self.definition}")

    @override
    def describe(self) -> str:
        """Return what Django's `migrate` prints."""
        return f"Create index {self.name} on {self.table} concurrently"


def _part_name(partition: str, index: str) -> str:
    """Return the name of a partition's index, as long as one may be."""
    return f"{partition[: _NAME_MAX - len(index) - 1]}_{index}"
