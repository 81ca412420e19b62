"""The comparison of what is installed with its release, and the command for it.

What it finds broken is in tests/sabotage/acts/releases.py.
"""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest
from tests.releases import (
    SmallInstallation,
    record_digest,
    small_installation,
    write_wheel,
)

from theseller.cli.main import main
from theseller.config.environment import InvalidSettingError
from theseller.config.release_settings import ReleaseSettings, read_release_settings
from theseller.releases import compiled_files, installed_files
from theseller.releases.dependency_wheels import read_wheels
from theseller.releases.installed_files import (
    InstalledFiles,
    NotComparableError,
    compare_installation,
    finds_changes,
    running_installation,
)
from theseller.releases.release_files import Pin, digest_of


@pytest.fixture
def small(tmp_path: Path) -> SmallInstallation:
    return small_installation(tmp_path / "installed")


def _compare(small: SmallInstallation) -> InstalledFiles:
    return compare_installation(small.installation, small.release, small.key_file)


def test_an_untouched_installation_is_as_its_release(small: SmallInstallation) -> None:
    found = _compare(small)
    assert found.differences == []
    # METADATA, and three files of the package; of each distribution also what the installer writes.
    assert (found.version, found.own) == ("0.1.0", 4)
    assert (found.distributions, found.of_dependencies, found.compiled) == (2, 8, 4)


def test_dependencies_are_compared_with_their_wheels(small: SmallInstallation) -> None:
    """A record that was changed with the file shows nothing, but the wheel does."""
    assert _compare(small).by_wheel == 1
    source, record = small.site / "sample/more.py", small.site / "Sample-1.0.dist-info/RECORD"
    shutil.rmtree(source.parent / "__pycache__")
    digests = record_digest(source.read_bytes()), record_digest(b"LIMIT = 99\n")
    record.write_text(record.read_text().replace(*digests))
    source.write_bytes(b"LIMIT = 99\n")
    found = _compare(small).differences
    assert found == ["sample/more.py is not recorded as in the wheel of sample."]
    shutil.rmtree(small.release / "wheels")
    assert (_compare(small).differences, _compare(small).by_wheel) == ([], 0)


def test_wheels_are_read_by_what_is_installed_of_them(tmp_path: Path) -> None:
    path = write_wheel(tmp_path / "some_package-2.0-py3-none-any.whl", {
        "some/__init__.py": b"", "some_package-2.0.data/platlib/some/native.so": b"1",
        "some_package-2.0.data/scripts/some": b"2", "some_package-2.0.data/data/etc/some": b"3",
    })  # fmt: skip
    pins = {"some-package": Pin("2.0", frozenset({digest_of(path).sha256}))}
    (tmp_path / "some_package-2.0.tar.gz").touch()
    assert read_wheels(tmp_path, pins) == (
        {
            "some-package": {
                "some/__init__.py": record_digest(b""), "some/native.so": record_digest(b"1"),
            }
        },
        [],
    )  # fmt: skip
    assert read_wheels(tmp_path / "none", pins) == ({}, [])
    assert read_wheels(tmp_path, {}) == ({}, [f"The wheel {path.name} is not pinned."])
    (tmp_path / "noname.whl").touch()
    path.write_bytes(b"no archive")
    pins = {"some-package": Pin("2.0", frozenset({digest_of(path).sha256}))}
    assert read_wheels(tmp_path, pins)[1] == [
        "The wheel noname.whl can't be read.",
        f"The wheel {path.name} can't be read.",
    ]


def test_each_byte_of_every_file_counts(small: SmallInstallation) -> None:
    """Whatever file below the folder of distributions is changed, it is found.

    But for the records, by which the files of dependencies are known.
    """
    tried = 0
    for path in sorted(small.site.rglob("*")):
        if path.is_file() and path.name != "RECORD":
            before, status = path.read_bytes(), path.stat()
            changed = bytearray(before or b"  ")
            changed[-2] ^= 1
            path.write_bytes(changed)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            differences = _compare(small).differences
            path.write_bytes(before)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            assert differences, path.relative_to(small.site)
            tried += 1
    assert tried == 13
    assert _compare(small).differences == []


def test_the_sample_of_a_change_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample").mkdir()
    assert finds_changes(tmp_path / "sample")
    monkeypatch.setattr(installed_files, "_record_hash", lambda _content: "sha256=same")
    (tmp_path / "blind").mkdir()
    assert not finds_changes(tmp_path / "blind")


def test_nothing_is_compared_without_a_release(small: SmallInstallation) -> None:
    with pytest.raises(NotComparableError, match="may run from a checkout"):
        compare_installation(small.installation, None, None)
    (small.release / "manifest.json").unlink()
    with pytest.raises(NotComparableError, match="has no manifest"):
        _compare(small)
    small.key_file.write_text("no key")
    with pytest.raises(NotComparableError, match="public key of the releases can't be read"):
        _compare(small)


def test_a_running_checkout_is_not_a_release(small: SmallInstallation) -> None:
    """An editable installation, as of these tests, differs in every respect.

    The distributions of the tests are left out: compiling them again takes a while.
    """
    running = replace(running_installation(), sites=())
    found = compare_installation(running, small.release, small.key_file)
    said = "\n".join(found.differences)
    assert "theseller/cli/main.py is not in the release." in said
    assert "theseller 0.1.0 is pinned and not installed." in said
    assert "outside the installation" in said


def test_a_virtual_environment_has_no_other_folders(tmp_path: Path) -> None:
    """Python's own folders and that of the programs are none; a folder of PYTHONPATH is one."""
    venv.create(tmp_path / "venv", symlinks=True)
    programs = tmp_path / "venv" / "bin"
    script = programs / "theseller"
    script.write_text(
        "import sys; sys.path += sys.argv[1:3]\n"
        "from theseller.releases.installed_files import running_installation\n"
        "print(*running_installation().other_folders, sep='\\n')\n"
    )
    # What is searched for this test's sake: the program, and where its dependencies are.
    needed = [str(Path(installed_files.__file__).parents[2])]
    needed.append(str(Path(pytest.__file__).parents[1]))
    (tmp_path / "more").mkdir()
    for more in ([], [str(tmp_path / "more")]):
        done = subprocess.run(
            [str(programs / "python"), str(script), *needed],
            env={"PYTHONPATH": os.pathsep.join(more)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.split()) == sorted([*more, *needed])


def test_compiled_files_that_python_does_not_run_are_no_difference(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("x = 1\n")
    compiled = Path(py_compile.compile(str(source)) or "")
    other = source.with_name("other.py")
    other.write_text("x = 2\n")
    content = Path(py_compile.compile(str(other), cfile=str(tmp_path / "c")) or "").read_bytes()
    assert compiled_files.wrong_compiled_file(compiled) == ""
    stale = content[:8] + b"\0\0\0\0" + content[12:]
    compiled.write_bytes(stale)
    assert compiled_files.wrong_compiled_file(compiled) == ""
    unchecked = content[:4] + b"\1\0\0\0" + content[8:]
    compiled.write_bytes(unchecked)
    assert compiled_files.wrong_compiled_file(compiled) == "differs from its source"
    compiled.write_bytes(unchecked[:20])
    assert compiled_files.wrong_compiled_file(compiled) == "differs from its source"
    foreign = compiled.with_name("module.cpython-27.pyc")
    foreign.write_bytes(content)
    assert compiled_files.wrong_compiled_file(foreign) == ""


def test_optimized_compiled_files_are_compared_as_such(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("assert False\n")
    compiled = Path(py_compile.compile(str(source), optimize=1) or "")
    assert ".opt-1." in compiled.name
    assert compiled_files.wrong_compiled_file(compiled) == ""
    plain = Path(py_compile.compile(str(source), optimize=0) or "")
    compiled.write_bytes(plain.read_bytes())
    assert compiled_files.wrong_compiled_file(compiled) == "differs from its source"


def test_both_settings_belong_together() -> None:
    assert read_release_settings({}) == ReleaseSettings()
    both = {"THESELLER_RELEASE": "/opt/release", "THESELLER_RELEASE_KEY": "/etc/release.pub"}
    assert read_release_settings(both) == ReleaseSettings(
        Path("/opt/release"), Path("/etc/release.pub")
    )
    for wrong in (
        {"THESELLER_RELEASE": "/opt/release"},
        {"THESELLER_RELEASE_KEY": "/etc/release.pub"},
        {**both, "THESELLER_RELEASE": "release"},
    ):
        with pytest.raises(InvalidSettingError):
            read_release_settings(wrong)


def test_the_command_says_what_differs(
    small: SmallInstallation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("THESELLER_RELEASE")]:
        monkeypatch.delenv(name)
    assert main(["release", "check"]) == 1
    assert "No release is named" in capsys.readouterr().err
    monkeypatch.setenv("THESELLER_RELEASE", str(small.release))
    monkeypatch.setenv("THESELLER_RELEASE_KEY", str(small.key_file))
    monkeypatch.setattr(installed_files, "running_installation", lambda: small.installation)
    assert main(["release", "check"]) == 0
    assert capsys.readouterr().out.startswith("VALID: release 0.1.0: 4 files of the program")
    (small.site / "theseller" / "sql" / "tables.sql").write_text("select 2;\n")
    assert main(["release", "check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "✗ theseller/sql/tables.sql differs from the release.",
        "REFUSED: 1 difference(s) from the release.",
    ]
    assert main(["release", "check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["valid"] is False


def test_python_compiles_to_the_same_code_again() -> None:
    """What the comparison of compiled modules relies on, for modules of the standard library."""
    import argparse
    import dataclasses
    import typing

    for module in (argparse, dataclasses, typing):
        compiled = Path(module.__cached__)
        assert sys.implementation.cache_tag
        assert sys.implementation.cache_tag in compiled.name
        if compiled.is_file():
            assert compiled_files.wrong_compiled_file(compiled) == ""
