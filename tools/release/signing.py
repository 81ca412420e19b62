"""Write the manifest of a release, and sign its files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases.release_files import (
    MANIFEST,
    SIGNATURE_SUFFIX,
    Manifest,
    digest_of,
    manifest_bytes,
)


def write_manifest_and_signatures(folder: Path, manifest: Manifest, key: SigningKey) -> None:
    """Write the manifest with digests of all files, and sign every file."""
    artifacts = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    listing = msgspec.structs.replace(manifest, artifacts=artifacts)
    (folder / MANIFEST).write_bytes(manifest_bytes(listing))
    for path in sorted(folder.iterdir()):
        signature = folder / (path.name + SIGNATURE_SUFFIX)
        signature.write_bytes(key.sign(path.read_bytes()))
