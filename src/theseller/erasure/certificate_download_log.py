"""Record in the audit log that certificates were downloaded."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.tenancy.tenant_scope import tenant_scope


def record_download(
    *, connection: UUID, certificate: UUID, tenant: UUID, actor: str, at: datetime
) -> None:
    """Note in the audit log that a certificate was downloaded."""
    with tenant_scope(tenant):
        record(
            Tag.CERTIFICATE_DOWNLOADED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
            details={"certificate": str(certificate)},
        )


def record_linked_download(*, certificate: UUID, at: datetime) -> None:
    """Note in the audit log that a certificate was downloaded by its link.

    Who has the link needs no account.
    """
    with transaction.atomic():
        record(
            Tag.CERTIFICATE_DOWNLOADED,
            actor="process:end-proof",
            tenant=None,
            subject=f"certificate:{certificate}",
            at=at,
        )
