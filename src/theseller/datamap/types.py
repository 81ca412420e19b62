"""Table descriptors of the data map: columns, functions and grants."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

#: What PostgreSQL lets a name be without quotes and without being cut.
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
#: A table outside the schema `public` is called by both names.
_TABLE = re.compile(rf"((?!public\.){_NAME.pattern}\.)?{_NAME.pattern}")


class DataClass(StrEnum):
    """The class of data in a table; it decides which rules apply."""

    SELLER_FACTS = "seller_facts"  # Amazon information without personal data
    SELLER_INPUT = "seller_input"  # what a shop's people entered about its business
    CREDENTIALS = "credentials"  # sealed tokens and secrets
    SELLER_PERSONAL = "seller_personal"  # about our own users: names, addresses, sign-ins
    OPERATIONAL = "operational"  # how the deployment runs: jobs, cursors, limits
    # about buyers: only sealed, only in the schema `pii`, each row with its expiry date
    BUYER_PERSONAL = "buyer_personal"
    EVIDENCE = "evidence"  # kept to show what was done, without personal data
    NONE = "none"  # no one's data: reference data, migration state


class Eraser(StrEnum):
    """How a row is deleted when its tenant or connection is."""

    DELETE_TENANT = "delete_tenant"  # rows of the tenant, by its column
    DELETE_CONNECTION = "delete_connection"  # rows of the connection, by its column
    DELETE_USER = "delete_user"  # rows about a person, with that person's account
    CASCADE = "cascade"  # with the row of a parent, by the foreign key
    # derived: deleted for the stores concerned, and made again from the rows that are left
    REBUILD = "rebuild"
    EXPIRY = "expiry"  # by age alone, by its own recurring job
    KEY = "key"  # unreadable when the data key is destroyed, then deleted with the tenant
    KEEP = "keep"  # outlives the tenant; holds nothing of theirs that must go


#: Who deletes a finished job from the queue: the worker, in the moment in which the job ends.
BY_THE_WORKER = "the worker, when a job ends"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `data_class` is None where it is of its table's own class."""

    name: str
    data_class: DataClass | None = None


@dataclass(frozen=True, slots=True)
class CrossTenantFunction:
    """A function in the schema `guard` that reads or checks all tenants' rows.

    `signature` is its name with the types of its arguments, as PostgreSQL's GRANT wants it.
    `callers` are the short names of the roles that may execute it (``worker``), `owner` the role
    without a login that it runs as. The owner's own rights are in the `grants` of the tables that
    it reads.
    """

    signature: str
    callers: tuple[str, ...] = ()
    owner: str = "directory"

    @property
    def name(self) -> str:
        """Name of the function, without its arguments."""
        return self.signature.partition("(")[0]


@dataclass(frozen=True, slots=True)
class TableDescriptor:
    """Everything that is decided about one table, partitions included.

    Attributes:
        table: name, with the schema before it where that is not `public`.
        data_class: which rules its rows are under; `Column.data_class` for exceptions.
        retention: the limit or clause that says how long rows stay (``life-purge-30``).
        eraser: how rows are deleted when their tenant or connection is.
        tenant_column: the column that names the tenant of a row.
        connection_column: the column that names the connection that a row came by.
        parents: tables that its rows refer to; they are erased later.
        partitions: prefix of its partitions' names, if it has any.
        erase_order: among tables that are free of each other, a lower number is erased first.
        note: what a reader of the data map needs to know, above all why something is kept.
        sealed_columns: columns of sealed messages, each with the purpose of its keys
            (`crypto.key_types.Purpose`, by value).
        expired_by: task name of the recurring job that deletes rows by age alone, or
            `BY_THE_WORKER`.
        columns: every column. The live database is compared with them.
        indexes: every index, by its full name. A partition has its parent's.
        age_column: the date by which facts leave after 18 months: ``local_day``, counted in the
            calendar of the row's store, or a timestamp, counted in UTC.
        date_column: the date that the data inventory shows for a row; by default `age_column`.
        inventory_category: key of the category under which the data inventory and its page count
            the rows (`data_inventory` of the privacy pages); required for tables of a tenant.
        functions: database functions that answer over all tenants, listed at the table that they
            are mainly about.
        grants: (role's short name, rights) pairs, e.g. ``("worker", "select, insert")``. Tables
            whose rights are in `postgres/sql/grants.sql` have none here.
    """

    table: str
    data_class: DataClass
    _: KW_ONLY
    retention: str
    eraser: Eraser
    tenant_column: str | None = None
    connection_column: str | None = None
    parents: tuple[str, ...] = ()
    partitions: str | None = None
    erase_order: int = 0
    note: str = ""
    sealed_columns: tuple[tuple[str, str], ...] = ()
    expired_by: str = ""
    columns: tuple[Column, ...] = ()
    indexes: tuple[str, ...] = ()
    age_column: str | None = None
    date_column: str | None = None
    inventory_category: str = ""
    functions: tuple[CrossTenantFunction, ...] = ()
    grants: tuple[tuple[str, str], ...] = ()

    @property
    def qualified(self) -> str:
        """Name with its schema."""
        return self.table if "." in self.table else f"public.{self.table}"

    def __post_init__(self) -> None:
        """Refuse a descriptor that contradicts itself.

        Raises:
            ValueError: saying which law it breaks.
        """
        sealed = (name for column in self.sealed_columns for name in column)
        dates = (self.age_column, self.date_column)
        columns = (self.tenant_column, self.connection_column, self.partitions, *dates, *sealed)
        wrong = [name for name in columns if name is not None and not _NAME.fullmatch(name)]
        wrong += [name for name in (self.table, *self.parents) if not _TABLE.fullmatch(name)]
        if wrong:
            raise ValueError(f"{self.table}: {wrong[0]!r} is no plain name of PostgreSQL")
        known = {column.name for column in self.columns}
        named = {
            self.tenant_column,
            self.connection_column,
            *dates,
            *(name for name, _ in self.sealed_columns),
        } - {None}
        if known and not named <= known:
            raise ValueError(f"{self.table}: it has no column {min(map(str, named - known))}")
        for broken, law in self._rules():
            if broken:
                raise ValueError(f"{self.table}: {law}")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        has_owner = self.data_class in {
            DataClass.SELLER_FACTS, DataClass.CREDENTIALS,
            DataClass.SELLER_PERSONAL, DataClass.BUYER_PERSONAL, DataClass.SELLER_INPUT,
        }  # fmt: skip
        return (
            (
                not self.retention.strip(),
                "name the limit or clause that says how long its rows stay",
            ),
            (
                self.data_class is DataClass.SELLER_FACTS and self.tenant_column is None,
                "facts of a seller need the column that says whose they are",
            ),
            (
                self.data_class is DataClass.SELLER_INPUT
                and (self.tenant_column is None or self.eraser is not Eraser.DELETE_TENANT),
                "what a shop's people entered is deleted with the shop, not with a connection",
            ),
            (
                self.age_column == "local_day"
                and not {"local_day", "marketplace_id"} <= {one.name for one in self.columns},
                "a local day is counted in a store's calendar: it needs the column marketplace_id",
            ),
            (
                (self.data_class is DataClass.BUYER_PERSONAL)
                is not (self.table.startswith("pii.") and self.tenant_column is not None),
                "data about buyers lies in the schema pii, and nothing else of a shop's does",
            ),
            (
                self.data_class is DataClass.BUYER_PERSONAL and not self.sealed_columns,
                "data about buyers is held sealed only",
            ),
            (
                self.table in self.parents,
                "a table is not its own parent here; its rows go together",
            ),
            (
                self.eraser in {Eraser.DELETE_TENANT, Eraser.REBUILD, Eraser.KEY}
                and self.tenant_column is None,
                "rows can be found by tenant only with a tenant column",
            ),
            (
                self.eraser is Eraser.DELETE_CONNECTION and self.connection_column is None,
                "rows can be found by connection only with a connection column",
            ),
            (
                self.eraser is Eraser.CASCADE and not self.parents,
                "rows go with a parent only if one is named",
            ),
            (
                (self.eraser is Eraser.EXPIRY) is not bool(self.expired_by),
                "rows expire by a job, and it has to be named",
            ),
            (
                self.eraser is Eraser.KEEP and has_owner,
                f"{self.data_class} cannot be kept when its tenant goes",
            ),
            (
                self.eraser is Eraser.KEEP and not self.note.strip(),
                "say in its note why it may outlive the tenant",
            ),
            (
                self.data_class is DataClass.NONE
                and (self.tenant_column or self.connection_column) is not None,
                "a table with a tenant's or a connection's rows holds someone's data",
            ),
        )

    def covers(self, relation: str) -> bool:
        """Return whether `relation` is this table or one of its partitions.

        `relation` is a name without its schema.
        """
        return relation == self.table or (
            self.partitions is not None and relation.startswith(self.partitions)
        )


@dataclass(frozen=True, slots=True)
class Differences:
    """Tables only in the catalogue, and tables only in the map; both sorted.

    It is false if there are none.
    """

    unregistered: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.unregistered or self.missing)
