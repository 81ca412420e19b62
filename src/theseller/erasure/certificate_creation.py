"""Build, sign and store the certificate of an erasure.

It says what was there and is deleted, what expires when, and where the audit log says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller import __version__
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.audit.queries import events, last_document
from theseller.audit.signed_checkpoint_document import digest_of
from theseller.audit.signed_checkpoint_document import read as read_checkpoint
from theseller.crypto.canonical_json_signing import SigningKey, canonical_json
from theseller.crypto.key_types import Purpose
from theseller.erasure.certificate_format import FORMAT, signed_message
from theseller.erasure.erasure_base_class import Erasure
from theseller.erasure.erasure_records import deleted_by_table, note_within, progress, record_scope
from theseller.erasure.residual_key_destruction import (
    KeyStillActiveError,
    destroy_keys_of,
    owners_of,
)
from theseller.erasure.types import Progress, SanitizationProof, Subject, SubjectKind
from theseller.lib import sql_execution
from theseller.lib.ids import creation_time, new_id
from theseller.retention.database_aliases import ACTOR, COUNTER, ERASER
from theseller.retention.readable_backups import backup_of_key, readable_backup_keys
from theseller.retention.retention_limits import BACKUP_DAYS

_OUTSIDE = (
    "the database's own service keeps its backups: ask its operator when the last one from before"
    " this day ends"
)
_INSERT = """
insert into erasure_certificate
    (tenant_id, subject_id, kind, id, body, signature, public_key, issued_at)
values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (tenant_id, subject_id) do nothing
"""


def certify(
    erasure: Erasure, left: dict[str, int], proof: SanitizationProof, *, at: datetime
) -> None:
    """Record that an erasure is complete, then sign and store its certificate.

    Repeating it is harmless: the first certificate is kept.

    Args:
        erasure: the erasure, whose rows are deleted.
        left: the last count by table: all zero.
        proof: what was rewritten, and what a search of the disk found.
        at: when it is issued.

    Raises:
        KeyStoreError, KeyStillActiveError: a key of a connection is in the key store and can't be
            destroyed now.
    """
    subject = erasure.subject
    destroy_keys_of(erasure.connections())
    erasure.complete(at)
    known = progress(subject)
    if known is None:
        raise RuntimeError("an erasure without its record is not certified")
    key, identity = signing_key(), new_id()
    body = _body(erasure, identity, known, left, proof, at=at)
    content, public_key = canonical_json(body), key.public_bytes
    signature = key.sign(signed_message(body, public_key.hex()))
    row = [subject.scope, subject.id, subject.kind.value, identity, content, signature, public_key]
    with record_scope(subject):
        if sql_execution.execute(databases[ERASER], _INSERT, [*row, at]):
            # With its digest, so that the log, once sealed, says which certificate it was.
            details = {
                "certificate": str(identity),
                "body_sha256": hashlib.sha256(content).hexdigest(),
            }
            record(
                Tag.CERTIFICATE_ISSUED,
                actor=ACTOR,
                tenant=subject.tenant,
                subject=subject.name,
                at=at,
                details=details,
                using=ERASER,
            )
        # A connection's was completed before: its certificate names that event.
        if subject.kind is not SubjectKind.CONNECTION:
            note_within(
                subject,
                "left_over = %s, completed_at = coalesce(completed_at, %s)",
                [json.dumps(left), at],
            )


def _body(
    erasure: Erasure,
    identity: UUID,
    known: Progress,
    left: dict[str, int],
    proof: SanitizationProof,
    *,
    at: datetime,
) -> dict[str, object]:
    subject, planned, deleted = (
        erasure.subject,
        erasure.planned(known),
        deleted_by_table(erasure.deleted(known)),
    )
    return {
        "format": FORMAT,
        "certificate_id": str(identity),
        "issued_at": at.isoformat(),
        "deployment": settings.ENVIRONMENT.public_url,
        "deployment_kind": settings.ENVIRONMENT.kind.value,
        "software": f"TheSeller {__version__}",
        "subject": {
            "kind": subject.kind.certified,
            "id": str(subject.id),
            "requested_at": known.requested_at.isoformat(),
        },
        "rows": [
            {
                "table": table,
                "before": planned.get(table, 0),
                "deleted": deleted.get(table, 0),
                "left": left[table],
            }
            for table in sorted(left)
        ],
        "counted_by": "an independent query under another database role, after the last deletion",
        "keys_destroyed": keys_section(erasure.connections()),
        "rewritten": vacuum_section(proof),
        "residue": residual_scan_section(proof, erasure.searched_for),
        "backups": backups_section(at),
        "audit": audit_section(subject, (erasure.intended, erasure.done), since=known.requested_at),
    } | erasure.certificate_fields()


def keys_section(connections: Collection[UUID]) -> list[dict[str, str]]:
    """Return the keys that connections had, by the key store's tombstones.

    Raises:
        KeyStillActiveError: one of them exists.
    """
    owners, found = owners_of(connections), settings.KEY_STORE.list()
    if any(entry.owner in owners and not entry.destroyed for entry in found):
        raise KeyStillActiveError(
            "a key of a connection that has ended is in the key store: nothing is certified"
        )
    return [
        {
            "key": str(entry.id),
            "purpose": entry.purpose.value if entry.purpose else "",
            "destroyed_at": entry.destroyed_at.isoformat(),
        }
        for entry in found
        if entry.owner in owners and entry.destroyed_at is not None
    ]


def vacuum_section(proof: SanitizationProof) -> dict[str, object]:
    """Return what was rewritten."""
    done = proof.rewritten
    return {
        "relations": sorted(done),
        "bytes_before": sum(one["before"] for one in done.values()),
        "bytes_after": sum(one["after"] for one in done.values()),
        "longest_lock_ms": max((one["ms"] for one in done.values()), default=0),
        "not_done": proof.not_rewritten,
    }


def residual_scan_section(proof: SanitizationProof, searched_for: str) -> dict[str, object]:
    """Return what was searched, for what, and what was found."""
    found = proof.residue
    return {
        "searched_for": searched_for,
        "not_searched": found.not_searched,
        "database": {"files": found.files, "bytes": found.bytes, "hits": found.hits},
        "wal": {"files": found.wal_files, "from_before": found.older_wal},
        "logs": {"files": found.log_files, "bytes": found.log_bytes, "hits": found.log_hits},
    }


def backups_section(at: datetime) -> dict[str, object]:
    """Return every backup that can still be read.

    Each may hold what was erased, with the WAL kept with it, until it expires.
    """
    found = []
    for entry in readable_backup_keys(settings.KEY_STORE):
        identity = backup_of_key(entry) or entry.id
        taken = creation_time(identity)
        found.append(
            {
                "backup": str(identity),
                "taken_at": taken.isoformat(),
                "ends_by": (taken + timedelta(days=BACKUP_DAYS)).isoformat(),
            }
        )
    return {
        "affected": found,
        "last_ends_by": max((one["ends_by"] for one in found), default=""),
        "as_of": at.isoformat(),
        "kept_elsewhere": (
            _OUTSIDE
            if settings.ENVIRONMENT.database_url and not settings.ENVIRONMENT.in_quarantine
            else ""
        ),
    }


def audit_section(subject: Subject, tags: tuple[Tag, Tag], *, since: datetime) -> dict[str, object]:
    """Return where the audit log has the beginning and the end of an erasure.

    With the newest sealed checkpoint: the next one covers these places.
    """
    found = events(tenant=subject.tenant, since=since, using=COUNTER)
    positions = {line.tag: line.position for line in found if line.subject == subject.name}
    document = last_document(using=COUNTER)
    return {
        "begun_at_position": positions.get(tags[0].value, 0),
        "completed_at_position": positions.get(tags[1].value, 0),
        "newest_checkpoint": read_checkpoint(document).number if document else 0,
        "newest_checkpoint_sha256": digest_of(document) if document else "",
    }


def signing_key() -> SigningKey:
    """Return the deployment's certificate key, made at its first use."""
    store = settings.KEY_STORE
    active = [
        one
        for one in store.list()
        if one.purpose is Purpose.SIGNING and one.owner == "certificates" and not one.destroyed
    ]
    data_key = store.get(active[-1].id) if active else store.create(Purpose.SIGNING, "certificates")
    return SigningKey.from_secret(data_key.material)
