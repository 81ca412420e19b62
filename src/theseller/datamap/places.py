"""What rests outside the tables: the places of the state folder, and the guard's own tables, each with its class, its life and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from theseller.datamap.types import DataClass

#: A file as another program lays it out, or a whole copy of the database.
_ANY = r".*"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What every folder of ours may have: the lock of who writes there, and what a writer has not finished.
_OURS = r"([a-z_]+/)*(\.lock|\.writing-[0-9a-f]{16})"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry at the top of the state folder. `retention` says how long, `eraser` how it goes, `owner` whose room writes it, `files`
    how the files in it are called, as a regular expression of their whole path below it; "" for an entry that is a file itself.
    """

    name: str
    data_class: DataClass
    owner: str
    retention: str
    eraser: str
    files: str

    def covers(self, path: str) -> bool:
        """Say whether a file of this path below the place is one of those that belong there."""
        return re.fullmatch(f"{self.files}|{_OURS}", path) is not None


PLACES: tuple[Place, ...] = (
    Place(".theseller-state", DataClass.NONE, "cli", "with the deployment", "nothing: the mark that this is a state folder", ""),
    Place(
        "audit",
        DataClass.EVIDENCE,
        "audit",
        "as long as the audit log",
        "nothing: copies of signed digests, and acts without a database",
        "acts|checkpoints",
    ),
    Place(
        "backups",
        DataClass.SELLER_FACTS,
        "retention",
        "28 days, 90 at most",
        "the backup's key, then its files",
        r"[0-9a-f]{32}/(base|manifest|wal/[0-9A-Z.]+|(wal/)?\.writing-[0-9a-f]{16})",
    ),
    Place("drill", DataClass.SELLER_FACTS, "retention", "while a drill runs", "the drill, which removes its scratch database", _ANY),
    Place("emulator", DataClass.NONE, "emulator", "with the demo", "`theseller demo-reset`", _ANY),
    Place(
        "erasures",
        DataClass.EVIDENCE,
        "retention",
        "with the deployment",
        "nothing: ids of what must stay erased after a restore",
        rf"((shops|people)/)?{_UUID}\.json",
    ),
    Place(
        "keys",
        DataClass.CREDENTIALS,
        "crypto",
        "life-token-now",
        "destroyed with what it seals; a tombstone stays",
        rf"(data|destroyed|purpose/[a-z_]+)/{_UUID}\.json",
    ),
    Place(
        "log",
        DataClass.OPERATIONAL,
        "config",
        "as the deployment rotates it",
        "rotation; nothing of a payload is in it",
        r"[a-z][a-z-]*\.log([.-][0-9]+)?(\.gz)?",
    ),
    Place("lost+found", DataClass.NONE, "the file system", "with the disk", "nothing: a disk mounted here has it", _ANY),
    Place("postgres", DataClass.SELLER_FACTS, "postgres", "as each table says", "the tables' own erasers", _ANY),
    Place("processes", DataClass.OPERATIONAL, "cli", "while a process runs", "the process", r"lock|demo\.json|[a-z-]+\.pid"),
    Place("restore", DataClass.SELLER_FACTS, "retention", "while a restore runs", "the restore", _ANY),
    Place("run", DataClass.OPERATIONAL, "postgres", "while the server runs", "the server: sockets", r"\.s\.PGSQL\.[0-9]+(\.lock)?"),
    Place("secrets", DataClass.CREDENTIALS, "crypto", "cred-rotation", "replaced by `theseller rotate`", r"[a-z][a-z0-9-]*"),
    Place("static", DataClass.NONE, "edge", "with the version", "the next version's", _ANY),
)
#: What the guard's own schema holds: which environment this database is, and the keys that prove a tenant's ticket. Nobody's data.
GUARD_RELATIONS = frozenset({"deployment", "ticket_key"})


def unregistered_places(names: frozenset[str]) -> tuple[str, ...]:
    """Return those of `names`, entries of the state folder, that no place is registered for."""
    return tuple(sorted(names - {place.name for place in PLACES}))


def unregistered_files(place: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of `paths`, files below one registered place, that don't belong there."""
    found = next(one for one in PLACES if one.name == place)
    return tuple(sorted(path for path in paths if not found.covers(path)))


def looked_into() -> frozenset[str]:
    """Return the places whose files are ours alone to name; the others hold what another program lays out."""
    return frozenset(place.name for place in PLACES if place.files not in {"", _ANY})
