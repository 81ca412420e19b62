"""What a machine shows of its disks, and what is made of it. Each machine is a few files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sabotage.machine import encrypted_machine, link, put

from theseller.controls.probe_tools.disk_encryption import (
    Encryption,
    Machine,
    command_output,
    has_fscrypt_policy,
)

_HERE = Path("/srv/data")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return encrypted_machine(tmp_path)


def _mount(machine: Machine, line: str) -> None:
    with (machine.root / "proc/self/mountinfo").open("a") as table:
        table.write(line + "\n")


def test_a_volume_on_luks_is_encrypted(machine: Machine) -> None:
    seen = machine.volume_of(_HERE)
    assert (seen.encryption, seen.description) == (Encryption.ENCRYPTED, "dm-crypt (LUKS2)")


@pytest.mark.parametrize(
    "uuid", ["CRYPT-INTEGRITY-1-a", "CRYPT-VERITY-1-a", "LVM-1", "", "crypt-LUKS2-1-a"]
)
def test_device_that_only_resembles_luks_is_plain(machine: Machine, uuid: str) -> None:
    put(machine.root / "sys/devices/virtual/block/dm-0/dm/uuid", uuid)
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN


def test_volume_with_one_plain_disk_is_plain(machine: Machine) -> None:
    put(machine.root / "sys/devices/pci/sdb/device/model", "Example")
    link(
        machine.root / "sys/devices/virtual/block/dm-1/slaves/sdb",
        machine.root / "sys/devices/pci/sdb",
    )
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN


def test_nearest_and_latest_mount_decides_the_encryption_of_a_path(machine: Machine) -> None:
    _mount(machine, "31 27 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw")
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN
    assert machine.volume_of(Path("/srvother")).encryption is Encryption.ENCRYPTED
    _mount(machine, "32 27 253:1 / /srv rw - ext4 /dev/mapper/data rw")
    assert machine.volume_of(_HERE).encryption is Encryption.ENCRYPTED


def test_a_name_with_spaces_is_read(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    escaped = str(folder.resolve()).replace(" ", "\\040")
    _mount(machine, f"31 27 259:1 / {escaped} rw - ext4 /dev/nvme0n1p1 rw")
    assert machine.volume_of(folder).encryption is Encryption.PLAIN


@pytest.mark.parametrize(
    "kind", ["nfs4", "cifs", "9p", "virtiofs", "overlay", "fuse.sshfs", "fuse"]
)
def test_encryption_of_a_file_system_without_a_local_disk_is_not_visible(
    machine: Machine, kind: str
) -> None:
    _mount(machine, f"31 27 0:55 / /srv rw - {kind} somewhere rw")
    assert machine.volume_of(_HERE).encryption is Encryption.NOT_VISIBLE


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("proc/cpuinfo", "processor : 0\nflags\t\t: fpu hypervisor aes\n"),
        ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
        ("sys/hypervisor/type", "xen\n"),
        ("sys/devices/pci/nvme0n1/device/model", "Amazon Elastic Block Store\n"),
        ("sys/devices/pci/nvme0n1/device/vendor", "QEMU\n"),
    ],
)
def test_a_virtual_disk_is_not_seen_rather_than_plain(
    machine: Machine, file: str, text: str
) -> None:
    _mount(machine, "31 27 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw")
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN
    put(machine.root / file, text)
    assert machine.volume_of(_HERE).encryption is Encryption.NOT_VISIBLE


def test_a_virtual_disk_that_we_encrypt_ourselves_is_seen(machine: Machine) -> None:
    put(machine.root / "sys/hypervisor/type", "xen\n")
    assert machine.volume_of(_HERE).encryption is Encryption.ENCRYPTED


def test_loop_device_has_the_encryption_of_its_backing_file(machine: Machine) -> None:
    loop = machine.root / "sys/devices/virtual/block/loop0"
    put(loop / "loop/backing_file", "/images/data.img")
    link(machine.root / "sys/dev/block/7:0", loop)
    _mount(machine, "31 27 7:0 / /srv rw - ext4 /dev/loop0 rw")
    assert machine.volume_of(_HERE).encryption is Encryption.ENCRYPTED
    _mount(machine, "32 27 259:1 / /images rw - ext4 /dev/nvme0n1p1 rw")
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN


def test_btrfs_volume_is_plain_if_one_device_is_plain(machine: Machine) -> None:
    put(machine.root / "dev/dm-0", "")
    link(machine.root / "dev/mapper/disk", Path("../dm-0"))
    _mount(machine, "31 27 0:40 / /srv rw - btrfs /dev/mapper/disk rw")
    assert machine.volume_of(_HERE).encryption is Encryption.ENCRYPTED
    put(machine.root / "sys/fs/btrfs/1234/devices/dm-0", "")
    put(machine.root / "sys/fs/btrfs/1234/devices/nvme0n1p1", "")
    assert machine.volume_of(_HERE).encryption is Encryption.PLAIN


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("aes-256-gcm", Encryption.ENCRYPTED),
        ("off", Encryption.PLAIN),
        ("-", Encryption.NOT_VISIBLE),
        ("", Encryption.NOT_VISIBLE),
    ],
)
def test_zfs_is_queried(machine: Machine, answer: str, seen: Encryption) -> None:
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        commands.append(command)
        return answer

    _mount(machine, "31 27 0:41 / /srv rw - zfs tank/data rw")
    assert replace(machine, run=run).volume_of(_HERE).encryption is seen
    assert commands == [["zfs", "get", "-H", "-o", "value", "encryption", "tank/data"]]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("FileVault is On.", Encryption.ENCRYPTED),
        ("FileVault is Off.", Encryption.PLAIN),
        ("", Encryption.NOT_VISIBLE),
        ("Error", Encryption.NOT_VISIBLE),
    ],
)
def test_filevault_is_queried(machine: Machine, answer: str, seen: Encryption) -> None:
    mac = replace(machine, platform="darwin", run=lambda _command: answer)
    assert mac.volume_of(_HERE).encryption is seen
    assert mac.swap() is None


def test_a_folder_that_the_file_system_encrypts(machine: Machine, tmp_path: Path) -> None:
    _mount(machine, "31 27 259:1 / / rw - ext4 /dev/nvme0n1p1 rw")
    assert machine.volume_of(tmp_path).encryption is Encryption.PLAIN
    assert (
        replace(machine, folder_policy=lambda folder: folder == tmp_path.resolve())
        .volume_of(tmp_path)
        .encryption
        is Encryption.ENCRYPTED
    )


def test_tmpfs_is_encrypted_and_swap_has_the_encryption_of_its_devices(machine: Machine) -> None:
    _mount(machine, "31 27 0:42 / /srv rw - tmpfs tmpfs rw")
    assert machine.volume_of(_HERE).encryption is Encryption.ENCRYPTED
    assert machine.swap() is None
    head = "Filename Type Size Used Priority\n"
    put(machine.root / "proc/swaps", f"{head}/dev/dm-0 partition 1 0 -2\n")
    assert getattr(machine.swap(), "encryption", None) is Encryption.ENCRYPTED
    put(
        machine.root / "proc/swaps",
        f"{head}/dev/dm-0 partition 1 0 -2\n/dev/nvme0n1p1 partition 1 0 -2\n",
    )
    assert getattr(machine.swap(), "encryption", None) is Encryption.PLAIN
    put(machine.root / "proc/swaps", f"{head}/swap\\040file file 1 0 -2\n")
    assert getattr(machine.swap(), "encryption", None) is Encryption.ENCRYPTED
    put(machine.root / "proc/swaps", f"{head}/dev/zram0 partition 1 0 -2\n")
    assert machine.swap() is None


def test_encryption_is_not_visible_without_system_information(tmp_path: Path) -> None:
    dark = Machine(root=tmp_path, platform="linux", folder_policy=lambda _folder: False)
    assert dark.volume_of(_HERE).encryption is Encryption.NOT_VISIBLE
    put(tmp_path / "proc/self/mountinfo", "garbage\n1 2 253:9 / / rw - ext4 /dev/x rw\n")
    assert dark.volume_of(_HERE).encryption is Encryption.NOT_VISIBLE
    assert replace(dark, platform="freebsd14").volume_of(_HERE).encryption is Encryption.NOT_VISIBLE


def test_this_machine_answers_without_an_error(tmp_path: Path) -> None:
    assert Machine().volume_of(tmp_path).description
    assert has_fscrypt_policy(tmp_path / "missing") is False
    assert has_fscrypt_policy(Path(os.devnull)) is False
    assert command_output(["/nonexistent/program"]) == ""
