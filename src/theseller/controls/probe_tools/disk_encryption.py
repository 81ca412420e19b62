"""Whether the disk below a folder is encrypted, as this machine sees it.

It knows dm-crypt, ZFS, fscrypt and FileVault. What a cloud's volume or a container's host does
below them cannot be seen from here, and is reported as not visible.

Sources: proc(5), mountinfo; Documentation/ABI/stable/sysfs-block and testing/sysfs-block-dm of
Linux; cryptsetup's `CRYPT-` prefixes of device UUIDs (lib/libdevmapper.c);
Documentation/filesystems/fscrypt.rst; zfsprops(7), encryption; fdesetup(8).
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

#: Kinds of dm-crypt mappings. `CRYPT-INTEGRITY` and `CRYPT-VERITY` belong to the same tool, and
#: encrypt nothing.
_CRYPT = re.compile(r"CRYPT-(LUKS1|LUKS2|PLAIN|LOOPAES|TCRYPT|BITLK|FVAULT2)-")
_ELSEWHERE = re.compile(
    r"nfs\d?|cifs|smb3|9p|virtiofs|ceph|glusterfs|lustre|fuse(\..*)?|overlay|aufs"
)
_VIRTUAL_NAME = re.compile(r"(vd|xvd|nbd|rbd)")
_VIRTUAL_MAKER = re.compile(
    r"qemu|kvm|vmware|virtualbox|innotek|xen|amazon|google|microsoft|openstack|digitalocean"
    r"|hetzner|bochs|parallels",
    re.IGNORECASE,
)
#: FS_IOC_GET_ENCRYPTION_POLICY_EX, _IOWR('f', 22, __u8[9]); the buffer is a length and space for
#: the longest policy.
_GET_POLICY, _POLICY_BYTES = 0xC0096616, 24
_PATIENCE_SECONDS = 10.0


class Encryption(IntEnum):
    """What can be seen of a volume.

    A larger value is worse; a volume of several parts has the worst one's.
    """

    ENCRYPTED = 0
    NOT_VISIBLE = 1
    PLAIN = 2


@dataclass(frozen=True, slots=True)
class Volume:
    """The encryption of the volume below a folder.

    `description` is public and names no path.
    """

    encryption: Encryption
    description: str


def has_fscrypt_policy(folder: Path) -> bool:
    """Say whether the file system encrypts this very folder."""
    argument = bytearray(struct.pack("Q", _POLICY_BYTES) + bytes(_POLICY_BYTES))
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.ioctl(handle, _GET_POLICY, argument)
    except OSError:
        return False  # ENODATA: no policy; ENOTTY, EOPNOTSUPP: a file system without.
    finally:
        os.close(handle)
    return True


def command_output(command: Sequence[str]) -> str:
    """Return what a program says, nothing if it is not there or fails."""
    try:
        answer = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its kernel shows it, below `root`.

    A test builds one of a few files.
    """

    root: Path = Path("/")
    platform: str = sys.platform
    run: Callable[[Sequence[str]], str] = command_output
    folder_policy: Callable[[Path], bool] = has_fscrypt_policy

    def volume_of(self, folder: Path) -> Volume:
        """Return what lies below a folder, which need not exist yet."""
        existing = next(
            (one for one in (folder, *folder.parents) if one.exists()), Path("/")
        ).resolve()
        if self.platform == "darwin":
            return self._filevault(existing)
        if not self.platform.startswith("linux"):
            return Volume(
                Encryption.NOT_VISIBLE,
                f"a system of the kind {self.platform}, of whose volumes we know nothing",
            )
        if self.folder_policy(existing):
            return Volume(Encryption.ENCRYPTED, "fscrypt")
        return self._mounted(existing)

    def swap(self) -> Volume | None:
        """Return what memory is swapped to; None if to nothing."""
        if not self.platform.startswith("linux"):
            return None  # macOS encrypts its swap always.
        areas = [line.split() for line in self._read(self._proc("swaps")).splitlines()[1:]]
        found = [self._swap_area(_plain(area[0]), area[1]) for area in areas if len(area) > 1]
        return _worst(one for one in found if one is not None) if any(found) else None

    def _swap_area(self, name: str, kind: str) -> Volume | None:
        if kind == "file":
            return self._mounted(Path(name).parent)
        device = self._named(name)
        return (
            None if device.name.startswith("zram") else self._device(device)
        )  # zram is compressed memory.

    def _mounted(self, folder: Path) -> Volume:
        mount = self._mount(folder)
        if mount is None:
            return Volume(Encryption.NOT_VISIBLE, "a system whose table of mounts can't be read")
        number, kind, source = mount
        if kind in {"tmpfs", "ramfs"}:
            return Volume(Encryption.ENCRYPTED, "memory only, nothing rests there")
        if kind == "zfs":
            return self._zfs(source)
        if _ELSEWHERE.fullmatch(kind):
            return Volume(
                Encryption.NOT_VISIBLE,
                f"a file system of the kind {kind}, whose disk can't be seen from here",
            )
        if kind == "btrfs":
            return _worst(self._device(one) for one in self._btrfs_devices(self._named(source)))
        return self._device(self.root / "sys/dev/block" / number)

    def _mount(self, folder: Path) -> tuple[str, str, str] | None:
        """Return number, type and source of the file system of a folder.

        Of several mounts at one path, the last one counts.
        """
        best: tuple[int, tuple[str, str, str]] | None = None
        for line in self._read(self._proc("self/mountinfo")).splitlines():
            before, _, after = line.partition(" - ")
            fields, kinds = before.split(" "), after.split(" ")
            if len(fields) < 6 or len(kinds) < 2:
                continue
            point = Path(_plain(fields[4]))
            if folder.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
                best = len(point.parts), (fields[2], kinds[0], _plain(kinds[1]))
        return best[1] if best else None

    def _device(self, device: Path) -> Volume:
        """Go down from a block device to what it is made of."""
        if not device.exists():
            return Volume(Encryption.NOT_VISIBLE, "a device that this machine doesn't show")
        crypt = _CRYPT.match(self._read(device / "dm/uuid"))
        if crypt:
            return Volume(Encryption.ENCRYPTED, f"dm-crypt ({crypt.group(1)})")
        backing = self._read(device / "loop/backing_file")
        if backing:
            return self._mounted(Path(backing).parent)
        below = [device / "slaves" / one.name for one in self._listed(device / "slaves")]
        if below:
            return _worst(self._device(one) for one in below)
        return self._disk(device.resolve())

    def _disk(self, disk: Path) -> Volume:
        if (disk / "partition").exists():
            disk = disk.parent
        makers = " ".join(self._read(disk / "device" / name) for name in ("vendor", "model"))
        if self._is_virtual() or _VIRTUAL_NAME.match(disk.name) or _VIRTUAL_MAKER.search(makers):
            return Volume(
                Encryption.NOT_VISIBLE,
                "a virtual disk: whether its provider encrypts it can't be seen from here",
            )
        return Volume(Encryption.PLAIN, "a disk on which nothing that we can see encrypts")

    def _is_virtual(self) -> bool:
        flags = re.search(
            r"^flags\s*:.*\bhypervisor\b", self._read(self._proc("cpuinfo")), re.MULTILINE
        )
        maker = self._read(self.root / "sys/class/dmi/id/sys_vendor")
        return bool(
            flags or _VIRTUAL_MAKER.search(maker) or self._read(self.root / "sys/hypervisor/type")
        )

    def _btrfs_devices(self, one: Path) -> list[Path]:
        """Return all devices of the file system that `one` is part of."""
        for devices in self._listed(self.root / "sys/fs/btrfs"):
            names = [device.name for device in self._listed(devices / "devices")]
            if one.name in names:
                return [self.root / "sys/class/block" / name for name in names]
        return [one]

    def _named(self, source: str) -> Path:
        """Return the kernel's folder of a device that is named by its file.

        `/dev/mapper/data` is a link to `../dm-0`.
        """
        return self.root / "sys/class/block" / (self.root / source.lstrip("/")).resolve().name

    def _zfs(self, dataset: str) -> Volume:
        answer = self.run(["zfs", "get", "-H", "-o", "value", "encryption", dataset])
        if answer in {"", "-"}:
            return Volume(
                Encryption.NOT_VISIBLE, "ZFS, whose own program doesn't say whether it encrypts"
            )
        return (
            Volume(Encryption.PLAIN, "ZFS without encryption")
            if answer == "off"
            else Volume(Encryption.ENCRYPTED, f"ZFS ({answer})")
        )

    def _filevault(self, folder: Path) -> Volume:
        if folder.is_relative_to("/Volumes"):
            return Volume(
                Encryption.NOT_VISIBLE, "another volume than the one that FileVault is for"
            )
        answer = self.run(["/usr/bin/fdesetup", "status"])
        if "FileVault is On" in answer:
            return Volume(Encryption.ENCRYPTED, "FileVault")
        return (
            Volume(Encryption.PLAIN, "a volume without FileVault")
            if "FileVault is Off" in answer
            else Volume(Encryption.NOT_VISIBLE, "a volume of which FileVault says nothing")
        )

    def _proc(self, name: str) -> Path:
        return self.root / "proc" / name

    def _read(self, path: Path) -> str:
        try:
            return path.read_text(errors="replace").strip()
        except OSError:
            return ""

    def _listed(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except OSError:
            return []


#: The machine that we run on.
THIS_MACHINE = Machine()


def _worst(volumes: Iterable[Volume]) -> Volume:
    return max(
        volumes,
        key=lambda one: one.encryption,
        default=Volume(Encryption.NOT_VISIBLE, "nothing that this machine shows"),
    )


def _plain(escaped: str) -> str:
    """Undo the kernel's octal escapes.

    It escapes spaces, tabs, line ends and backslashes.
    """
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), escaped)
