"""The wheels of dependencies, and the digests of the files in them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from theseller.releases.release_files import Pin, digest_of

_RECORD_BYTES_MAX = 16 << 20
#: Files of a wheel that are installed beside its modules (PyPA's specification of wheels).
_OF_MODULES = ("purelib/", "platlib/")


def read_wheels(
    folder: Path, pins: Mapping[str, Pin]
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the digests of the files in each wheel, and problems.

    Files that are installed elsewhere than beside the modules are left out. Source archives in the
    folder are left out too: what is built of them has no pinned digest.

    Args:
        folder: the wheels; it need not exist.
        pins: the pinned packages, by canonical name.
    """
    wheels: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.whl")) if folder.is_dir() else ():
        try:
            name = parse_wheel_filename(path.name)[0]
            pin = pins.get(name)
            if pin is None or digest_of(path).sha256 not in pin.sha256:
                problems.append(f"The wheel {path.name} is not pinned.")
                continue
            wheels[name] = _recorded(path)
        except (InvalidWheelFilename, zipfile.BadZipFile, KeyError, OSError, ValueError):
            problems.append(f"The wheel {path.name} can't be read.")
    return wheels, problems


def _recorded(path: Path) -> dict[str, str]:
    """Return the digests in a wheel's own record, by path after installation."""
    with zipfile.ZipFile(path) as wheel:
        [name] = [
            one for one in wheel.namelist()
            if one.endswith(".dist-info/RECORD") and one.count("/") == 1
        ]  # fmt: skip
        with wheel.open(name) as file:
            text = file.read(_RECORD_BYTES_MAX).decode()
    found = {}
    for listed, digest, *_ in csv.reader(io.StringIO(text)):
        top, _, rest = listed.partition("/")
        if top.endswith(".data"):
            if not rest.startswith(_OF_MODULES):
                continue
            listed = rest.partition("/")[2]  # noqa: PLW2901
        if listed != name and digest:
            found[listed] = digest
    return found
