"""What rests outside the tables: the places of the state folder, and the guard's own tables, each with its class, its life and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from theseller.datamap.types import DataClass


@dataclass(frozen=True, slots=True)
class Place:
    """One entry at the top of the state folder. `retention` says how long, `eraser` how it goes, `owner` whose room writes it."""

    name: str
    data_class: DataClass
    owner: str
    retention: str
    eraser: str


PLACES: tuple[Place, ...] = (
    Place(".theseller-state", DataClass.NONE, "cli", "with the deployment", "nothing: the mark that this is a state folder"),
    Place(
        "audit", DataClass.EVIDENCE, "audit", "as long as the audit log", "nothing: copies of signed digests, and acts without a database"
    ),
    Place("backups", DataClass.SELLER_FACTS, "retention", "28 days, 90 at most", "the backup's key, then its files"),
    Place("drill", DataClass.SELLER_FACTS, "retention", "while a drill runs", "the drill, which removes its scratch database"),
    Place("emulator", DataClass.NONE, "emulator", "with the demo", "`theseller demo-reset`"),
    Place("erasures", DataClass.EVIDENCE, "retention", "with the deployment", "nothing: ids of what must stay erased after a restore"),
    Place("keys", DataClass.CREDENTIALS, "crypto", "life-token-now", "destroyed with what it seals; a tombstone stays"),
    Place("log", DataClass.OPERATIONAL, "config", "as the deployment rotates it", "rotation; nothing of a payload is in it"),
    Place("lost+found", DataClass.NONE, "the file system", "with the disk", "nothing: a disk mounted here has it"),
    Place("postgres", DataClass.SELLER_FACTS, "postgres", "as each table says", "the tables' own erasers"),
    Place("processes", DataClass.OPERATIONAL, "cli", "while a process runs", "the process"),
    Place("restore", DataClass.SELLER_FACTS, "retention", "while a restore runs", "the restore"),
    Place("run", DataClass.OPERATIONAL, "postgres", "while the server runs", "the server: sockets"),
    Place("secrets", DataClass.CREDENTIALS, "crypto", "cred-rotation", "replaced by `theseller rotate`"),
    Place("static", DataClass.NONE, "edge", "with the version", "the next version's"),
)
#: What the guard's own schema holds: which environment this database is, the keys that prove a tenant's ticket, and the sequence of the log's
#: lines. Nobody's data.
GUARD_RELATIONS = frozenset({"audit_position", "deployment", "ticket_key"})


def unregistered_places(names: frozenset[str]) -> tuple[str, ...]:
    """Return those of `names`, entries of the state folder, that no place is registered for."""
    return tuple(sorted(names - {place.name for place in PLACES}))
