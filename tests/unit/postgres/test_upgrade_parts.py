"""What an upgrade to another major version needs besides two servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.cli import postgres_upgrade
from theseller.cli.errors import CommandError
from theseller.postgres import binaries
from theseller.postgres.binaries import Binaries, find_major
from theseller.postgres.errors import BinariesMissingError, ServerFailedError
from theseller.postgres.initdb_and_settings import check_version
from theseller.postgres.replaced_databases import (
    delete_databases_of_other_majors,
    replaced_databases,
)
from theseller.postgres.server_folders import Layout, made_by
from theseller.postgres.swap_data_dir import settle_pending_swap, swap_data_dir, swap_pending
from theseller.postgres.transaction_and_wal_continuation import Counters


class KilledError(BaseException):
    """The process ends here."""


def _folders(tmp_path: Path) -> tuple[Path, Layout]:
    """Make a state folder with data of version 15, and a new cluster of version 18 in it."""
    state, made = tmp_path / "state", tmp_path / "state" / "postgres" / "upgrade" / "postgres"
    for folder, version in ((state / "postgres" / "data", "15"), (made / "data", "18")):
        folder.mkdir(parents=True)
        (folder / "PG_VERSION").write_text(f"{version}\n")
    (state / "postgres" / "archive").mkdir()
    (state / "postgres" / "where.json").write_text('{"home": "postgres", "run": "run"}')
    return state, Layout(made, state / "run")


@pytest.mark.parametrize(
    "step", ["noted", "set aside", "put in place", "archive emptied", "exchanged"]
)
def test_exchange_of_an_upgrade_that_is_killed_is_finished_by_the_next_start(
    tmp_path: Path, step: str
) -> None:
    state, made = _folders(tmp_path)

    def reached(name: str) -> None:
        if name == step:
            raise KilledError

    with pytest.raises(KilledError):
        swap_data_dir(state, made, upgrade=True, reached=reached)
    assert not swap_pending(state)  # no restore
    settle_pending_swap(state)
    assert made_by(state / "postgres" / "data") == "18"
    assert made_by(state / "postgres" / "data.replaced-1") == "15"
    settle_pending_swap(state)
    assert delete_databases_of_other_majors(state) == (state / "postgres" / "data.replaced-1",)
    assert made_by(state / "postgres" / "data") == "18"


def test_replaced_databases_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    state, _ = _folders(tmp_path)
    numbers = (9, 10, 2)
    for number in numbers:
        (state / "postgres" / f"data.replaced-{number}").mkdir()
    assert [one.path.name for one in replaced_databases(state)] == [
        f"data.replaced-{number}" for number in sorted(numbers)
    ]


def test_exchange_of_a_restore_is_not_finished_by_a_start(tmp_path: Path) -> None:
    state, made = _folders(tmp_path)

    def reached(_name: str) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        swap_data_dir(state, made, reached=reached)
    with pytest.raises(ServerFailedError, match="A restore was interrupted"):
        settle_pending_swap(state)
    assert made_by(state / "postgres" / "data") == "15"


def test_new_cluster_counts_on_in_the_next_timeline() -> None:
    assert Counters(5_000, "00000001000000000000000A").arguments() == (
        "--next-transaction-id=32768",
        "--next-wal-file=00000002000000000000000B",
    )
    assert Counters(32_768, "0000000300000001000000FF").arguments() == (
        "--next-transaction-id=65536",
        "--next-wal-file=000000040000000200000000",
    )
    with pytest.raises(ServerFailedError, match="too many"):
        Counters(1_500_000_000, "00000001000000000000000A").arguments()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("15.18", "A minor release needs no upgrade"),
        ("14.2", "Point THESELLER_PG_BIN to a newer"),
    ],
)
def test_same_or_older_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, message: str
) -> None:
    state, _ = _folders(tmp_path)
    found = Binaries(tmp_path, version, "distribution")
    monkeypatch.setattr(postgres_upgrade, "find_binaries", lambda _environ: found)
    with pytest.raises(CommandError, match="Nothing was changed") as refused:
        postgres_upgrade.upgrade(state)
    assert message in refused.value.advice


def test_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = _folders(tmp_path)
    new = Binaries(tmp_path, "18.6", "wheel")
    old = Binaries(tmp_path, "15.18", "distribution")
    monkeypatch.setattr(postgres_upgrade, "find_binaries", lambda _environ: new)
    monkeypatch.setattr(postgres_upgrade, "find_major", lambda *_: old)
    monkeypatch.setattr(postgres_upgrade, "SPACE_NEEDED", 1 << 60)
    with pytest.raises(CommandError, match="MB left"):
        postgres_upgrade.upgrade(state)


def test_programs_of_the_old_version_are_found_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("15.3", "18.6"):
        folder = tmp_path / version.split(".")[0] / "bin"
        folder.mkdir(parents=True)
        for name in ("postgres", "initdb"):
            (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
            (folder / name).chmod(0o755)
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    monkeypatch.setattr(binaries, "_DISTRIBUTION_FOLDERS", (f"{tmp_path}/*/bin",))
    assert find_major({}, 15, None).version == "15.3"
    assert find_major({}, 15, tmp_path / "15" / "bin").version == "15.3"
    with pytest.raises(BinariesMissingError, match="PostgreSQL 16, which made") as refused:
        find_major({}, 16, None)
    assert "--old-programs" in refused.value.advice
    with pytest.raises(BinariesMissingError, match=r"is PostgreSQL 18\.6"):
        find_major({}, 15, tmp_path / "18" / "bin")


@pytest.mark.parametrize(("version", "upgrades"), [("18.6", True), ("14.2", False)])
def test_data_of_another_version_says_what_to_do(
    tmp_path: Path, version: str, *, upgrades: bool
) -> None:
    state, _ = _folders(tmp_path)
    layout = Layout(state / "postgres", state / "run")
    check_version(layout, Binaries(tmp_path, "15.1", "wheel"))
    with pytest.raises(ServerFailedError, match="made by PostgreSQL 15") as refused:
        check_version(layout, Binaries(tmp_path, version, "wheel"))
    assert ("theseller postgres upgrade" in refused.value.advice) is upgrades
    assert "THESELLER_PG_BIN to PostgreSQL 15's programs" in refused.value.advice
