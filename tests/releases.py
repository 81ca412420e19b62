"""Repositories and releases for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.demo_deployment import ROOT
from tools.release.make_release import write_manifest_and_signatures

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases.release_files import Manifest

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
