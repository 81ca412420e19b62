"""What an export of the state folder contains, and where the rest is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.backups.state_export_format import DAMAGED, Header, StateExportError
from theseller.datamap.state_folder_and_guard_tables import is_exported

#: The tar's first member.
NAME = "manifest.json"
#: Where secrets or keys are if they are in the state folder.
IN_FILES = "files"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file: its path below the state folder, its size and its SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of an export.

    Attributes:
        secrets_in: the secret provider; secrets are among the files if it is `files`.
        keys_in: the key store, likewise.
        secret_names: the deployment's secrets, wherever they are.
        live_keys: how many keys can open something.
        destroyed_keys: how many tombstones there are.
        files: every file, in the order of the export.
    """

    environment: str
    deployment: UUID | None
    at: datetime
    version: str
    secrets_in: str
    keys_in: str
    secret_names: tuple[str, ...]
    live_keys: int
    destroyed_keys: int
    files: tuple[ManifestFile, ...]

    def document(self) -> dict[str, object]:
        """Return this as a JSON document."""
        return {
            "environment": self.environment,
            "deployment": str(self.deployment) if self.deployment else None,
            "at": self.at.isoformat(),
            "version": self.version,
            "secrets_in": self.secrets_in,
            "keys_in": self.keys_in,
            "secret_names": list(self.secret_names),
            "live_keys": self.live_keys,
            "destroyed_keys": self.destroyed_keys,
            "files": [
                {"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in self.files
            ],
        }

    def encoded(self) -> bytes:
        """Return this as the tar's first member has it."""
        return json.dumps(self.document(), indent=1).encode() + b"\n"


def parse(content: bytes, header: Header) -> Manifest:
    """Return the manifest of an export with this header.

    Raises:
        StateExportError: it is damaged, differs from the header, or names a file that does not
            belong into an export.
    """
    try:
        fields = json.loads(content)
        found = Manifest(
            str(fields["environment"]),
            UUID(fields["deployment"]) if fields["deployment"] else None,
            datetime.fromisoformat(fields["at"]),
            str(fields["version"]),
            str(fields["secrets_in"]),
            str(fields["keys_in"]),
            tuple(map(str, fields["secret_names"])),
            int(fields["live_keys"]),
            int(fields["destroyed_keys"]),
            tuple(
                ManifestFile(str(one["path"]), int(one["bytes"]), str(one["sha256"]))
                for one in fields["files"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateExportError(DAMAGED) from None
    same = (header.environment, header.deployment, header.at, header.version)
    if same != (found.environment, found.deployment, found.at, found.version):
        raise StateExportError(DAMAGED)
    for one in found.files:
        if not is_exported(one.path):
            raise StateExportError(
                f"it has a file that does not belong into an export: {one.path[:80]!r}"
            )
    return found
