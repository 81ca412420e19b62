"""Layers: the same files give the same bytes, and no file has more rights than it needs."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tools.image.layers import Layer, Ownership, write_layer

EPOCH = 1795168800
FILES = {"usr/bin/tool": b"#!/bin/sh\n", "etc/b.conf": b"b\n", "etc/a.conf": b"", "z": b"z" * 70000}


def _tree(root: Path, names: list[str], mode: int, time: int) -> Path:
    """Write the sample as an account with another umask would, in the given order."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
        path.chmod(mode | (0o100 if "bin" in name else 0))
        os.utime(path, (time, time))
    (root / "var/lib/state").mkdir(parents=True, mode=mode | 0o111)
    (root / "bin").symlink_to("usr/bin")
    return root


def _layer(
    root: Path, target: Path, ownerships: Mapping[str, Ownership] | None = None, epoch: int = EPOCH
) -> Layer:
    chosen = {"var/lib/state": Ownership(10001, 0o700)} if ownerships is None else ownerships
    return write_layer(root, target, epoch=epoch, ownerships=chosen)


def test_order_modes_times_and_folder_of_the_files_do_not_change_the_layer(tmp_path: Path) -> None:
    first = _layer(_tree(tmp_path / "a", sorted(FILES), 0o644, 1), tmp_path / "1")
    other = tmp_path / "another folder with a longer name"
    second = _layer(_tree(other, sorted(FILES, reverse=True), 0o600, 2**31), tmp_path / "2")
    assert (first.digest, first.diff_id) == (second.digest, second.diff_id)
    content = (tmp_path / "1").read_bytes()
    assert content == (tmp_path / "2").read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (first.size, first.digest)
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == first.diff_id
    assert first.unpacked == sum(map(len, FILES.values()))
    # A byte, or the commit's time, does change it.
    assert _layer(tmp_path / "a", tmp_path / "3", epoch=EPOCH + 1).diff_id != first.diff_id
    (tmp_path / "a/z").write_bytes(b"y" + FILES["z"][1:])
    assert _layer(tmp_path / "a", tmp_path / "4").diff_id != first.diff_id


def test_entries_are_sorted_roots_and_dated_by_the_commit(tmp_path: Path) -> None:
    root = _tree(tmp_path / "a", sorted(FILES), 0o666, 7)
    # The bits that give a program the rights of its owner or group.
    (root / "usr/bin/tool").chmod(0o6777)
    _layer(root, tmp_path / "1")
    with tarfile.open(tmp_path / "1") as archive:
        entries = {one.name: one for one in archive}
    assert list(entries) == [
        "bin", "etc", "etc/a.conf", "etc/b.conf", "usr", "usr/bin", "usr/bin/tool", "var",
        "var/lib", "var/lib/state", "z",
    ]  # fmt: skip
    assert {one.mtime for one in entries.values()} == {EPOCH}
    assert {one.uname + one.gname for one in entries.values()} == {""}
    owned = {name: (one.uid, one.gid, one.mode) for name, one in entries.items()}
    assert owned.pop("var/lib/state") == (10001, 10001, 0o700)
    assert owned.pop("bin")[:2] == (0, 0)
    assert owned.pop("usr/bin/tool") == (0, 0, 0o755)
    assert {one[:2] for one in owned.values()} == {(0, 0)}
    assert {one[2] for name, one in owned.items() if entries[name].isreg()} == {0o644}
    assert {one[2] for name, one in owned.items() if entries[name].isdir()} == {0o755}
    assert entries["bin"].linkname == "usr/bin"


def test_other_kinds_of_files_and_unknown_owned_paths_are_refused(tmp_path: Path) -> None:
    root = _tree(tmp_path / "a", sorted(FILES), 0o644, 1)
    with pytest.raises(ValueError, match=r"do not exist: \['var/lib/other'\]"):
        _layer(root, tmp_path / "1", {"var/lib/other": Ownership(1, 0o700)})
    os.mkfifo(root / "pipe")
    with pytest.raises(ValueError, match="pipe is no folder, regular file or symbolic link"):
        _layer(root, tmp_path / "1")
