"""A release of the working tree, made once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.releases import PARTS, copy_of_the_sources, git
from tools.release.make_release import make_release
from tools.release.source_tree import read_source

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.ed25519_pem_keys import public_key_pem, read_signing_key


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a private key in PEM, with the public one beside it."""
    path = tmp_path_factory.mktemp("key") / "release.pem"
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.with_suffix(".pub").write_bytes(public_key_pem(key.public_key().public_bytes_raw()))
    return path


@pytest.fixture(scope="session")
def key(key_file: Path) -> SigningKey:
    return read_signing_key(key_file)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository with the working tree's product as its only commit."""
    root = tmp_path_factory.mktemp("repository") / "theseller"
    copy_of_the_sources(root, PARTS)
    return root


@pytest.fixture(scope="session")
def release(repository: Path, key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a release; a test that changes it copies it."""
    return make_release(
        read_source(repository), key, into=tmp_path_factory.mktemp("dist"),
        repository="https://code.example/theseller",
    )  # fmt: skip


@pytest.fixture
def small_repository(tmp_path: Path) -> Path:
    """Give a repository with what is read before anything is built."""
    root = tmp_path / "small"
    (root / "src" / "theseller").mkdir(parents=True)
    (root / "src" / "theseller" / "__init__.py").write_text('__version__ = "3.2.1"\n')
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## [3.2.1] - 2026-11-29\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "Begin")
    return root
