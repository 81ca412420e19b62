"""A release of the working tree with its image, made once for all tests of containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.releases import PARTS, copy_of_the_sources
from tools.image.build_twice import release_image
from tools.release.make_release import make_release
from tools.release.source_tree import read_source

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.ed25519_pem_keys import public_key_pem


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folder of the release, and the file of the public key."""
    folder = tmp_path_factory.mktemp("release")
    copy_of_the_sources(folder / "sources", (*PARTS, "deploy"))
    key = Ed25519PrivateKey.generate()
    public = folder / "release.pub"
    public.write_bytes(public_key_pem(key.public_key().public_bytes_raw()))
    made = make_release(
        read_source(folder / "sources"), SigningKey(key), into=folder / "dist",
        make_image=release_image,
    )  # fmt: skip
    return made, public
