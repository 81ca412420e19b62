"""Repositories and releases for tests."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import py_compile
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.demo_deployment import ROOT
from tools.release.signing import write_manifest_and_signatures

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.ed25519_pem_keys import public_key_pem
from theseller.releases.installed_files import Installation
from theseller.releases.release_files import Manifest, digest_of, digest_of_stream

#: What a wheel is made of. The source archive of a release has everything else as well.
PARTS = ("src", "requirements", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
#: A part of it, of which a wheel can be built too.
SMALL = (
    "src/theseller/__init__.py", "src/theseller/cli/__init__.py",
    "src/theseller/releases/__init__.py", *PARTS[1:],
)  # fmt: skip
#: The author of commits in tests, whatever this account's git is set to.
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.com",
    "GIT_AUTHOR_DATE": "2026-11-20T10:00:00Z", "GIT_COMMITTER_DATE": "2026-11-20T10:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, env={**os.environ, **_AUTHOR}, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip


def copy_of_the_sources(root: Path, parts: Iterable[str]) -> None:
    """Commit the working tree's files to a new repository, with a section of the changelog."""
    listed = git(ROOT, "ls-files", "-z", "-co", "--exclude-standard", "--", *parts)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    with (root / "CHANGELOG.md").open("a") as file:
        file.write("\n## [0.1.0] - 2026-11-29\n")
    git(root, "init", "-q")
    git(root, "add", "--force", ".")
    git(root, "commit", "-q", "-m", "Begin")


def sign_again(folder: Path, manifest: Manifest, key: SigningKey) -> None:
    """Write a manifest of the folder's present files and sign all, as the owner of the key could."""
    for path in folder.glob("*.sig"):
        path.unlink()
    (folder / "manifest.json").unlink()
    write_manifest_and_signatures(folder, manifest, key)


#: The files of a dependency.
SAMPLE = {
    "sample/__init__.py": b"import sample.more\n", "sample/more.py": b"LIMIT = 10\n",
    "Sample-1.0.dist-info/METADATA": b"Name: Sample\nVersion: 1.0\n",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SmallInstallation:
    """An installed program of two modules with one dependency, and its release.

    Attributes:
        installation: where it is.
        release: the folder of its release.
        key_file: the public key.
        key: the private one.
    """

    installation: Installation
    release: Path
    key_file: Path
    key: SigningKey

    @property
    def site(self) -> Path:
        """The folder of installed distributions."""
        return self.installation.sites[0]


def small_installation(root: Path) -> SmallInstallation:
    """Make one as pip leaves it: compiled, with a record of each distribution."""
    site, release = root / "site", root / "release"
    release.mkdir(parents=True)
    program = {
        "theseller/__init__.py": b'VERSION = "0.1.0"\n',
        "theseller/sql/tables.sql": b"select 1;\n",
        "theseller/module.py": b"def answer() -> int:\n    return 42\n",
        "theseller-0.1.0.dist-info/METADATA": b"Name: theseller\nVersion: 0.1.0\n\nText\n",
        "theseller-0.1.0.dist-info/RECORD": b"",
    }
    install(site, "theseller-0.1.0", program)
    install(site, "Sample-1.0", SAMPLE)
    (root / "wheels").mkdir()
    wheel = write_wheel(root / "wheels" / "Sample-1.0-py3-none-any.whl", SAMPLE)
    pins = f"sample==1.0 \\\n    --hash=sha256:{digest_of(wheel).sha256}\n"
    pins += f"elsewhere==2.0 ; sys_platform == 'other' \\\n    --hash=sha256:{'1' * 64}\n"
    (release / "requirements-run.txt").write_text(pins)
    (release / "theseller-0.1.0-py3-none-any.whl").touch()
    manifest = Manifest(
        format="theseller-release-1", name="theseller", version="0.1.0", commit="0" * 40,
        source_date_epoch=0, wheel="theseller-0.1.0-py3-none-any.whl",
        requirements={"run": "requirements-run.txt"}, artifacts={},
        files={name: digest_of_stream(io.BytesIO(content)) for name, content in program.items()},
    )  # fmt: skip
    key = SigningKey(Ed25519PrivateKey.generate())
    write_manifest_and_signatures(release, manifest, key)
    shutil.move(root / "wheels", release / "wheels")
    (root / "release.pub").write_bytes(public_key_pem(key.public_bytes))
    where = Installation((site / "theseller").resolve(), (site.resolve(),))
    return SmallInstallation(where, release, root / "release.pub", key)


def install(site: Path, distribution: str, files: Mapping[str, bytes]) -> None:
    """Write the files of a distribution, compile its modules, and write down all of them."""
    metadata = f"{distribution}.dist-info"
    lines = [f"{metadata}/RECORD,,"]
    for name, content in {**files, f"{metadata}/INSTALLER": b"pip\n"}.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix == ".py":
            compiled = Path(py_compile.compile(str(path), doraise=True) or "")
            lines.append(f"{compiled.relative_to(site)},,")
        if path.name != "RECORD":
            lines.append(f"{name},{record_digest(content)},{len(content)}")
    (site / metadata / "RECORD").write_text("\n".join(lines) + "\n")


def write_wheel(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write the wheel of a distribution, with its record."""
    metadata = "-".join(path.name.split("-")[:2]) + ".dist-info"
    lines = [f"{name},{record_digest(data)},{len(data)}" for name, data in files.items()]
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr(f"{metadata}/RECORD", "\n".join([*lines, f"{metadata}/RECORD,,"]) + "\n")
    return path


def record_digest(content: bytes) -> str:
    """Return a digest in the form of `RECORD` (PyPA's specification of installed projects)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return "sha256=" + digest.rstrip("=")
