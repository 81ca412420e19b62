"""A database's schema as lines of text that can be compared.

Every object of ours with its definition, owner and rights.

The months of facts are left out of names and bounds (`_2026_11` is `_MONTH`), and an object of each
month is one line: how many months a database has depends on when it was migrated, what each of them
is must not.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg

_SCHEMAS = "n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"
_ACL = (
    "(select string_agg(coalesce(r.rolname, 'public') || '=' || a.privilege_type || case when"
    " a.is_grantable then '*' else '' end, ',' order by coalesce(r.rolname, 'public'),"
    " a.privilege_type) from aclexplode({acl}) a left join pg_roles r on r.oid = a.grantee)"
)
# No list of rights means the built-in ones.
_OF_SCHEMA = _ACL.format(acl="coalesce(n.nspacl, acldefault('n', n.nspowner))")
_OF_FUNCTION = _ACL.format(acl="coalesce(p.proacl, acldefault('f', p.proowner))")
_OF_TYPE = _ACL.format(acl="coalesce(t.typacl, acldefault('T', t.typowner))")
_OF_RELATION = _ACL.format(
    acl=(
        "coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::\"char\","
        " c.relowner))"
    )
)
_OF_COLUMN, _OF_DEFAULT = _ACL.format(acl="a.attacl"), _ACL.format(acl="d.defaclacl")
#: One query for each kind of object; each yields a name and a definition.
QUERIES = {
    "schema": (
        f"select n.nspname, concat_ws(' | ', pg_get_userbyid(n.nspowner), {_OF_SCHEMA}) from"
        f" pg_namespace n where {_SCHEMAS}"
    ),
    "relation": (
        "select c.oid::regclass, concat_ws(' | ', c.relkind, c.relpersistence,"
        " pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity, c.reloptions,"
        f" pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), {_OF_RELATION}, (select"
        " string_agg(i.inhparent::regclass::text, ',') from pg_inherits i where i.inhrelid ="
        " c.oid), case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end) from pg_class"
        f" c join pg_namespace n on n.oid = c.relnamespace where {_SCHEMAS} and c.relkind <> 'i'"
        " and c.relkind <> 'I'"
    ),
    "column": (
        "select a.attrelid::regclass || '.' || row_number() over (partition by a.attrelid order by"
        " a.attnum), concat_ws(' | ', a.attname, format_type(a.atttypid, a.atttypmod),"
        " a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, a.attstorage,"
        f" nullif(a.attstattarget, -1), pg_get_expr(d.adbin, d.adrelid), {_OF_COLUMN}) from"
        " pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid ="
        " c.relnamespace left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
        f" where {_SCHEMAS} and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p',"
        " 'v', 'm')"
    ),
    "constraint": (
        "select coalesce(k.conrelid::regclass::text, '') || '.' || k.conname, concat_ws(' | ',"
        " k.contype, k.convalidated, pg_get_constraintdef(k.oid)) from pg_constraint k join"
        f" pg_namespace n on n.oid = k.connamespace where {_SCHEMAS}"
    ),
    "index": (
        "select c.oid::regclass, concat_ws(' | ', i.indisvalid, i.indisunique, i.indisreplident,"
        " pg_get_indexdef(c.oid)) from pg_index i join pg_class c on c.oid = i.indexrelid join"
        f" pg_namespace n on n.oid = c.relnamespace where {_SCHEMAS}"
    ),
    "policy": (
        "select p.polrelid::regclass || '.' || p.polname, concat_ws(' | ', p.polcmd,"
        " p.polpermissive, (select string_agg(coalesce(r.rolname, 'public'), ',' order by"
        " r.rolname) from unnest(p.polroles) m left join pg_roles r on r.oid = m),"
        " pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) from"
        " pg_policy p"
    ),
    "trigger": (
        "select t.tgrelid::regclass || '.' || t.tgname, concat_ws(' | ', t.tgenabled,"
        " pg_get_triggerdef(t.oid)) from pg_trigger t where not t.tgisinternal"
    ),
    "function": (
        "select p.oid::regprocedure, concat_ws(' | ', pg_get_userbyid(p.proowner),"
        f" pg_get_functiondef(p.oid), {_OF_FUNCTION}) from pg_proc p join pg_namespace n on n.oid ="
        f" p.pronamespace where {_SCHEMAS} and p.prokind <> 'a'"
    ),
    "type": (
        "select t.oid::regtype, concat_ws(' | ', t.typtype, pg_get_userbyid(t.typowner), (select"
        " string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid ="
        f" t.oid), {_OF_TYPE}) from pg_type t join pg_namespace n on n.oid = t.typnamespace where"
        f" {_SCHEMAS} and t.typtype in ('e', 'd', 'r', 'm')"
    ),
    "sequence": (
        "select s.seqrelid::regclass, concat_ws(' | ', s.seqtypid::regtype, s.seqstart,"
        " s.seqincrement, s.seqmax, s.seqmin, s.seqcycle) from pg_sequence s"
    ),
    "extension": "select extname, extversion from pg_extension",
    "event trigger": (
        "select evtname, concat_ws(' | ', evtevent, evtenabled, evtfoid::regprocedure) from"
        " pg_event_trigger"
    ),
    "default right": (
        "select concat_ws('.', pg_get_userbyid(d.defaclrole), d.defaclnamespace::regnamespace,"
        f" d.defaclobjtype), {_OF_DEFAULT} from pg_default_acl d"
    ),
    "comment": (
        "select pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description from"
        " pg_description d where d.objoid >= 16384"
    ),
}
_MONTH = re.compile(r"(?<=_)20\d\d_?\d\d(?!\d)")
_BOUNDS = re.compile(r"FROM \('20\d\d-\d\d-\d\d'\) TO \('20\d\d-\d\d-\d\d'\)")


def schema_of(dsn: str) -> set[str]:
    """Return one line for each object of the database of `dsn`, which is a superuser's."""
    with psycopg.connect(dsn) as connection:
        return {
            _line(kind, name, definition)
            for kind, query in QUERIES.items()
            for name, definition in _rows(connection, query)
        }


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[str, str]]:
    return [
        (str(name), str(definition))
        for name, definition in connection.execute(
            f"select x::text, y::text from ({query}) q(x, y)"
        )
    ]


def _line(kind: str, name: str, definition: str) -> str:
    return _BOUNDS.sub(
        "FROM ('MONTH') TO ('MONTH')", _MONTH.sub("MONTH", f"{kind} {name}: {definition}")
    )
