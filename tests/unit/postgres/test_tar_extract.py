"""The tar of a base backup: what a data folder holds is written, on every Python.

Everything else is refused.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from theseller.postgres.base_backups import unpack
from theseller.postgres.errors import DamagedBackupError
from theseller.postgres.os_account import Account
from theseller.postgres.server_folders import Layout


def _member(
    name: str, content: bytes | None = b"x", **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = (
        (tarfile.DIRTYPE, 0, 0o700) if content is None else (tarfile.REGTYPE, len(content), 0o600)
    )
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content or b""


def _tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return written.getvalue()


def _unpack(tmp_path: Path, content: bytes) -> Path:
    account = Account("me", tmp_path.stat().st_uid, tmp_path.stat().st_gid, switch=False)
    home = tmp_path / "home"
    home.mkdir()
    layout = Layout(home, tmp_path / "run")
    unpack([content[at : at + 700] for at in range(0, len(content), 700)], layout, account)
    return layout.data


def test_files_and_folders_are_written_with_modes_of_our_own(tmp_path: Path) -> None:
    tar = _tar(
        _member("PG_VERSION", b"18\n", mode=0o644), _member("base", None, mode=0o2755),
        _member("base/1", None), _member("base/1/112", b"y" * 70000), form=tarfile.USTAR_FORMAT,
    )  # fmt: skip
    data = _unpack(tmp_path, tar)
    assert (data / "PG_VERSION").read_bytes() == b"18\n"
    assert (data / "base/1/112").read_bytes() == b"y" * 70000
    assert {path.stat().st_mode & 0o7777 for path in data.rglob("*")} == {0o600, 0o700}


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("absolute", [_member("/etc/cron.d/x")]),
        ("upward", [_member("base", None), _member("base/../../x")]),
        ("just upward", [_member("..", None)]),
        ("symbolic link", [_member("pg_wal", None, type=tarfile.SYMTYPE, linkname="/etc")]),
        (
            "through a link",
            [_member("a", None, type=tarfile.SYMTYPE, linkname="/etc"), _member("a/x")],
        ),
        ("hard link", [_member("x"), _member("y", None, type=tarfile.LNKTYPE, linkname="x")]),
        ("device", [_member("x", None, type=tarfile.CHRTYPE)]),
        ("block device", [_member("x", None, type=tarfile.BLKTYPE)]),
        ("pipe", [_member("x", None, type=tarfile.FIFOTYPE)]),
        ("sparse", [_member("x", None, type=tarfile.GNUTYPE_SPARSE)]),
        ("contiguous", [_member("x", b"x", type=tarfile.CONTTYPE)]),
        ("setuid", [_member("x", mode=0o4700)]),
        ("setgid", [_member("x", mode=0o2700)]),
        ("sticky", [_member("x", mode=0o1700)]),
        ("twice", [_member("x", b"1"), _member("x", b"2")]),
        ("file and folder", [_member("x"), _member("./x", None)]),
        ("without its folder", [_member("base/1")]),
        ("below a file", [_member("x"), _member("x/y")]),
        ("empty part", [_member("base", None), _member("base//x")]),
        ("long name", [_member("n" * 256)]),
        ("nothing", []),
        ("folders only", [_member("base", None)]),
    ],
)
def test_tar_with_unexpected_members_is_refused(
    tmp_path: Path, name: str, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises(DamagedBackupError, match="content is no data folder: "):
        _unpack(tmp_path, _tar(*members))
    assert not (tmp_path / "home" / "data").exists(), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"], (
        f"{name}: something was written beside the folder"
    )


@pytest.mark.parametrize("cut", [511, 700, 1500])
def test_a_tar_that_ends_early_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(DamagedBackupError):
        _unpack(tmp_path, _tar(_member("x", b"y" * 2000))[:cut])


def test_unpack_reads_the_whole_backup_stream(tmp_path: Path) -> None:
    """A sealed stream proves only at its end that nothing was cut or changed."""
    home = tmp_path / "home"
    home.mkdir()
    account = Account("me", home.stat().st_uid, home.stat().st_gid, switch=False)
    ended = []

    def pieces() -> Iterator[bytes]:
        yield _tar(_member("x"))
        yield bytes(1 << 21)
        ended.append(True)

    unpack(pieces(), Layout(home, tmp_path / "run"), account)
    assert ended


def test_backup_that_is_not_a_tar_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedBackupError, match="no data folder"):
        _unpack(tmp_path, b"hello" * 300)
