"""Damages two real backups in every way that an attacker at the target can, one at a time.

Each is then drilled and restored.

Run in the worker's role with two numbers, Django being ready: of the damages to one object by
itself, which are many of few kinds, one in so many is tried; of each kind of the others, one in as
many as the second number. Prints one line of JSON for each damage: what
it was, what the drill said, what the restore said. An empty saying means that it was not noticed.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from django.conf import settings

from theseller.backups import manifest_format as manifests
from theseller.backups.backup_configuration import BackupContext, backup_context
from theseller.backups.migration_and_erasure_replay import replay_in_quarantine
from theseller.backups.operations import keep_wal, read_manifest, take
from theseller.backups.restore import FOLDER, restore
from theseller.backups.restore_drill import drill
from theseller.backups.sealed_objects import keep, place_of
from theseller.backups.types import BackupError, Fingerprint, Manifest
from theseller.crypto.seal_stream import CHUNK_BYTES, HEADER_BYTES
from theseller.lib import clock
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.swap_data_dir import swap_pending
from theseller.retention.readable_backups import readable_backup_keys

#: One chunk as it lies at the target: the plaintext and its tag of 16 bytes.
SEALED = CHUNK_BYTES + 16
STATE: Path = settings.ENVIRONMENT.state


class UnnoticedError(BaseException):
    """The restore got as far as a running database."""


@dataclass(frozen=True, slots=True)
class Damage:
    """`act` damages the folder of the target.

    `drilled`: the backup's own moment is affected, so that the drill must notice too.

    `elsewhere`: restored on a machine that has nothing of the former database, from whose WAL the
    missing would be filled in.
    """

    name: str
    backup: UUID
    act: Callable[[Path], object]
    drilled: bool = True
    elsewhere: bool = False


def _archived(place: BackupContext, count: int) -> None:
    """Have WAL of later than the backup kept with it."""
    source = place.source
    for number in range(count):
        segment = source.current_segment()
        restore_point = f"select pg_create_restore_point('later-{number}')::text"
        source._ask(restore_point)  # type: ignore[attr-defined]
        source._ask("select pg_switch_wal()::text")  # type: ignore[attr-defined]
        while not (source.archive / segment).exists():
            time.sleep(0.05)
    keep_wal(place)


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return act


def _flip(at: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[at] ^= 1 << (abs(at) % 8)
        return bytes(changed)

    return change


def _swap_chunks(content: bytes) -> bytes:
    head, first = content[:HEADER_BYTES], content[HEADER_BYTES : HEADER_BYTES + SEALED]
    second, rest = (
        content[HEADER_BYTES + SEALED : HEADER_BYTES + 2 * SEALED],
        content[HEADER_BYTES + 2 * SEALED :],
    )
    return head + second + first + rest


def _without_chunk(content: bytes) -> bytes:
    return content[:HEADER_BYTES] + content[HEADER_BYTES + SEALED :]


def _twice(content: bytes) -> bytes:
    return content[: HEADER_BYTES + SEALED] + content[HEADER_BYTES:]


def _exchange(one: str, other: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)

    return act


def _put(source: str, target: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / target).parent.mkdir(exist_ok=True)
        shutil.copy(folder / source, folder / target)

    return act


def _within(backup: UUID, name: str, content: bytes, *, drilled: bool) -> Iterator[Damage]:
    """Yield what can be done to one object by itself."""
    where, size = f"{backup.hex}/{name}", len(content)
    flips = {
        "in the magic": 0, "in the version": 4, "in the key's id": 9, "in the salt": 30,
        "in the commitment": 60, "in the first byte sealed": HEADER_BYTES,
        "in the middle": (HEADER_BYTES + size) // 2, "in the last tag": size - 1,
    }  # fmt: skip
    for result, at in flips.items():
        yield Damage(f"{name}: a bit flipped {result}", backup, _edit(where, _flip(at)), drilled)
    cuts = {
        "to nothing": 0,
        "in the header": HEADER_BYTES - 1,
        "after the header": HEADER_BYTES,
        "by one byte": size - 1,
    }
    if size > HEADER_BYTES + SEALED:
        cuts["at a chunk's end"] = HEADER_BYTES + SEALED
        yield Damage(f"{name}: two chunks swapped", backup, _edit(where, _swap_chunks), drilled)
        yield Damage(f"{name}: a chunk left out", backup, _edit(where, _without_chunk), drilled)
        yield Damage(f"{name}: a chunk repeated", backup, _edit(where, _twice), drilled)
    for result, length in cuts.items():
        yield Damage(
            f"{name}: cut {result}",
            backup,
            _edit(where, lambda content, length=length: content[:length]),  # type: ignore[misc]
            drilled,
        )
    yield Damage(
        f"{name}: a byte added", backup, _edit(where, lambda content: content + b"\0"), drilled
    )
    yield Damage(
        f"{name}: itself added", backup, _edit(where, lambda content: content + content), drilled
    )
    yield Damage(f"{name}: missing", backup, lambda folder: (folder / where).unlink(), drilled)


def _between(old: UUID, new: UUID) -> Iterator[Damage]:
    """Yield what can be done with two objects, or two backups."""
    described = read_manifest(backup_context(), new)
    own = next(name for name in described.objects if name.startswith("wal/"))
    old_own = next(
        name for name in read_manifest(backup_context(), old).objects if name.startswith("wal/")
    )
    here, there = new.hex, old.hex
    yield Damage("base and manifest swapped", new, _exchange(f"{here}/base", f"{here}/manifest"))
    yield Damage("base and its WAL swapped", new, _exchange(f"{here}/base", f"{here}/{own}"))
    yield Damage(
        "the bases of two backups swapped", new, _exchange(f"{here}/base", f"{there}/base")
    )
    yield Damage(
        "the older one's base, its own WAL and manifest", new, _put(f"{there}/base", f"{here}/base")
    )
    yield Damage(
        "the manifests of two backups swapped",
        new,
        _exchange(f"{here}/manifest", f"{there}/manifest"),
    )
    yield Damage(
        "the manifest of an older backup", new, _put(f"{there}/manifest", f"{here}/manifest")
    )
    yield Damage(
        "the older one's base and manifest, this one's WAL",
        new,
        lambda target: [
            _put(f"{there}/{name}", f"{here}/{name}")(target) for name in ("base", "manifest")
        ],
    )
    yield Damage(
        "another backup's WAL under the name of its own",
        new,
        _put(f"{there}/{old_own}", f"{here}/{own}"),
    )
    yield Damage(
        "its folder renamed to an unknown one",
        new,
        lambda target: shutil.move(target / here, target / ("0" * 32)),
    )
    yield Damage(
        "its folder renamed to another backup's",
        new,
        lambda target: (
            shutil.move(target / there, target / "aside"),
            shutil.move(target / here, target / there),
        ),
    )
    yield Damage("the folders of two backups swapped", new, lambda target: (
        shutil.move(target / there, target / "aside"), shutil.move(target / here, target / there),
        shutil.move(target / "aside", target / here)))  # fmt: skip


def _of_its_wal(folder: Path, new: UUID) -> Iterator[Damage]:
    """Yield what can be done with the WAL of one backup."""
    described = read_manifest(backup_context(), new)
    own = next(name for name in described.objects if name.startswith("wal/"))
    here = new.hex
    later = sorted(
        path.name
        for path in (folder / here / "wal").iterdir()
        if path.name > described.last_segment
    )
    yield Damage("all of its WAL missing", new, lambda target: shutil.rmtree(target / here / "wal"))
    yield Damage(
        "later WAL: one missing in the middle",
        new,
        lambda target: (target / here / "wal" / later[1]).unlink(),
        drilled=False,
        elsewhere=True,
    )
    yield Damage(
        "later WAL: two swapped",
        new,
        _exchange(f"{here}/wal/{later[0]}", f"{here}/wal/{later[1]}"),
        drilled=False,
    )
    other = "00000007" + later[0][8:]
    yield Damage(
        "WAL: one of another timeline in its place",
        new,
        lambda target: shutil.move(
            target / here / "wal" / later[0],
            target / here / "wal" / other,
        ),
        drilled=False,
    )
    yield Damage("WAL: its own renamed to another timeline", new, lambda target: shutil.move(
        target / here / own, target / here / ("wal/00000007" + own[12:])))  # fmt: skip


def _resealed(place: BackupContext, described: Manifest) -> Callable[[Path], None]:
    """Seal a changed manifest with the real key.

    A fault of ours, or of a disk before the sealing, makes one.
    """
    entry = next(
        one for one in readable_backup_keys(place.keys) if one.owner == f"backup:{described.id}"
    )
    key = place.keys.get(entry.id)

    def act(_folder: Path) -> None:
        keep(
            place.target,
            key,
            place_of(described.id, "manifest", place.environment),
            [manifests.encode(described)],
        )

    return act


def _by_the_holder_of_the_key(place: BackupContext, new: UUID) -> Iterator[Damage]:
    described = read_manifest(place, new)
    entry = next(one for one in readable_backup_keys(place.keys) if one.owner == f"backup:{new}")
    key = place.keys.get(entry.id)
    own = next(name for name in described.objects if name.startswith("wal/"))
    less = {name: digest for name, digest in described.objects.items() if name != own}
    major = str(int(described.postgres.split(".")[0]) - 1) + ".1"

    def _no_tar(folder: Path) -> None:
        made = keep(place.target, key, place_of(new, "base", place.environment), [b"no tar" * 200])
        _resealed(place, replace(described, objects={**described.objects, "base": made.sha256}))(
            folder
        )

    yield Damage(
        "manifest: names another PostgreSQL",
        new,
        _resealed(place, replace(described, postgres=major)),
    )
    yield Damage("manifest: names no WAL", new, _resealed(place, replace(described, objects=less)))
    yield Damage(
        "manifest: is another environment's",
        new,
        _resealed(place, replace(described, environment="staging")),
    )
    yield Damage(
        "base: an earlier one, sealed for the same place",
        new,
        lambda _folder: keep(
            place.target,
            key,
            place_of(new, "base", place.environment),
            [b"an earlier one"],
        ),
    )
    yield Damage("base: no tar at all, and the manifest says so", new, _no_tar)


def _found_by_recovery(place: BackupContext, new: UUID) -> Iterator[Damage]:
    """Yield what can be noticed only by running the restored database: the drill's own matter."""
    described = read_manifest(place, new)
    name, one = max(described.tables.items(), key=lambda item: item[1].rows)
    yield Damage(
        "tables: one row less than there was",
        new,
        _resealed(
            place,
            replace(
                described, tables={**described.tables, name: Fingerprint(one.rows - 1, one.total)}
            ),
        ),
    )
    yield Damage(
        "tables: the same number of rows, other values",
        new,
        _resealed(
            place,
            replace(
                described, tables={**described.tables, name: Fingerprint(one.rows, one.total + "1")}
            ),
        ),
    )
    yield Damage(
        "WAL: never reaches the moment",
        new,
        _resealed(place, replace(described, restore_point="theseller-nowhere")),
    )


def _drilled(place: BackupContext, damage: Damage) -> str:
    found = drill(
        place,
        damage.backup,
        STATE / "drill",
        replay=replay_in_quarantine,
        at=clock.now(),
        now=clock.now,
    )
    return "; ".join(found.faults)


def _restored(place: BackupContext, damage: Damage) -> str:
    def watch(step: str) -> None:
        if step == "recovered":
            raise UnnoticedError

    data = saved_layout(STATE)
    assert data is not None
    before = data.data.stat().st_ino
    try:
        wanted, password = str(damage.backup), settings.SECRETS.get("db-superuser")
        watched = replace(place, reached=watch)
        restore(
            watched,
            STATE / "elsewhere" if damage.elsewhere else STATE,
            wanted,
            until=None,
            allow_wal_gap=False,
            superuser_password=password,
        )
    except BackupError as error:
        assert not swap_pending(STATE), "a refused restore left the note of an exchange"
        assert not (STATE / FOLDER).exists(), "a refused restore left its quarantine"
        assert data.data.stat().st_ino == before, "a refused restore replaced the database"
        return str(error)
    except UnnoticedError:
        return ""
    raise AssertionError("the restore went all the way")


def _try(place: BackupContext, folder: Path, damage: Damage, *, restored: bool = True) -> None:
    whole = folder.with_name("whole")
    shutil.rmtree(folder)
    shutil.copytree(whole, folder)
    damage.act(folder)
    said = {"damage": damage.name, "drill": _drilled(place, damage) if damage.drilled else None}
    said["restore"] = _restored(place, damage) if restored else None
    sys.stdout.write(json.dumps(said) + "\n")


def main() -> None:
    place = backup_context()
    folder = Path(place.target.title)
    old = take(place, now=clock.now).id
    _archived(place, 2)
    new = take(place, now=clock.now).id
    _archived(place, 3)
    shutil.copytree(folder, folder.with_name("whole"))
    described = read_manifest(place, new)
    own = min(name for name in described.objects if name.startswith("wal/"))
    last = "wal/" + max(path.name for path in (folder / new.hex / "wal").iterdir())
    within: list[Damage] = []
    for name in ("manifest", "base", own, last):
        within += _within(new, name, (folder / new.hex / name).read_bytes(), drilled=name != last)
    # That the newest WAL is missing can't be seen: it looks like a backup from before it. The audit
    # log's copy shows it.
    within = [one for one in within if one.name != f"{last}: missing"]
    damages = [
        *within[:: int(sys.argv[1])],
        *list(_between(old, new))[:: int(sys.argv[2])],
        *list(_of_its_wal(folder, new))[:: int(sys.argv[2])],
        *list(_by_the_holder_of_the_key(place, new))[:: int(sys.argv[2])],
    ]
    for_the_drill = list(_found_by_recovery(place, new))
    for damage in damages:
        _try(place, folder, damage)
    for damage in for_the_drill:
        _try(place, folder, damage, restored=False)
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("whole"), folder)
    said = _drilled(place, Damage("none", new, lambda _folder: None))
    assert said == "", f"the backup is refused without any damage: {said}"


if __name__ == "__main__":
    main()
