"""The places of the state folder: complete words, and what is in none of them is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from theseller.backups.sealed_objects import keep, place_of
from theseller.backups.storage_targets import DirectoryTarget
from theseller.backups.wal_backup import finished, keep_segment
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_types import Purpose, new_data_key
from theseller.datamap.state_folder_and_guard_tables import (
    STATE_ENTRIES,
    fully_listed_entries,
    unregistered_entries,
    unregistered_files,
)
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.lib.state_file_names import new_mark_name, unfinished_name
from theseller.postgres.os_processes import ProcessMark


def test_every_state_entry_has_owner_retention_and_eraser() -> None:
    assert len({place.name for place in STATE_ENTRIES}) == len(STATE_ENTRIES)
    for place in STATE_ENTRIES:
        assert all(
            word.strip() for word in (place.name, place.owner, place.retention, place.eraser)
        )


def test_unregistered_files_are_named() -> None:
    known = frozenset(place.name for place in STATE_ENTRIES)
    assert unregistered_entries(known) == ()
    assert unregistered_entries(known | {"exports", "a"}) == ("a", "exports")


def test_a_file_belongs_to_its_place_or_is_named() -> None:
    key = "data/01890000-0000-7000-8000-000000000000.json"
    assert unregistered_files("keys",
        [key, "data/.lock", "purpose/pii/.writing-0123456789abcdef", "data/notes.json",
            key + ".bak"]) == (
        key + ".bak", "data/notes.json",
    )  # fmt: skip
    assert "postgres" not in fully_listed_entries()
    assert {"keys", "secrets", "erasures", "audit", "backups"} <= fully_listed_entries()


#: One of each kind of file that PostgreSQL 15 to 18 puts into its archive.
ARCHIVED = (
    "000000010000000000000004",
    "000000010000000000000004.000032D8.backup",
    "00000002.history",
)


def _below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_every_file_that_a_backup_keeps_is_registered(tmp_path: Path) -> None:
    archive, key, backup = tmp_path / "archive", new_data_key(Purpose.BACKUP), new_id()
    archive.mkdir()
    for name in ARCHIVED:
        (archive / name).write_bytes(b"log")
    target = DirectoryTarget(tmp_path / "backups")
    assert finished(archive) == tuple(sorted(ARCHIVED))
    for name in finished(archive):
        keep_segment(archive, name, backup, target=target, key=key, environment="test")
    for name in ("base", "manifest"):
        keep(target, key, place_of(backup, name, "test"), [b"content"])
    stored = _below(tmp_path / "backups")
    assert len(stored) == len(ARCHIVED) + 2
    assert unregistered_files("backups", stored) == ()


@pytest.mark.parametrize(
    "name", ["notes", "wal/notes", "wal/000000010000000000000004.partial", "base.old"]
)
def test_a_backup_keeps_no_file_that_is_not_registered(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="holds no object"):
        keep(
            DirectoryTarget(tmp_path),
            new_data_key(Purpose.BACKUP),
            place_of(new_id(), name, "test"),
            [b"x"],
        )
    assert _below(tmp_path) == []
    assert unregistered_files("backups", [f"{new_id().hex}/{name}"]) != ()


def test_files_that_are_being_written_are_registered_too(tmp_path: Path) -> None:
    backup = new_id().hex
    assert (
        unregistered_files(
            "backups", [f"{backup}/{unfinished_name()}", f"{backup}/wal/{unfinished_name()}"]
        )
        == ()
    )
    assert unregistered_files("keys", [f"data/{unfinished_name()}"]) == ()
    ProcessMark(os.getpid(), "now").save(tmp_path / "web.pid")
    assert unregistered_files("processes", [*_below(tmp_path), new_mark_name("web.pid")]) == ()


def test_every_secret_that_can_be_stored_is_registered(tmp_path: Path) -> None:
    provider = FileSecretProvider(tmp_path / "secrets")
    provider.put("db-web-1", Secret("value"))
    assert unregistered_files("secrets", _below(tmp_path / "secrets")) == ()
