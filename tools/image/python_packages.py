"""Python packages of the image: the pinned lists and the program's wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from theseller.releases.release_files import read_pins
from tools.image.errors import ImageError

#: Where the program is in the image, as in docs/operate/install.md.
PROGRAM = "opt/theseller/.venv"
_PYTHON = "3.11"
SITE = f"{PROGRAM}/lib/python{_PYTHON}/site-packages"
#: The C library of the image is 2.36.
_PLATFORMS = [
    *(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)),
    "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64",
]  # fmt: skip
_MARKERS = {
    "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64",
    "platform_python_implementation": "CPython", "platform_system": "Linux",
    "python_full_version": "3.11.2", "python_version": _PYTHON, "sys_platform": "linux",
}  # fmt: skip


def download(requirements: str, cache: Path) -> list[Path]:
    """Return the wheels of a list of pinned packages, from the cache or by pip.

    pip compares each with the list's digests.

    Raises:
        ImageError: pip failed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    wanted = "\n".join(for_the_image(requirements)) + "\n"
    listed = cache / "requirements.txt"
    listed.write_text(wanted, encoding="utf-8")
    tags = [f"--platform={one}" for one in _PLATFORMS]
    tags += ["--implementation=cp", f"--python-version={_PYTHON}"]
    tags += ["--abi=cp311", "--abi=abi3", "--abi=none"]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
            "--require-hashes", "--no-deps", "--only-binary=:all:", *tags, "--dest", str(cache),
            "--find-links", str(cache), "--requirement", str(listed),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ImageError(f"pip failed: {done.stderr.strip()[-2000:]}")
    return _wheels_of(wanted, cache)


def for_the_image(requirements: str) -> Iterable[str]:
    """Yield the requirements that the image's Python needs, without their markers.

    pip would evaluate a marker for the Python that it runs on.
    """
    for name, pin in sorted(read_pins(requirements).items()):
        if not pin.marker or Marker(pin.marker).evaluate(dict(_MARKERS)):
            hashes = " ".join(f"--hash=sha256:{one}" for one in sorted(pin.sha256))
            yield f"{name}=={pin.version} {hashes}"


def _wheels_of(wanted: str, cache: Path) -> list[Path]:
    """Return the wheel of each package; the cache may have others."""
    pins, found = read_pins(wanted), {}
    for path in sorted(cache.glob("*.whl")):
        with WheelFile.open(path) as wheel:
            name = canonicalize_name(wheel.distribution)
            if name in pins and pins[name].version == wheel.version:
                found[name] = path
    if missing := pins.keys() - found.keys():
        raise ImageError(f"pip brought no wheel of {', '.join(sorted(missing))}")
    return [found[name] for name in sorted(found)]


def install_wheels(wheels: Iterable[Path], root: Path) -> None:
    """Write wheels into the program's virtual environment below a folder.

    `RECORD` lists every file with its digest, as `theseller release check` needs it.
    """
    scheme = {
        "purelib": f"/{SITE}", "platlib": f"/{SITE}", "scripts": f"/{PROGRAM}/bin",
        "data": f"/{PROGRAM}", "headers": f"/{PROGRAM}/include/python{_PYTHON}",
    }  # fmt: skip
    destination = SchemeDictionaryDestination(
        scheme, interpreter=f"/{PROGRAM}/bin/python", script_kind="posix", destdir=str(root)
    )
    for path in wheels:
        with WheelFile.open(path) as wheel:
            wheel.validate_record()
            install(wheel, destination, {"INSTALLER": b"bin/image\n"})


def make_environment(root: Path) -> None:
    """Write what makes the folder a virtual environment of the image's Python."""
    programs = root / PROGRAM / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (root / PROGRAM / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n"
    )
    (programs / "python").symlink_to(f"/usr/bin/python{_PYTHON}")
    for name in ("python3", f"python{_PYTHON}"):
        (programs / name).symlink_to("python")


def compile_modules(system: Path, root: Path, folder: str) -> None:
    """Compile the modules below a folder with the image's own Python.

    The compiled files have no time in them. Python uses them without looking at the source; the
    control `sdl-installed` compares both.

    Args:
        system: the folder with the image's Python.
        root: the folder that is the root of the modules' paths.
        folder: the modules, relative to `root`.

    Raises:
        ImageError: a module can't be compiled.
    """
    libraries = system / "usr/lib/x86_64-linux-gnu"
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [
            str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries),
            str(system / f"usr/bin/python{_PYTHON}"), "-s", "-S", "-m", "compileall", "-q", "-f",
            "--invalidation-mode", "unchecked-hash", "-x", "/lib2to3/tests/",
            "-s", str(root), "-p", "/", str(root / folder),
        ],
        env={"PYTHONHOME": str(system / "usr"), "PYTHONHASHSEED": "0", "PATH": os.defpath,
             "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ImageError(f"a module can't be compiled: {(done.stdout + done.stderr)[-2000:]}")
