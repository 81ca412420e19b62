"""The manifest as canonical JSON: equal manifests have equal bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from theseller.backups.types import BackupError, Fingerprint, Manifest
from theseller.crypto.canonical_json_signing import canonical_json, parse_canonical_json
from theseller.crypto.errors import NotCanonicalError
from theseller.erasure.journal_loss_detection import parse

FORMAT = "theseller.org/backup/v1"


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as canonical JSON."""
    journal = {} if manifest.journal is None else {"journal": manifest.journal.as_document()}
    return canonical_json(
        {
            **journal,
            "format": FORMAT,
            "id": str(manifest.id),
            "environment": manifest.environment,
            "software": manifest.software,
            "postgres": manifest.postgres,
            "begun_at": manifest.begun_at.isoformat(),
            "held_at": manifest.snapshot_at.isoformat(),
            "first_segment": manifest.first_segment,
            "last_segment": manifest.last_segment,
            "restore_point": manifest.restore_point,
            "tables": {
                name: {"rows": one.rows, "total": one.total}
                for name, one in manifest.tables.items()
            },
            "objects": dict(manifest.objects),
        }
    )


def decode(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BackupError: it is none, or one of a later version.
    """
    try:
        found: dict[str, Any] = parse_canonical_json(content)
        if found["format"] != FORMAT:
            raise BackupError(
                "this backup was made by another version of TheSeller: use that version to"
                " restore it"
            )
        return Manifest(
            id=UUID(found["id"]),
            environment=str(found["environment"]),
            software=str(found["software"]),
            postgres=str(found["postgres"]),
            begun_at=datetime.fromisoformat(found["begun_at"]),
            snapshot_at=datetime.fromisoformat(found["held_at"]),
            first_segment=str(found["first_segment"]),
            last_segment=str(found["last_segment"]),
            restore_point=str(found["restore_point"]),
            tables={
                str(name): Fingerprint(int(one["rows"]), str(one["total"]))
                for name, one in found["tables"].items()
            },
            objects={str(name): str(digest) for name, digest in found["objects"].items()},
            journal=parse(found["journal"]) if "journal" in found else None,
        )
    except (NotCanonicalError, KeyError, TypeError, ValueError, AttributeError):
        raise BackupError("the manifest of this backup is damaged") from None
