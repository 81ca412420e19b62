"""What rests in the live database or the state folder and stands in no data map: nobody would erase it, and nobody would know of it."""

from __future__ import annotations

from collections.abc import Iterator

from theseller.controls.world import World
from theseller.datamap.places import GUARD_RELATIONS, unregistered_places
from theseller.datamap.registry import differences

#: Everything that stores rows or a state, in every schema; an index and a sequence belong to the table that they are of.
_RELATIONS = """
select n.nspname, c.relname, c.relkind::text, owner.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_depend d on c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
    and d.refclassid = 'pg_class'::regclass
left join pg_class owner on owner.oid = d.refobjid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'm', 'f', 'v', 'S')
"""
_KINDS = {"m": "materialised view", "f": "foreign table", "v": "view", "S": "sequence"}


def unregistered(world: World) -> Iterator[str]:
    """Yield a finding for each relation of the live database, and each entry of the state folder, that nobody has registered."""
    tables: set[str] = set()
    for schema, name, kind, owner in world.rows(_RELATIONS):
        if kind in {"r", "p"} and schema == "public":
            tables.add(name)
        elif kind == "S" and owner is not None:
            continue
        elif not (schema == "guard" and kind in {"r", "S"} and name in GUARD_RELATIONS):
            yield f"The {_KINDS.get(kind, 'table')} {schema}.{name} stands in no data map."
    found = differences(tables)
    yield from (f"Table {name} stands in no data map." for name in found.unregistered)
    yield from (f"Table {name} stands in the data map and not in the database." for name in found.missing)
    entries = frozenset(path.name for path in world.state.iterdir()) if world.state.is_dir() else frozenset()
    yield from (f"The state folder has an entry that stands in no data map: {name}." for name in unregistered_places(entries))
