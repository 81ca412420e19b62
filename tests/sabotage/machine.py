"""A machine of a few files, as /proc and /sys would show it."""

from __future__ import annotations

from pathlib import Path

from theseller.controls.probe_tools.disk_encryption import Machine

#: One file system on one volume of LVM, which lies on one LUKS device, which lies on a partition of
#: a disk that one can touch.
_LVM, _LUKS, _PARTITION, _DISK = "253:1", "253:0", "259:1", "259:0"


def encrypted_machine(root: Path) -> Machine:
    """Build one whose only disk is encrypted, and that swaps to nothing."""
    devices = root / "sys/devices"
    disk, partition = devices / "pci/nvme0n1", devices / "pci/nvme0n1/nvme0n1p1"
    luks, lvm = devices / "virtual/block/dm-0", devices / "virtual/block/dm-1"
    put(disk / "device/model", "Example Solid State")
    put(partition / "partition", "1")
    put(luks / "dm/uuid", "CRYPT-LUKS2-0123456789abcdef-disk")
    put(lvm / "dm/uuid", "LVM-0123456789abcdef")
    link(luks / "slaves/nvme0n1p1", partition)
    link(lvm / "slaves/dm-0", luks)
    for number, device in ((_LVM, lvm), (_LUKS, luks), (_PARTITION, partition), (_DISK, disk)):
        link(root / "sys/dev/block" / number, device)
        link(root / "sys/class/block" / device.name, device)
    put(
        root / "proc/self/mountinfo",
        f"27 1 {_LVM} / / rw,relatime shared:1 - ext4 /dev/mapper/data rw\n",
    )
    put(root / "proc/swaps", "Filename Type Size Used Priority\n")
    put(root / "proc/cpuinfo", "flags\t\t: fpu aes\n")
    return Machine(
        root=root, platform="linux", run=lambda _command: "", folder_policy=lambda _folder: False
    )


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
