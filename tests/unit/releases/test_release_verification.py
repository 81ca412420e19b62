"""`theseller release verify`: an untouched release is valid, and each change is found."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.releases import SMALL, copy_of_the_sources, sign_again
from tools.release.make_release import make_release
from tools.release.source_tree import read_source

import theseller
from theseller.cli.main import main
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases.release_files import (
    Manifest,
    ReleaseFileError,
    manifest_bytes,
    parse_manifest,
    read_pins,
)
from theseller.releases.release_verification import verify_release

WHEEL = f"theseller-{theseller.__version__}-py3-none-any.whl"
SOURCES = f"theseller-{theseller.__version__}.tar.gz"
FILES = [
    WHEEL, SOURCES, "manifest.json", "provenance.json", "requirements-aws.txt",
    "requirements-run.txt", "requirements-tracing.txt", "requirements-vault.txt", "sbom.cdx.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def release(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a release of a program of three modules, which is made faster."""
    root = tmp_path_factory.mktemp("repository") / "theseller"
    copy_of_the_sources(root, SMALL)
    return make_release(read_source(root), key, into=tmp_path_factory.mktemp("dist"))


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """Give a copy of the release that a test may change."""
    return Path(shutil.copytree(release, tmp_path / "copy"))


def _wrong(folder: Path, key: SigningKey) -> dict[str, str]:
    """Return what is wrong with each file of which anything is."""
    found = verify_release(folder, key.public_bytes)
    wrong = {one.name: "; ".join(one.wrong) for one in found.files if one.wrong}
    assert found.valid == (not wrong)
    return wrong


def _manifest(folder: Path) -> Manifest:
    return parse_manifest((folder / "manifest.json").read_bytes())


def test_an_untouched_release_is_valid(release: Path, key: SigningKey) -> None:
    found = verify_release(release, key.public_bytes)
    assert found.valid
    assert [one.name for one in found.files] == sorted(FILES)
    assert all("the signature is valid" in one.right for one in found.files)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, -1], ids=["first byte", "last byte"])
def test_a_changed_byte_is_found(copy: Path, key: SigningKey, name: str, where: int) -> None:
    content = bytearray((copy / name).read_bytes())
    content[where] ^= 1
    (copy / name).write_bytes(content)
    assert "the signature is not valid" in _wrong(copy, key)[name]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_signature_is_found(copy: Path, key: SigningKey, name: str) -> None:
    path = copy / f"{name}.sig"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    assert set(_wrong(copy, key)) == {name}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(copy: Path, key: SigningKey, name: str) -> None:
    (copy / name).unlink()
    assert f"{name} is missing" in _wrong(copy, key)[name]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_signature_is_found(copy: Path, key: SigningKey, name: str) -> None:
    (copy / f"{name}.sig").unlink()
    assert _wrong(copy, key) == {name: f"{name}.sig is missing"}


def test_files_and_signatures_besides_are_found(copy: Path, key: SigningKey) -> None:
    shutil.copy(copy / WHEEL, copy / "other.whl")
    shutil.copy(copy / f"{WHEEL}.sig", copy / "other.whl.sig")
    (copy / "none.txt.sig").touch()
    assert _wrong(copy, key) == {
        "other.whl": "the manifest does not list it",
        "none.txt.sig": "it signs no file of this folder",
    }


def test_a_folder_of_wheels_beside_is_no_file_of_the_release(copy: Path, key: SigningKey) -> None:
    (copy / "wheels").mkdir()
    assert _wrong(copy, key) == {}


def test_two_files_in_each_others_name_are_found(copy: Path, key: SigningKey) -> None:
    for suffix in ("", ".sig"):
        one, other = copy / f"sbom.cdx.json{suffix}", copy / f"provenance.json{suffix}"
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    assert set(_wrong(copy, key)) == {"sbom.cdx.json", "provenance.json"}


def test_a_link_is_no_file_of_a_release(copy: Path, key: SigningKey, release: Path) -> None:
    (copy / WHEEL).unlink()
    (copy / WHEEL).symlink_to(release / WHEEL)
    assert "no regular file" in _wrong(copy, key)[WHEEL]


def test_another_key_makes_no_file_valid(release: Path) -> None:
    other = SigningKey(Ed25519PrivateKey.generate())
    found = verify_release(release, other.public_bytes)
    assert not found.valid
    assert found.manifest is None
    assert {one.name for one in found.files if one.wrong} == set(FILES)


def test_a_whole_release_of_another_signer_is_refused(copy: Path, key: SigningKey) -> None:
    sign_again(copy, _manifest(copy), SigningKey(Ed25519PrivateKey.generate()))
    assert set(_wrong(copy, key)) == set(FILES)


def _more_in_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / WHEEL, "a") as wheel:
        wheel.writestr("theseller/more.py", "")


def _twice_in_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / WHEEL, "a") as wheel, pytest.warns(UserWarning, match="Dupl"):
        wheel.writestr("theseller/__init__.py", wheel.read("theseller/__init__.py"))


def _other_in_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        content = {name: wheel.read(name) for name in wheel.namelist()}
    first = content["theseller/__init__.py"]
    content["theseller/__init__.py"] = first.replace(b"0.1.0", b"0.1.1")
    del content["theseller/cli/__init__.py"]
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, data in content.items():
            wheel.writestr(name, data)


def _no_wheel(folder: Path) -> None:
    (folder / WHEEL).write_text("no archive")


def _changed_json(
    name: str, change: Callable[[dict[str, object]], object]
) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(json.dumps(document))

    return act


def _unpinned(folder: Path) -> None:
    path = folder / "requirements-run.txt"
    path.write_text(path.read_text() + "unpinned>=1\n")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (WHEEL, _more_in_wheel, "theseller/more.py is in it and not in the manifest"),
        (WHEEL, _twice_in_wheel, "theseller/__init__.py is in it twice"),
        (WHEEL, _other_in_wheel, "theseller/cli/__init__.py is missing in it"),
        (WHEEL, _other_in_wheel, "theseller/__init__.py has another SHA-256"),
        (WHEEL, _no_wheel, "it is no wheel"),
        ("sbom.cdx.json", _changed_json("sbom.cdx.json", lambda one: one["components"].pop()), "it differs from the pinned packages"),  # type: ignore[attr-defined]
        ("sbom.cdx.json", _changed_json("sbom.cdx.json", lambda one: one.update(specVersion="1.5")), "no CycloneDX 1.6"),
        ("sbom.cdx.json", _changed_json("sbom.cdx.json", lambda one: one["metadata"]["component"].update(version="9")), "of another version or product"),  # type: ignore[index]
        ("provenance.json", _changed_json("provenance.json", lambda one: one["subject"].pop()), "its subjects are not the files"),  # type: ignore[attr-defined]
        ("provenance.json", _changed_json("provenance.json", lambda one: one.update(predicateType="x")), "no in-toto statement"),
        ("provenance.json", _changed_json("provenance.json", lambda one: one["predicate"]["buildDefinition"].update(resolvedDependencies=[])), "another commit"),  # type: ignore[index]
        ("provenance.json", _changed_json("provenance.json", lambda one: one.pop("predicate")), "it has no predicate.buildDefinition"),
        ("requirements-run.txt", _unpinned, "unpinned is not pinned once"),
    ],
)  # fmt: skip
def test_a_signed_file_that_contradicts_the_others_is_found(
    copy: Path, key: SigningKey, name: str, change: Callable[[Path], None], says: str
) -> None:
    """The owner of the key signs by mistake what does not fit together."""
    manifest = _manifest(copy)
    change(copy)
    sign_again(copy, manifest, key)
    wrong = _wrong(copy, key)
    assert says in wrong[name], wrong


@pytest.mark.parametrize(
    "change",
    [
        {"format": "theseller-release-2"},
        {"wheel": "../theseller.whl"},
        {"wheel": "other.whl"},
        {"more": 1},
        {"artifacts": {"../up": {"sha256": "0" * 64, "bytes": 1}}},
        {"commit": "main"},
    ],
)
def test_what_is_no_manifest_is_refused(release: Path, change: dict[str, object]) -> None:
    document = json.loads((release / "manifest.json").read_text())
    with pytest.raises(ReleaseFileError):
        parse_manifest(msgspec.json.encode({**document, **change}))
    assert manifest_bytes(_manifest(release)) == (release / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "django==5.2\n",
        "django>=5.2 --hash=sha256:" + "0" * 64,
        "django==5.2,==5.3 --hash=sha256:" + "0" * 64,
        "-r other.txt\n",
        f"django==5.2 --hash=sha256:{'0' * 64}\nDjango==5.2 --hash=sha256:{'0' * 64}\n",
    ],
)
def test_a_list_with_a_package_that_is_not_pinned_is_refused(text: str) -> None:
    with pytest.raises(ReleaseFileError):
        read_pins(text)


def test_the_command_says_of_each_file_what_is_right(
    release: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = str(key_file.with_suffix(".pub"))
    assert main(["release", "verify", str(release), "--key", public]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FILES) + 1
    assert all(line.startswith("✓ ") for line in lines[:-1])
    commit = _manifest(release).commit
    assert lines[-1] == f"VALID: theseller {theseller.__version__}, made from commit {commit}"
    assert main(["release", "verify", str(release), "--key", public, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["commit"]) == (True, commit)


def test_the_command_says_what_is_wrong(
    copy: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = str(key_file.with_suffix(".pub"))
    command = ["release", "verify", str(copy), "--key", public]
    assert main([*command, "--version", "9.9.9"]) == 1
    assert "this is version 0.1.0, and not 9.9.9" in capsys.readouterr().out
    (copy / SOURCES).write_bytes(b"other")
    assert main(command) == 1
    said = capsys.readouterr().out
    assert f"✗ {SOURCES}" in said
    assert said.endswith("REFUSED: do not install it.\n")
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["valid"] is False
    (copy / "manifest.json").unlink()
    assert main(command) == 1
    assert "REFUSED: the manifest is not valid" in capsys.readouterr().out


def test_the_command_refuses_what_is_no_key_and_no_folder(
    release: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "verify", str(release), "--key", str(key_file)]) == 1
    assert "Give the public key, not the private one." in capsys.readouterr().err
    missing = str(tmp_path / "none")
    assert main(["release", "verify", str(release), "--key", missing]) == 1
    assert "No such file" in capsys.readouterr().err
    public = str(key_file.with_suffix(".pub"))
    assert main(["release", "verify", missing, "--key", public]) == 2
    assert "Give the folder with manifest.json." in capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_openssl_verifies_a_file_without_this_program(
    release: Path, key_file: Path, name: str
) -> None:
    command = [
        "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key_file.with_suffix(".pub")),
        "-rawin", "-in", str(release / name), "-sigfile",
    ]  # fmt: skip
    other = FILES[FILES.index(name) - 1]
    for signed, status in ((name, 0), (other, 1)):
        done = subprocess.run(
            [*command, str(release / f"{signed}.sig")], capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
