"""`bin/release`: what it makes, that it makes the same again, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.releases import git
from tools.release import __main__ as command
from tools.release import make_release as making
from tools.release.source_tree import NotReleasableError, Source, read_source

import theseller
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases.release_files import parse_manifest, read_pins

WHEEL = f"theseller-{theseller.__version__}-py3-none-any.whl"


def test_a_release_has_these_files_and_a_signature_of_each(release: Path) -> None:
    names = {path.name for path in release.iterdir()}
    content = {name for name in names if not name.endswith(".sig")}
    assert content == {
        WHEEL, f"theseller-{theseller.__version__}.tar.gz", "manifest.json", "sbom.cdx.json",
        "provenance.json", "requirements-run.txt", "requirements-aws.txt",
        "requirements-vault.txt", "requirements-tracing.txt",
    }  # fmt: skip
    assert names - content == {f"{name}.sig" for name in content}


def test_the_wheel_has_every_tracked_file_of_the_package_and_nothing_else(
    release: Path, repository: Path
) -> None:
    manifest = parse_manifest((release / "manifest.json").read_bytes())
    tracked = {
        name.removeprefix("src/") for name in git(repository, "ls-files", "src").splitlines()
    }
    packaged = {name for name in manifest.files if ".dist-info/" not in name}
    assert packaged == tracked
    for kind in ("templates/", "static/", "sql/", "migrations/", "datamap.py", ".po", "py.typed"):
        assert any(kind in name for name in tracked) == any(kind in name for name in packaged)
    with zipfile.ZipFile(release / WHEEL) as wheel:
        for name, digest in manifest.files.items():
            assert hashlib.sha256(wheel.read(name)).hexdigest() == digest.sha256
        assert {entry.date_time for entry in wheel.infolist()} == {(2026, 11, 20, 10, 0, 0)}


def test_the_source_archive_has_the_files_of_the_commit(release: Path, repository: Path) -> None:
    top = f"theseller-{theseller.__version__}"
    with tarfile.open(release / f"{top}.tar.gz") as archive:
        names = {name.removeprefix(f"{top}/") for name in archive.getnames()}
    assert set(git(repository, "ls-files").splitlines()) <= names
    assert names - set(git(repository, "ls-files").splitlines()) == {"PKG-INFO"}


def test_the_manifest_names_the_commit(release: Path, repository: Path) -> None:
    manifest = parse_manifest((release / "manifest.json").read_bytes())
    assert manifest.commit == git(repository, "rev-parse", "HEAD").strip()
    assert (manifest.version, manifest.wheel) == (theseller.__version__, WHEEL)


def test_the_sbom_lists_the_pinned_packages_with_purl_and_digests(release: Path) -> None:
    document = json.loads((release / "sbom.cdx.json").read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    django = next(one for one in document["components"] if one["name"] == "django")
    pin = read_pins((release / "requirements-run.txt").read_text())["django"]
    assert django["purl"] == f"pkg:pypi/django@{pin.version}"
    [reference] = django["externalReferences"]
    assert {one["content"] for one in reference["hashes"]} == pin.sha256
    assert django["properties"] == [
        {"name": "theseller:requirements", "value": "run,aws,vault,tracing"}
    ]
    boto3 = next(one for one in document["components"] if one["name"] == "boto3")
    assert boto3["properties"] == [{"name": "theseller:requirements", "value": "aws,tracing"}]
    product = document["metadata"]["component"]["bom-ref"]
    depends = next(one for one in document["dependencies"] if one["ref"] == product)
    assert {django["purl"], boto3["purl"]} <= set(depends["dependsOn"])


def test_the_sbom_is_valid_by_the_schema_of_cyclonedx(release: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (release / "sbom.cdx.json").read_text()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    wrong = text.replace('"bomFormat": "CycloneDX"', '"bomFormat": "Other"')
    assert validator.validate_str(wrong) is not None


def test_the_provenance_is_a_slsa_statement_about_the_files(release: Path) -> None:
    statement = json.loads((release / "provenance.json").read_text())
    manifest = parse_manifest((release / "manifest.json").read_bytes())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == {
        name: digest.sha256
        for name, digest in manifest.artifacts.items()
        if name != "provenance.json"
    }
    [source] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": manifest.commit}
    assert source["uri"] == f"git+https://code.example/theseller@{manifest.commit}"


def test_the_program_of_the_wheel_runs(release: Path, tmp_path: Path) -> None:
    """With the dependencies that are installed here: the long test below installs the pinned ones."""
    with zipfile.ZipFile(release / WHEEL) as wheel:
        wheel.extractall(tmp_path / "unpacked")  # noqa: S202 - our own archive
    code = (
        "import django, theseller; from django.core.management import call_command;"
        "django.setup(); call_command('check'); print(theseller.__file__)"
    )
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "unpacked"),
        "THESELLER_ENV": "test", "THESELLER_STATE": str(tmp_path / "state"),
        "DJANGO_SETTINGS_MODULE": "theseller.config.settings", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "unpacked/theseller/__init__.py")


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["run", "aws", "vault", "tracing"])
def test_the_wheel_is_installed_with_the_pinned_packages_and_runs(
    release: Path, key_file: Path, tmp_path: Path, kind: str
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    programs = tmp_path / "venv" / "bin"
    pip = [str(programs / "pip"), "install", "--quiet", "--no-deps"]
    for arguments in (
        ["--require-hashes", "-r", str(release / f"requirements-{kind}.txt")],
        ["--no-index", str(release / WHEEL)],
    ):
        subprocess.run([*pip, *arguments], cwd=tmp_path, check=True)
    environ = {"PATH": os.environ["PATH"], "THESELLER_STATE": str(tmp_path / "state")}
    said = {}
    for arguments in (["--version"], ["doctor"], ["setup", "--check"]):
        done = subprocess.run(
            [str(programs / "theseller"), *arguments], cwd=tmp_path, env=environ,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said[arguments[0]] = done.stdout + done.stderr
        assert "Traceback" not in said[arguments[0]]
        assert "unexpectedly" not in said[arguments[0]]
    assert said["--version"] == f"theseller {theseller.__version__}\n"
    assert "✓" in said["doctor"]
    _compare_with_release(release, key_file, tmp_path, kind, environ)
    subprocess.run([str(programs / "pip"), "check"], check=True)


def _compare_with_release(
    release: Path, key_file: Path, folder: Path, kind: str, environ: dict[str, str]
) -> None:
    """Check what pip installed with and without the wheels, and with one changed byte."""
    named = Path(shutil.copytree(release, folder / "release"))
    settings = {
        "THESELLER_RELEASE": str(named), "THESELLER_RELEASE_KEY": str(key_file.with_suffix(".pub")),
    }  # fmt: skip
    programs = folder / "venv" / "bin"

    def check() -> tuple[int, str]:
        done = subprocess.run(
            [str(programs / "theseller"), "release", "check"], env={**environ, **settings},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    status, said = check()
    assert (status, said[:5]) == (0, "VALID"), said
    subprocess.run(
        [str(programs / "pip"), "download", "--quiet", "--no-deps", "--require-hashes", "-r",
            str(named / f"requirements-{kind}.txt"), "-d", str(named / "wheels")],
        check=True,
    )  # fmt: skip
    status, said = check()
    assert (status, said[:5]) == (0, "VALID"), said
    assert "(0 by their wheels)" not in said
    [changed] = (folder / "venv").glob("lib/python*/site-packages/segno/consts.py")
    changed.write_bytes(changed.read_bytes() + b"\n")
    status, said = check()
    assert status == 1
    assert "segno/consts.py differs from the record of segno" in said


def test_builds_that_differ_are_refused(
    small_repository: Path, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(tree: Path, _epoch: int, _variables: object) -> Path:
        (tree / "dist").mkdir()
        (tree / "dist" / WHEEL).write_text(str(tree))
        return tree / "dist"

    monkeypatch.setattr(making, "build_archives", build)
    with pytest.raises(NotReleasableError, match=f"two builds differ: {WHEEL}"):
        making.make_release(read_source(small_repository), key, into=tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_release_is_made_once(small_repository: Path, key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "3.2.1").mkdir()
    with pytest.raises(NotReleasableError, match="exists: delete it first"):
        making.make_release(read_source(small_repository), key, into=tmp_path)


def test_a_clean_commit_is_releasable(small_repository: Path) -> None:
    commit = git(small_repository, "rev-parse", "HEAD").strip()
    assert read_source(small_repository) == Source(small_repository, "3.2.1", commit, 1795168800)


def test_a_changed_file_is_refused(small_repository: Path) -> None:
    (small_repository / "CHANGELOG.md").write_text("## [3.2.1] - 2026-11-29\n")
    with pytest.raises(NotReleasableError, match=r"differ from the commit: CHANGELOG\.md"):
        read_source(small_repository)


def test_an_untracked_file_is_refused(small_repository: Path) -> None:
    (small_repository / "src" / "theseller" / "more.py").touch()
    with pytest.raises(NotReleasableError, match=r"src/theseller/more\.py; commit them first"):
        read_source(small_repository)


@pytest.mark.parametrize("heading", ["## [Unreleased]", "## [3.2.10] - 2026-11-29", "## [3.2.1]"])
def test_a_changelog_without_the_version_is_refused(small_repository: Path, heading: str) -> None:
    (small_repository / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    git(small_repository, "commit", "-q", "-a", "-m", "Change")
    with pytest.raises(NotReleasableError, match=r"has no section `## \[3\.2\.1\]"):
        read_source(small_repository)


def test_the_command_refuses_another_version_and_a_readable_key(
    small_repository: Path,
    key_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "_ROOT", small_repository)
    into = ["--into", str(tmp_path / "dist")]
    assert command.main(["--key", str(key_file), "--version", "3.2.2", *into]) == 1
    assert "the package has version 3.2.1, not 3.2.2" in capsys.readouterr().err
    readable = tmp_path / "readable.pem"
    readable.write_bytes(key_file.read_bytes())
    readable.chmod(0o644)
    assert command.main(["--key", str(readable), *into]) == 1
    assert "open to other users" in capsys.readouterr().err
    public = tmp_path / "public.pem"
    public.touch(mode=0o600)
    public.write_bytes(key_file.with_suffix(".pub").read_bytes())
    assert command.main(["--key", str(public), *into]) == 1
    assert "no unencrypted private key" in capsys.readouterr().err
    assert command.main(["--key", str(tmp_path / "none.pem"), *into]) == 1
    assert "none.pem is missing" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()
