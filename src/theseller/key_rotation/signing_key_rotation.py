"""Rotate the keys that sign certificates and the audit log."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connections as databases

from theseller.audit import signing_keys as audit_log
from theseller.audit.checkpointing import rotate_signing_key
from theseller.audit.types import SealingBusyError
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import Purpose
from theseller.crypto.timestamped_secrets import creation_time
from theseller.key_rotation.secret_replacement_steps import SETTLE
from theseller.key_rotation.types import Run, Step
from theseller.lib import sql_execution

#: The owner of the key that signs deletion certificates, as `erasure` names it.
CERTIFICATES = "certificates"


def certificate_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the key that signs certificates."""
    del run
    return (
        Step("make", _make_signing, "a new key signs; both public keys are listed"),
        SETTLE,
        Step(
            "retire",
            _destroy_signing,
            "the old private key is destroyed; its public key stays listed",
        ),
    )


def audit_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the key that signs the audit log."""
    del run
    return (
        Step("make", _make_audit, "a new key is made, and the old one signs that it follows"),
        SETTLE,
        Step(
            "retire",
            _destroy_audit,
            "the old private key is destroyed; its signatures stay provable",
        ),
    )


def signing_records() -> list[KeyRecord]:
    """Return the keys for certificates that are not destroyed, oldest first.

    The last one signs.
    """
    return [
        one
        for one in settings.KEY_STORE.list()
        if one.purpose is Purpose.SIGNING and one.owner == CERTIFICATES and not one.destroyed
    ]


def _make_audit(run: Run) -> str:
    before = audit_log.signing_records()
    if "former_audit" not in run.details:
        run.details["former_audit"] = before[-1].id.hex if before else ""
    if (before[-1].id.hex if before else "") == run.details["former_audit"]:
        settings.KEY_STORE.create(Purpose.AUDIT, audit_log.OWNER)
    try:
        rotate_signing_key(audit_log.signing_key(audit_log.signing_records()[-1]), at=run.at)
    except SealingBusyError:
        return "the audit log is being sealed or checked just now"
    return ""


def _destroy_audit(run: Run) -> str:
    del run
    for one in audit_log.signing_records()[:-1]:
        settings.KEY_STORE.destroy(one.id)
    return ""


def _make_signing(run: Run) -> str:
    before = signing_records()
    if "former_signing" not in run.details:
        run.details["former_signing"] = before[-1].id.hex if before else ""
    settings.KEY_STORE.create(Purpose.SIGNING, CERTIFICATES)
    for one in signing_records():
        public = SigningKey.from_secret(settings.KEY_STORE.get(one.id).material).public_bytes
        _list_public(public, creation_time(one.id) or run.at)
    return ""


def _list_public(public: bytes, made: datetime) -> None:
    sql_execution.execute(
        databases["default"],
        "insert into governance_signing_key (public_key, made_at) values (%s, %s) on conflict do"
        " nothing",
        [public, made],
    )


def _destroy_signing(run: Run) -> str:
    for one in signing_records()[:-1]:
        public = SigningKey.from_secret(settings.KEY_STORE.get(one.id).material).public_bytes
        sql_execution.execute(
            databases["default"],
            "update governance_signing_key set retired_at = %s where public_key = %s",
            [run.at, public],
        )
        settings.KEY_STORE.destroy(one.id)
    return ""
