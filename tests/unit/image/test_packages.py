"""Packages of the image: pinned, compared, and unpacked without running anything of theirs."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.releases import record_digest, write_wheel
from tools.image import debian_packages, python_packages
from tools.image.build_image import DEBIAN_PACKAGES
from tools.image.debian_packages import DebianPackage, read_packages
from tools.image.errors import ImageError

_ROOT = Path(__file__).resolve().parents[3]
_SHA256 = "0" * 64


def test_the_list_pins_each_package_of_debian_once() -> None:
    packages = read_packages((_ROOT / DEBIAN_PACKAGES).read_text())
    names = [one.name for one in packages]
    assert names == sorted(names)
    assert {"libc6", "libssl3", *debian_packages.WANTED} <= set(names)
    assert not debian_packages.LEFT_OUT & set(names)
    # Nothing that installs, fetches or changes accounts.
    assert not {"apt", "bash", "curl", "login", "passwd", "perl-base", "wget"} & set(names)
    purl = debian_packages.purl(DebianPackage("libcrypt1", "1:4.4.33-2", _SHA256))
    assert purl == "pkg:deb/debian/libcrypt1@1:4.4.33-2?arch=amd64&distro=bookworm"


@pytest.mark.parametrize(
    "text",
    ["dash=1", f"dash sha256:{_SHA256}", "dash=1 sha256:00", f"dash=1 sha256:{_SHA256}\n" * 2],
)
def test_a_package_without_version_or_digest_or_named_twice_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="is no pinned package, or the second of its name"):
        read_packages(text)


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    package = DebianPackage("dash", "0.5.12-2", _SHA256)
    (tmp_path / f"{_SHA256}.deb").write_bytes(b"changed")
    with pytest.raises(ImageError, match=r"is not dash 0\.5\.12-2: its SHA-256 is "):
        debian_packages.download([package], tmp_path)


def _archive(*members: tuple[str, bytes, str, int]) -> tarfile.TarFile:
    """Return an archive of members: name, type, content or target, and mode."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, kind, text, mode in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, mode
            content = text.encode() if kind == tarfile.REGTYPE else b""
            entry.size = len(content)
            entry.linkname = "" if content else text
            archive.addfile(entry, io.BytesIO(content))
    file.seek(0)
    return tarfile.open(fileobj=file)


def test_files_of_a_package_go_below_usr_and_keep_no_special_rights(tmp_path: Path) -> None:
    for name, target in debian_packages.merged_links():
        (tmp_path / target).mkdir(parents=True)
        (tmp_path / name).symlink_to(target)
    archive = _archive(
        ("./bin/", tarfile.DIRTYPE, "", 0o755),
        ("./bin/tool", tarfile.REGTYPE, "tool", 0o4755),
        ("./bin/again", tarfile.LNKTYPE, "./bin/tool", 0o755),
        ("./bin/sh", tarfile.SYMTYPE, "tool", 0o777),
        ("./lib/tool/data", tarfile.REGTYPE, "data", 0o600),
        ("./usr/share/man/man1/tool.1", tarfile.REGTYPE, "manual", 0o644),
        ("./usr/share/doc/tool/changelog", tarfile.REGTYPE, "changes", 0o644),
        ("./usr/share/doc/tool/copyright", tarfile.REGTYPE, "license", 0o644),
    )
    debian_packages.write_members(archive, tmp_path)
    found = {
        path.relative_to(tmp_path).as_posix(): path.lstat().st_mode & 0o7777
        for path in sorted((tmp_path / "usr").rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    assert found == {
        "usr/bin/again": 0o755, "usr/bin/tool": 0o755, "usr/lib/tool/data": 0o644,
        "usr/share/doc/tool/copyright": 0o644,
    }  # fmt: skip
    assert (tmp_path / "bin/sh").read_text() == "tool"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (("./../outside", tarfile.REGTYPE, "x", 0o644), "is outside of the image"),
        (("./dev/null", tarfile.CHRTYPE, "", 0o666), "is no folder, regular file or link"),
    ],
)
def test_a_member_outside_or_a_device_is_refused(
    tmp_path: Path, member: tuple[str, bytes, str, int], message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        debian_packages.write_members(_archive(member), tmp_path / "root")


def _wheel(folder: Path) -> Path:
    files = {
        "sample/__init__.py": b"def main() -> int:\n    return 0\n",
        "sample-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n",
        "sample-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        "sample-1.0.dist-info/entry_points.txt": b"[console_scripts]\nsample = sample:main\n",
    }
    return write_wheel(folder / "sample-1.0-py3-none-any.whl", files)


def test_a_wheel_is_installed_with_a_record_and_for_the_images_python(tmp_path: Path) -> None:
    root = tmp_path / "root"
    python_packages.make_environment(root)
    python_packages.install_wheels([_wheel(tmp_path)], root)
    site = root / python_packages.SITE
    assert (site / "sample/__init__.py").is_file()
    script = root / python_packages.PROGRAM / "bin/sample"
    assert script.read_text().startswith("#!/opt/theseller/.venv/bin/python\n")
    record = (site / "sample-1.0.dist-info/RECORD").read_text()
    assert f"../../../bin/sample,{record_digest(script.read_bytes())}," in record
    assert str((root / python_packages.PROGRAM / "bin/python").readlink()) == "/usr/bin/python3.11"
    assert not list(root.rglob("*.pyc"))


def test_a_wheel_whose_file_was_changed_is_refused(tmp_path: Path) -> None:
    path = _wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("sample/added.py", b"")
    with pytest.raises(Exception, match=r"sample/added\.py"):
        python_packages.install_wheels([path], tmp_path / "root")


def test_requirements_are_those_of_the_images_python_and_keep_their_digests() -> None:
    text = (
        f"one==1.0 ; python_version < '3.12' \\\n    --hash=sha256:{'1' * 64}\n"
        f"two==2.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'2' * 64}\n"
        f"three==3.0 \\\n    --hash=sha256:{'3' * 64} \\\n    --hash=sha256:{'4' * 64}\n"
    )
    assert list(python_packages.for_the_image(text)) == [
        f"one==1.0 --hash=sha256:{'1' * 64}",
        f"three==3.0 --hash=sha256:{'3' * 64} --hash=sha256:{'4' * 64}",
    ]
