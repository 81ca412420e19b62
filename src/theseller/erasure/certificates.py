"""Issue the certificate of an erasure: what was there and went, what still dies and when, where it stands in the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller import __version__
from theseller.audit.checkpoint_format import digest_of
from theseller.audit.checkpoint_format import read as read_checkpoint
from theseller.audit.operations import record
from theseller.audit.queries import events, last_document
from theseller.audit.tags import Tag
from theseller.connections.types import ConnectionView, Origin
from theseller.crypto.keys import Purpose
from theseller.crypto.signing import SigningKey, canonical_json
from theseller.erasure.certificate_file import FORMAT, signed_message
from theseller.erasure.connections import progress_of
from theseller.erasure.key_destruction import KeyStillActiveError, destroy_keys_of, owners_of
from theseller.erasure.records import deleted_by_table
from theseller.erasure.types import Progress, SanitizationProof
from theseller.lib.ids import creation_time, new_id
from theseller.retention.backup_keys import backup_of_key, readable_backup_keys
from theseller.retention.limits import BACKUP_DAYS
from theseller.retention.roles import ACTOR, COUNTER, ERASER
from theseller.tenancy.scope import tenant_scope

#: Between the end of a connection, as its row says, and the key store's own time of the destruction.
_LATE = timedelta(minutes=15)
_OUTSIDE = "the database's own service keeps its backups: ask whoever runs it when the last one from before this day ends"


def certify(closed: ConnectionView, left: dict[str, int], proof: SanitizationProof, *, at: datetime) -> None:
    """Record that the erasure is complete, then sign and keep its certificate. Again is harmless: the first one is kept.

    Raises:
        KeyStoreError, LivingKeyError: a key of the connection is in the key store and can't be destroyed now.
    """
    destroy_keys_of((closed.id,))
    _complete(closed, at=at)
    known = progress_of(closed)
    if known is None:
        raise RuntimeError("an erasure without its ledger is not certified")
    key = signing_key()
    certificate = new_id()
    body = _body(closed, certificate, known, left, proof, at=at)
    public_key = key.public_bytes
    signature = key.sign(signed_message(body, public_key.hex()))
    content = canonical_json(body)
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "insert into retention_certificate (tenant_id, connection_id, id, body, signature, public_key, issued_at)"
            " values (%s, %s, %s, %s, %s, %s, %s) on conflict (tenant_id, connection_id) do nothing",
            [closed.tenant, closed.id, certificate, content, signature, public_key, at],
        )
        if cursor.rowcount:
            # With its digest, so that the log, once sealed, says which certificate it was.
            details = {"certificate": str(certificate), "body_sha256": hashlib.sha256(content).hexdigest()}
            record(
                Tag.CERTIFICATE_ISSUED, actor=ACTOR, tenant=closed.tenant, subject=f"connection:{closed.id}", at=at, details=details,
                using=ERASER,
            )  # fmt: skip


def _complete(closed: ConnectionView, *, at: datetime) -> None:
    with tenant_scope(closed.tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "update retention_purge set completed_at = %s where tenant_id = %s and connection_id = %s and completed_at is null",
            [at, closed.tenant, closed.id],
        )
        if cursor.rowcount:
            record(Tag.PURGE_COMPLETED, actor=ACTOR, tenant=closed.tenant, subject=f"connection:{closed.id}", at=at, using=ERASER)


def _body(  # the parts of one document
    closed: ConnectionView, certificate: UUID, known: Progress, left: dict[str, int], proof: SanitizationProof, *, at: datetime
) -> dict[str, object]:
    by_table = deleted_by_table(known.deleted)
    ended = closed.disconnected_at
    keys = keys_section((closed.id,))
    return {
        "format": FORMAT,
        "certificate_id": str(certificate),
        "issued_at": at.isoformat(),
        "deployment": settings.ENVIRONMENT.public_url,
        "deployment_kind": settings.ENVIRONMENT.kind.value,
        "software": f"TheSeller {__version__}",
        "tenant_id": str(closed.tenant),
        "connection_id": str(closed.id),
        "region": closed.region.value,
        "disconnected_at": ended.isoformat() if ended else "",
        "reason": closed.disconnect_reason.value if closed.disconnect_reason else "",
        "refresh_token": _token_told(closed, keys),
        "rows": [
            {"table": table, "before": known.plan.get(table, 0), "deleted": by_table.get(table, 0), "left": left[table]}
            for table in sorted(left)
        ],
        "counted_by": "an independent query under another database role, after the last deletion",
        "keys_destroyed": keys,
        "rewritten": vacuum_section(proof),
        "residue": residual_scan_section(
            proof, "the connection's id, which every row that came of it holds; derived tables hold none, and were written anew whole"
        ),
        "backups": backups_section(at),
        "audit": audit_section(
            f"connection:{closed.id}", (Tag.PURGE_INTENDED, Tag.PURGE_COMPLETED), tenant=closed.tenant, since=closed.disconnected_at
        ),
    }


def keys_section(connections: Collection[UUID]) -> list[dict[str, str]]:
    """Name every key that these connections ever had, by the key store's tombstones.

    Raises:
        LivingKeyError: one of them is alive.
    """
    owners, found = owners_of(connections), settings.KEY_STORE.list()
    if any(entry.owner in owners and not entry.destroyed for entry in found):
        raise KeyStillActiveError("a key of a connection that has ended is in the key store: nothing is certified")
    return [
        {"key": str(entry.id), "purpose": entry.purpose.value if entry.purpose else "", "destroyed_at": entry.destroyed_at.isoformat()}
        for entry in found
        if entry.owner in owners and entry.destroyed_at is not None
    ]


def _token_told(closed: ConnectionView, keys: list[dict[str, str]]) -> str:
    """Say what became of the token. Its key may have been destroyed later: a key store put back from a copy had it alive again."""
    if closed.origin is Origin.FILES:
        return "there was none: the data came by imported files"
    last = max((datetime.fromisoformat(one["destroyed_at"]) for one in keys if one["purpose"] == Purpose.REFRESH_TOKEN), default=None)
    if last is None:
        return "deleted in the transaction of the disconnection; the key store has no record of its data key"
    if closed.disconnected_at is not None and last - closed.disconnected_at > _LATE:
        return f"deleted in the transaction of the disconnection; its data key was destroyed on {last.isoformat()}"
    return "deleted, and its data key destroyed, in the transaction of the disconnection"


def vacuum_section(proof: SanitizationProof) -> dict[str, object]:
    """Say what was written anew."""
    done = proof.rewritten
    return {
        "relations": sorted(done),
        "bytes_before": sum(one["before"] for one in done.values()),
        "bytes_after": sum(one["after"] for one in done.values()),
        "longest_lock_ms": max((one["ms"] for one in done.values()), default=0),
        "not_done": proof.not_rewritten,
    }


def residual_scan_section(proof: SanitizationProof, searched_for: str) -> dict[str, object]:
    """Say what was searched, for what, and found."""
    found = proof.residue
    return {
        "searched_for": searched_for,
        "not_searched": found.not_searched,
        "database": {"files": found.files, "bytes": found.bytes, "hits": found.hits},
        "wal": {"files": found.wal_files, "from_before": found.older_wal},
        "logs": {"files": found.log_files, "bytes": found.log_bytes, "hits": found.log_hits},
    }


def backups_section(at: datetime) -> dict[str, object]:
    """Name every backup that could still be read now: each may hold what was erased, with the WAL that was kept with it, until it dies."""
    found = []
    for entry in readable_backup_keys(settings.KEY_STORE):
        identity = backup_of_key(entry) or entry.id
        taken = creation_time(identity)
        found.append({"backup": str(identity), "taken_at": taken.isoformat(), "ends_by": (taken + timedelta(days=BACKUP_DAYS)).isoformat()})
    return {
        "affected": found,
        "last_ends_by": max((one["ends_by"] for one in found), default=""),
        "as_of": at.isoformat(),
        "kept_elsewhere": _OUTSIDE if settings.ENVIRONMENT.database_url and not settings.ENVIRONMENT.in_quarantine else "",
    }


def audit_section(subject: str, tags: tuple[Tag, Tag], *, tenant: UUID | None, since: datetime | None) -> dict[str, object]:
    """Say where the log tells of its beginning and its end, and the newest sealed checkpoint: the next one covers these places."""
    positions = {line.tag: line.position for line in events(tenant=tenant, since=since, using=COUNTER) if line.subject == subject}
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
    live = [entry for entry in store.list() if entry.purpose is Purpose.SIGNING and entry.owner == "certificates" and not entry.destroyed]
    data_key = store.get(live[-1].id) if live else store.create(Purpose.SIGNING, "certificates")
    return SigningKey.from_secret(data_key.material)
