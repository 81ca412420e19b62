"""The proof of a shop's end, or a person's: signed as a connection's is, and reached without an account, by a link of which we keep a hash."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller import __version__
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.crypto.signing import canonical_json
from theseller.edge.databases import operators_database
from theseller.erasure.certificate_file import END_FORMAT, assemble, signed_message
from theseller.erasure.certificates import audit_section, backups_section, keys_section, residual_scan_section, signing_key, vacuum_section
from theseller.erasure.key_destruction import destroy_keys_of
from theseller.erasure.queries import as_document
from theseller.erasure.records import deleted_by_table, note_within, progress, record_scope
from theseller.erasure.types import NewLink, Progress, SanitizationProof, Subject, SubjectKind
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret
from theseller.retention.limits import CERTIFICATE_LINK_DAYS
from theseller.retention.roles import ACTOR, ERASER

_NAMES = {SubjectKind.TENANT: "tenant", SubjectKind.USER: "user"}
_TAGS = {
    SubjectKind.TENANT: (Tag.SHOP_END_INTENDED, Tag.SHOP_ERASED),
    SubjectKind.USER: (Tag.ACCOUNT_END_INTENDED, Tag.ACCOUNT_ERASED),
}
_SEARCHED = {
    SubjectKind.TENANT: "the shop's id and the ids of the people whose accounts went with it, which every row of theirs holds",
    SubjectKind.USER: "the person's id, which every row about them holds",
}


@dataclass(frozen=True, slots=True)
class LinkedEnd:
    """What a link leads to: how far an end is. `certificate` is (id, file), None until it is proven."""

    kind: SubjectKind
    asked_at: datetime
    erased_at: datetime | None
    expires_at: datetime
    certificate: tuple[UUID, bytes] | None


@dataclass(frozen=True, slots=True)
class EndView:
    """One line of the operators' list of ends."""

    subject: UUID
    kind: SubjectKind
    asked_at: datetime
    erased_at: datetime | None
    completed_at: datetime | None
    certificate: UUID | None


def new_link(*, at: datetime) -> NewLink:
    """Return a link to a proof that is to come. Its token is shown once; the database gets its hash, with the request for the deletion."""
    token = secrets.token_urlsafe(32)
    return NewLink(Secret(token), _hash(token), at + timedelta(days=CERTIFICATE_LINK_DAYS))


def linked_end(token: str, *, at: datetime) -> LinkedEnd | None:
    """Return what a link leads to; None if there is no such link, or its time is over."""
    with databases["default"].cursor() as cursor:
        cursor.execute("select * from guard.end_by_link(%s, %s)", [_hash(token), at])
        row = cursor.fetchone()
    if row is None or row[1] is None:
        return None
    kind, asked, erased, _completed, expires, identity, *signed = row
    return LinkedEnd(SubjectKind(kind), asked, erased, expires, (identity, _file(*signed)) if identity else None)


def end_expired_links(*, at: datetime) -> int:
    """Delete the links whose time is over; return how many."""
    with databases[ERASER].cursor() as cursor:
        cursor.execute("delete from retention_end_link where expires_at <= %s", [at])
        return int(cursor.rowcount)


def ends(*, most: int = 200, using: str | None = None) -> tuple[EndView, ...]:
    """Return the newest ends of shops, and of people who asked for theirs, for operators."""
    with databases[using or operators_database()].cursor() as cursor:
        cursor.execute("select * from guard.ends(%s)", [most])
        return tuple(EndView(row[0], SubjectKind(row[1]), *row[2:]) for row in cursor.fetchall())


def end_certificate(subject: UUID, *, using: str | None = None) -> tuple[UUID, bytes] | None:
    """Return (id, file) of the certificate of a shop or a person that has ended, or None."""
    with databases[using or operators_database()].cursor() as cursor:
        cursor.execute("select id, body, signature, public_key from retention_end_certificate where subject_id = %s", [subject])
        row = cursor.fetchone()
    return (row[0], _file(*row[1:])) if row else None


def certify_end(subject: Subject, left: dict[str, int], proof: SanitizationProof, *, at: datetime) -> None:
    """Record that the end is complete, then sign and keep its certificate. Again is harmless: the first one stands."""
    known = progress(subject)
    if known is None:
        raise RuntimeError("an end without its ledger is not certified")
    deleted, people = _deleted(subject, known)
    destroy_keys_of([UUID(one["connection"]) for one in _connections(subject)])
    key, identity = signing_key(), new_id()
    body = _body(subject, identity, known, (deleted, left), people, proof, at=at)
    content, public_key = canonical_json(body), key.public_bytes
    signature = key.sign(signed_message(body, public_key.hex()))
    with record_scope(subject), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "insert into retention_end_certificate (subject_id, kind, id, body, signature, public_key, issued_at)"
            " values (%s, %s, %s, %s, %s, %s, %s) on conflict (subject_id) do nothing",
            [subject.id, subject.kind.value, identity, content, signature, public_key, at],
        )
        if cursor.rowcount:
            details = {"certificate": str(identity), "body_sha256": hashlib.sha256(content).hexdigest()}
            record(
                Tag.CERTIFICATE_ISSUED, actor=ACTOR, tenant=subject.tenant, subject=_named(subject), at=at, details=details, using=ERASER
            )  # fmt: skip
        note_within(subject, "left_over = %s, completed_at = coalesce(completed_at, %s)", [json.dumps(left), at])


def _deleted(subject: Subject, known: Progress) -> tuple[dict[str, int], dict[str, int]]:
    """Return the rows deleted by table, those of people who went with a shop too, and how many accounts went and stayed."""
    deleted, people = deleted_by_table(known.deleted), {"ended": int(subject.kind is SubjectKind.USER), "kept": 0}
    if subject.kind is not SubjectKind.TENANT:
        return deleted, people
    with record_scope(subject), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select p.kept, p.steps_done from retention_shop_end e join retention_person_end p on p.user_id = any(e.people)"
            " where e.tenant_id = %s and not p.own_wish",
            [subject.id],
        )
        for kept, steps in cursor.fetchall():
            people["kept" if kept else "ended"] += 1
            for table, rows in deleted_by_table(as_document(steps)).items():
                deleted[table] = deleted.get(table, 0) + rows
    return deleted, people


def _body(  # the parts of one document
    subject: Subject,
    identity: UUID,
    known: Progress,
    rows: tuple[dict[str, int], dict[str, int]],
    people: dict[str, int],
    proof: SanitizationProof,
    *,
    at: datetime,
) -> dict[str, object]:
    deleted, left = rows
    certified = _connections(subject)
    return {
        "format": END_FORMAT,
        "certificate_id": str(identity),
        "issued_at": at.isoformat(),
        "deployment": settings.ENVIRONMENT.public_url,
        "deployment_kind": settings.ENVIRONMENT.kind.value,
        "software": f"TheSeller {__version__}",
        "subject": {"kind": subject.kind.value, "id": str(subject.id), "asked_at": _asked_at(subject).isoformat()},
        "accounts": people,
        "connections": certified,
        "rows": [{"table": table, "deleted": deleted.get(table, 0), "left": left[table]} for table in sorted(left)],
        "rows_before": sum(known.plan.values()),
        "counted_by": "an independent query under another database role, after the last deletion",
        "keys_destroyed": keys_section([UUID(one["connection"]) for one in certified]),
        "rewritten": vacuum_section(proof),
        "residue": residual_scan_section(proof, _SEARCHED[subject.kind]),
        "backups": backups_section(at),
        "audit": audit_section(_named(subject), _TAGS[subject.kind], tenant=subject.tenant, since=_asked_at(subject)),
    }


def _connections(subject: Subject) -> list[dict[str, str]]:
    """Name the certificates of a shop's connections: each tells of its own erasure."""
    if subject.kind is not SubjectKind.TENANT:
        return []
    with record_scope(subject), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select connection_id, id, issued_at, body from retention_certificate where tenant_id = %s order by issued_at, id", [subject.id]
        )
        return [
            {
                "connection": str(one),
                "certificate": str(identity),
                "issued_at": issued.isoformat(),
                "body_sha256": hashlib.sha256(bytes(body)).hexdigest(),
            }
            for one, identity, issued, body in cursor.fetchall()
        ]


def _asked_at(subject: Subject) -> datetime:
    table, column = ("retention_shop_end", "tenant_id") if subject.kind is SubjectKind.TENANT else ("retention_person_end", "user_id")
    with record_scope(subject), databases[ERASER].cursor() as cursor:
        cursor.execute(f"select asked_at from {table} where {column} = %s", [subject.id])  # noqa: S608  # names of this module
        asked: datetime = cursor.fetchone()[0]
    return asked


def _named(subject: Subject) -> str:
    return f"{_NAMES[subject.kind]}:{subject.id}"


def _file(body: Any, signature: Any, public_key: Any) -> bytes:  # noqa: ANN401  # what the driver hands over
    return assemble(json.loads(bytes(body)), bytes(public_key).hex(), bytes(signature))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
