"""Security page §4: row-level security constrains every query to one tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db import connections as databases

from theseller.controls.types import Control, Outcome, verdict
from theseller.controls.world import World
from theseller.crypto.mac import tenant_ticket
from theseller.datamap.registry import holdings
from theseller.datamap.types import DataClass, Holding
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret
from theseller.tenancy.scope import read_session, set_ticket, tenant_scope

CONTROL = Control(
    id="net-tenant-isolation",
    section=4,
    title="One shop's rows do not exist for another",
    statement=(
        "Every table that holds a shop's rows has row security switched on and forced, down to its last partition. A query sees the rows of"
        " the one shop whose signed, short-lived ticket its transaction carries; without a ticket, or with a forged one, there are none."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner="Engineering",
    freshness=timedelta(minutes=30),
    enforced_by=("theseller.tenancy.scope:tenant_scope", "theseller/tenancy/sql/policies.sql", "theseller.tenancy.startup"),
)

#: The only roles that row security does not bind: the probe, which looks at columns without secrets, and the owners of a few functions
#: that name work, or count, and never show data. Nobody can sign in as the latter.
_MAY_BYPASS = {"theseller_probe", "theseller_directory", "theseller_fingerprint"}
#: The connection by which the application reaches what it holds of buyers.
VAULT = "pii"
_DIRECTORY_FUNCTIONS = {
    "tenants_of", "due_streams", "unplanned_connections", "dirty_tenants", "due_purges",
    # Who of the operators looked, and what has to be reviewed: about operators, never about what a shop holds.
    "open_access", "access_sessions", "ended_access", "access_to_review", "refusals_since", "access_views",
    "connections_of_seller", "ended_authorisations", "deletion_requests", "unbegun_requests", "log_of_shop", "aged_tenants", "due_shop_ends",
    # How an end stands, for who has the link; where rows name one person; which of a person's shops nobody else owns.
    "end_by_link", "ends", "shops_of_person", "shops_without_another_owner",
    # Shops with buyers' data that has to go, switched-on features, slips that were asked for: ids only.
    "due_recipients", "open_consents", "open_wishes", "recipients_of_shop",
    # Who of a shop's people looked at the slip of which order: for its owner.
    "slip_looks",
    # How many rows a table holds, and a hash of them: what a restored backup is compared by.
    "fingerprint",
}  # fmt: skip

_TABLES = """
select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped),
       exists (select from aclexplode(c.relacl) g where g.grantee <> c.relowner),
       array(select array[p.polname::text, p.polpermissive::text, p.polcmd::text, p.polroles::text, pg_get_expr(p.polqual, p.polrelid),
                          pg_get_expr(p.polwithcheck, p.polrelid)]
             from pg_policy p where p.polrelid = c.oid order by p.polname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'pii') and c.relkind in ('r', 'p') order by 1
"""
_BYPASSING = """
select r.rolname from pg_roles r
where r.rolname like 'theseller\\_%%' and r.rolname <> 'theseller_super'
  and exists (select from pg_roles s where (s.rolsuper or s.rolbypassrls) and pg_has_role(r.oid, s.oid, 'member'))
   or r.rolbypassrls and not r.rolsuper
"""
_WINDOWS = """
select c.relkind::text || ' ' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('v', 'm', 'f')
union all
select 'function ' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles r on r.oid = p.proowner
where n.nspname in ('public', 'guard', 'pii') and p.prosecdef and (r.rolbypassrls or r.rolsuper) and not p.proname = any(%s)
"""


def probe(world: World) -> Outcome:
    """Read the catalogue of the live database, then try to get in, as the application does."""
    tables = [_Table(*row) for row in world.rows(_TABLES)]
    broken = [problem for table in tables for problem in _unprotected(table)]
    broken += [f"Role {name} is not bound by row security." for (name,) in world.rows(_BYPASSING) if name not in _MAY_BYPASS]
    broken += [f"A window through row security exists: {name}." for (name,) in world.rows(_WINDOWS, [sorted(_DIRECTORY_FUNCTIONS)])]
    tries = list(_break_in(world))
    broken += [problem for _, problem in tries if problem]
    guarded = sum(table.enabled and table.forced for table in tables)
    return verdict(
        guarded + len(tries),
        broken,
        f"Row security is on and forced on {guarded} tables and partitions; {len(tries)} ways in were tried as the application, none let"
        " in.",
        tables_and_partitions=guarded,
        break_ins_tried=len(tries),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What the catalogue says of one table or partition; the fields are the columns of `_TABLES`."""

    name: str
    partition: bool
    enabled: bool
    forced: bool
    has_tenant: bool
    granted: bool
    policies: list[list[str]]


def _unprotected(table: _Table) -> Iterator[str]:
    holding = _covering(table.name)
    if holding is None:
        yield f"Table {table.name} is in no data map, so nobody knows whose rows it holds."
    elif holding.tenant_column is None:
        if table.has_tenant and holding.data_class is not DataClass.EVIDENCE:
            yield f"Table {table.name} names tenants and is not protected."
    else:
        if not table.enabled or not table.forced:
            yield f"Row security is not {'forced' if table.enabled else 'on'} for table {table.name}."
        if table.policies != _expected(holding.tenant_column):
            yield f"The policies of table {table.name} are not the two that the guard makes."
        if table.partition and table.granted:
            yield f"Partition {table.name} is granted to somebody by itself."


def _covering(name: str) -> Holding | None:
    return next((holding for holding in holdings() if holding.covers(name)), None)


def _expected(column: str) -> list[list[str]]:
    """Return the two policies of `tenancy/sql/policies.sql`, as PostgreSQL writes them."""
    ticket = "( SELECT guard.ticket_tenant() AS ticket_tenant)"
    by_ticket = f"({column} = ANY (ARRAY[{ticket}]))"
    each_row = f"\nCASE\n    WHEN ({column} = {ticket}) THEN true\n    ELSE false\nEND"
    return [["tenant", "true", "*", "{0}", by_ticket, by_ticket], ["ticket", "false", "*", "{0}", each_row, each_row]]


def _break_in(world: World) -> Iterator[tuple[str, str]]:
    """Try every wrong scope on every tenant table that the application may read; yield (try, what went wrong or nothing)."""
    for using, ours in ((world.application, False), (VAULT, True)):
        yield from _break_in_as(world, using, [one for one in holdings() if one.table.startswith("pii.") is ours])


def _break_in_as(world: World, using: str, reachable: list[Holding]) -> Iterator[tuple[str, str]]:
    known = world.rows("select tenant_id from connections_connection order by created_at desc limit 1")
    victim = known[0][0] if known else new_id()
    # A shop that has nothing: whatever is seen in its scope is another's.
    own = new_id()
    tables = [(holding.table, holding.tenant_column) for holding in reachable if holding.tenant_column and _readable(using, holding.table)]
    for table, column in tables:
        count = f"select count(*) from (select from {table} where {column} = '{victim}' limit 1000) seen"  # noqa: S608
        for name in ("no scope", "forged ticket"):
            seen = _seen(world, using, count, name, victim)
            yield f"{name} on {table}", f"{seen} row(s) of {table} were seen with {name}." if seen else ""
    with tenant_scope(own, using=using), databases[using].cursor() as cursor:
        for table, _ in tables:
            cursor.execute(f"select count(*) from (select from {table} limit 1000) seen")  # noqa: S608  # the data map's own names
            seen = int(cursor.fetchone()[0])
            yield f"another's scope on {table}", f"{seen} row(s) of {table} were seen from another shop's scope." if seen else ""


def _seen(world: World, using: str, count: str, way: str, victim: UUID) -> int:
    """Count the victim's rows on a connection of the application's. A refusal is what we hope for."""
    try:
        with transaction.atomic(using=using), databases[using].cursor() as cursor:
            if way == "forged ticket":
                session = read_session(databases[using].connection)
                ticket = tenant_ticket(Secret("a guess at the key of this deployment"), victim, session, world.at + timedelta(minutes=1))
                set_ticket(databases[using].connection, ticket)
            cursor.execute(count)
            return int(cursor.fetchone()[0])
    except DatabaseError as refusal:
        # 42501: refused by the guard; anything else is trouble and no proof.
        if getattr(refusal.__cause__, "sqlstate", None) != "42501":
            raise
        return 0


def _readable(using: str, table: str) -> bool:
    with databases[using].cursor() as cursor:
        cursor.execute("select has_table_privilege(%s, 'select')", [table])
        return bool(cursor.fetchone()[0])
