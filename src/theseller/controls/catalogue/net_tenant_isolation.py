"""Security page §4: row-level security limits each query to one tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.controls.probe_tools.cross_tenant_access import (
    PROBE_TABLE,
    attempts,
    connections,
    role_of,
)
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.datamap.grant_statements import cross_tenant_functions
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass, TableDescriptor
from theseller.lib.translation_marks import gettext_noop
from theseller.postgres.function_comparison import (
    compare_functions,
    expected_functions,
    read_functions,
)
from theseller.postgres.privilege_comparison import prepared_by_superuser
from theseller.postgres.role_setup import CROSS_TENANT_ROLES
from theseller.tenancy.database_startup_checks import compares_first
from theseller.tenancy.tenant_ticket_key_installation import key_hash

CONTROL = Control(
    id="net-tenant-isolation",
    section=4,
    title=gettext_noop("One shop's rows do not exist for another"),
    statement=gettext_noop(
        "Every table that holds a shop's rows has row security switched on and forced, down to its"
        " last partition. A query sees the rows of the one shop whose signed, short-lived ticket"
        " its transaction carries; without a ticket, or with a forged one, there are none."
    ),
    citation="Security page §4; Data Protection Policy 1.1",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    compares_schema=True,
    enforced_by=(
        "theseller.tenancy.tenant_scope:tenant_scope",
        "theseller/tenancy/sql/policies.sql",
        "theseller.tenancy.database_startup_checks",
    ),
)

#: The only roles that row security does not bind: the probe, which looks at columns without
#: secrets, and the owners of a few functions that name work, or count, and never show data. No one
#: can sign in as the latter.
_MAY_BYPASS = frozenset(CROSS_TENANT_ROLES)
#: The roles that the policies of a database without a superuser bind
#: (`tenancy/sql/protection_without_superuser.sql`); no other role sees rows there.
_BOUND = (
    *("theseller_auth", "theseller_migrate", "theseller_operator", "theseller_owner"),
    *("theseller_pii", "theseller_retention", "theseller_web", "theseller_worker"),
)
#: Besides those of the table descriptors (`datamap.grant_statements`): counts and hashes of whole
#: tables for the comparison of a restored backup, and, before PostgreSQL 18, a superuser's function
#: that deletes the planner's samples of a table and answers nothing.
_OF_ANY_TABLE = frozenset({"fingerprint", "clear_samples"})

_TABLES = """
select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end,
  c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
       exists (select from pg_attribute a
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped),
       exists (select from aclexplode(c.relacl) g where g.grantee <> c.relowner),
       array(select array[p.polname::text, p.polpermissive::text, p.polcmd::text,
         array_to_string(array(select coalesce(r.rolname::text, 'public')
           from unnest(p.polroles) o left join pg_roles r on r.oid = o order by 1), ' '),
         pg_get_expr(p.polqual, p.polrelid),
                          pg_get_expr(p.polwithcheck, p.polrelid)]
             from pg_policy p where p.polrelid = c.oid order by p.polname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (n.nspname in ('public', 'pii') or n.nspname = 'guard' and c.relname = 'isolation_probe')
  and c.relkind in ('r', 'p') order by 1
"""
_BYPASSING = """
select r.rolname from pg_roles r
where r.rolname like 'theseller\\_%%' and r.rolname <> 'theseller_super'
  and exists (select from pg_roles s where (s.rolsuper or s.rolbypassrls or s.rolname = any(%s))
    and pg_has_role(r.oid, s.oid, 'member'))
   or r.rolbypassrls and not r.rolsuper
"""
_WINDOWS = """
select c.relkind::text || ' ' || c.relname from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('v', 'm', 'f')
union all
select 'function ' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
join pg_roles r on r.oid = p.proowner
where n.nspname in ('public', 'guard', 'pii') and p.prosecdef
  and (r.rolbypassrls or r.rolsuper or r.rolname = any(%s))
  and not p.proname = any(%s)
"""


def probe(context: ProbeContext) -> Outcome:
    """Check policies in the database's catalog, then try to bypass them.

    The attempts use the application's own roles.
    """
    tables = [_Table(*row) for row in context.rows(_TABLES)]
    with context.read_only_cursor() as cursor:
        superuser = prepared_by_superuser(cursor)
    failures = [problem for table in tables for problem in _unprotected(table, superuser=superuser)]
    failures += [
        f"Role {name} is not bound by row security."
        for (name,) in context.rows(_BYPASSING, [sorted(_MAY_BYPASS)])
        if name not in _MAY_BYPASS | set(settings.ENVIRONMENT.database_administrators)
    ]
    failures += [
        f"A window through row security exists: {name}."
        for (name,) in context.rows(_WINDOWS, [sorted(_MAY_BYPASS), sorted(reviewed_bypasses())])
    ]
    failures += list(_changed_functions(context, superuser=superuser))
    failures += list(_unknown_keys(context))
    failures += list(_late_comparison(context))
    tries = list(attempts(context, _victim(context)))
    failures += [one.problem for one in tries if one.problem]
    guarded = sum(table.enabled and table.forced for table in tables)
    roles = [role_of(using) for using in connections(context)]
    blind = [one.blind for one in tries if one.blind]
    if blind and not failures:
        return Unknown(blind[0])
    return verdict(
        len(tries),
        failures,
        f"Row security is on and forced on {guarded} tables and partitions; {len(tries)} attempts"
        f" to reach a row of another shop were made as {', '.join(roles)}, by every verb and with"
        " values changed in the middle of a statement, and none reached one. Two rows of no shop"
        " were there in each run: one that the ticket shows, and one that it does not. Every"
        " function of the database is the reviewed one.",
        tables_and_partitions=guarded,
        attempts=len(tries),
        roles=roles,
    )


def reviewed_bypasses() -> frozenset[str]:
    """Return the functions that may run without row security.

    They run as a role that row security does not bind.
    """
    return cross_tenant_functions() | _OF_ANY_TABLE


def _victim(context: ProbeContext) -> UUID | None:
    """Return the shop with the most connections, None if there is no shop.

    Of several, the newest.
    """
    found = context.rows(
        "select t.id from tenancy_tenant t left join connections_connection c on c.tenant_id = t.id"
        " group by t.id order by count(c.id) desc, t.id desc limit 1"
    )
    return found[0][0] if found else None


def _changed_functions(context: ProbeContext, *, superuser: bool) -> Iterator[str]:
    version = context.number("select current_setting('server_version_num')::int")
    with context.read_only_cursor() as cursor:
        difference = compare_functions(
            read_functions(cursor), expected_functions(server_version=version, superuser=superuser)
        )
    for name in difference.extra:
        yield f"Function {name} is not the reviewed one."
    for name in difference.missing:
        yield f"Function {name} is missing."


def _unknown_keys(context: ProbeContext) -> Iterator[str]:
    """Yield a finding if tickets of unknown keys are accepted.

    A ticket is accepted under the key that the application signs with and, during its rotation,
    under one more.
    """
    name = "tenant-ticket-key"
    ours = {
        key_hash(one)
        for suffix in ("", NEXT_SUFFIX, PREVIOUS_SUFFIX)
        if (one := secret_or_none(settings.SECRETS, name + suffix)) is not None
    }
    accepted = {str(row[0]) for row in context.rows("select guard.ticket_key_hashes()")}
    rotating = context.number(
        "select count(*) from governance_rotation where secret = %s and finished_at is null", [name]
    )
    if len(accepted - ours) > (1 if rotating else 0):
        yield f"{len(accepted - ours)} key(s) sign accepted tickets that are not this deployment's."
    if not accepted & ours:
        yield "No key of this deployment signs accepted tickets."


def _late_comparison(context: ProbeContext) -> Iterator[str]:
    """Yield a finding if conditions may be evaluated before the policies.

    Conditions without cost for the planner may, unless the policies' comparison has no cost either,
    or, in a database without a superuser, the policies have another form.
    """
    with databases[context.application].cursor() as cursor:
        if not compares_first(cursor):
            yield (
                "The comparison with the ticket costs the planner something, so a condition of the"
                " statement may be evaluated before it."
            )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table or partition in the catalog.

    The fields are the columns of `_TABLES`.
    """

    name: str
    partition: bool
    enabled: bool
    forced: bool
    has_tenant: bool
    granted: bool
    policies: list[list[str]]


def _unprotected(table: _Table, *, superuser: bool) -> Iterator[str]:
    descriptor = _covering(table.name)
    column = (
        "tenant_id"
        if table.name == PROBE_TABLE
        else descriptor.tenant_column
        if descriptor
        else None
    )
    if descriptor is None and column is None:
        yield f"Table {table.name} is in no data map, so the owner of its rows is unknown."
    elif descriptor is not None and column is None:
        if table.has_tenant and descriptor.data_class is not DataClass.EVIDENCE:
            yield f"Table {table.name} names tenants and is not protected."
    else:
        if not table.enabled or not table.forced:
            yield (
                f"Row security is not {'forced' if table.enabled else 'on'} for table {table.name}."
            )
        if table.policies != _expected(column or "", superuser=superuser):
            yield f"The policies of table {table.name} are not those that the guard makes."
        if table.partition and table.granted:
            yield f"Partition {table.name} has grants of its own."


def _covering(name: str) -> TableDescriptor | None:
    return next((descriptor for descriptor in descriptors() if descriptor.covers(name)), None)


def _expected(column: str, *, superuser: bool) -> list[list[str]]:
    """Return the policies of `guard.protect`, as PostgreSQL prints them.

    `superuser`: one prepared the database.
    """
    ticket = "( SELECT guard.ticket_tenant() AS ticket_tenant)"
    by_ticket = f"({column} = ANY (ARRAY[{ticket}]))"
    if superuser:
        each_row = f"\nCASE\n    WHEN ({column} = {ticket}) THEN true\n    ELSE false\nEND"
        return [
            ["tenant", "true", "*", "public", by_ticket, by_ticket],
            ["ticket", "false", "*", "public", each_row, each_row],
        ]
    keys = f"JSON_OBJECT({column} : 1, {ticket} : 1 RETURNING json)"
    distinct = f"(NOT ({keys} IS JSON WITH UNIQUE KEYS))"
    return [
        ["across", "true", "*", " ".join(sorted(_MAY_BYPASS)), "true", "true"],
        ["tenant", "true", "*", " ".join(_BOUND), by_ticket, by_ticket],
        ["ticket", "false", "*", " ".join(_BOUND), distinct, distinct],
    ]
