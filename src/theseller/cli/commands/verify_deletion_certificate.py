"""`theseller verify-deletion-certificate FILE`: check it offline."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theseller.cli.errors import CommandError
from theseller.erasure.certificate_verification import (
    CertificateRefusedError,
    certified_subject,
    verify_certificate,
)

HELP = "verify a deletion certificate offline"
_BYTES_MAX = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and the expected public key."""
    parser.add_argument("file", type=Path, help="the certificate file (.json)")
    parser.add_argument(
        "--key",
        default="",
        help="require this public key, as shown on the deployment's security page",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document: validity and contents"
    )


def _print_bytes(body: Mapping[str, Any]) -> None:
    """Print what formats 2 and later state besides rows.

    Keys, bytes, backups, and positions in the audit log.
    """
    if "residue" not in body:
        return
    rewritten, residue, backups, audit = (
        body[name] for name in ("rewritten", "residue", "backups", "audit")
    )
    keys = [
        f"{key['key']} ({key['purpose']}, {key['destroyed_at']})" for key in body["keys_destroyed"]
    ]
    print(f"  keys         destroyed: {', '.join(keys) or 'none is in the key store'}")
    if rewritten["not_done"]:
        print(f"  bytes        NOT rewritten: {rewritten['not_done']}")
    else:
        print(f"  bytes        {len(rewritten['relations'])} tables and partitions rewritten")
    database, logs = residue["database"], residue["logs"]
    if residue["not_searched"]:
        print(f"  residual     NOT searched: {residue['not_searched']}")
    else:
        print(
            f"  residual     {database['hits']} hits in {database['files']} files,"
            f" {database['bytes']} bytes of the database;"
        )
        print(f"               {residue['wal']['from_before']} older WAL files;")
    print(f"               {logs['hits']} hits in {logs['files']} logs, {logs['bytes']} bytes")
    if backups["kept_elsewhere"]:
        print(f"  backups      {backups['kept_elsewhere']}")
    for one in backups["affected"]:
        print(f"  backup       {one['backup']} may contain it until {one['ends_by']}")
    print(f"  last copy    {backups['last_ends_by'] or 'none that this deployment keeps'}")
    number, digest = audit["newest_checkpoint"], audit["newest_checkpoint_sha256"]
    sealed = f"newest checkpoint {number} {digest}".strip()
    print(
        f"  audit log    positions {audit['begun_at_position']} and"
        f" {audit['completed_at_position']}; {sealed}"
    )
    print(f"  software     {body['software']}")


def _subject(body: Mapping[str, Any]) -> str:
    """Return the line about the subject, for a tenant also one of accounts."""
    subject = certified_subject(body)
    requested = "ended" if subject.kind == "connection" else "deletion requested"
    line = f"{subject.kind:12} {subject.id} {requested} {subject.requested_at}"
    if subject.kind != "tenant":
        return line
    accounts = body["accounts"]
    return (
        f"{line}\n  accounts     {accounts['ended']} ended, {accounts['kept']} kept;"
        f" {len(body['connections'])} connections were certified before"
    )


def _refused(why: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"valid": False, "why": why}, indent=1))
    else:
        print(f"REFUSED: {why}", file=sys.stderr)
    return 1


def run(args: argparse.Namespace) -> int:
    """Verify the certificate and print it; return 1 if it is not valid.

    Raises:
        CommandError: the file cannot be read or is too large.
    """
    try:
        with args.file.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(
            f"{args.file} cannot be read: {error.strerror}.",
            "Give the path of the downloaded certificate.",
        ) from None
    if len(content) > _BYTES_MAX:
        raise CommandError(
            f"{args.file} is too large to be a certificate.",
            "Give the path of the downloaded certificate.",
        )
    try:
        verified = verify_certificate(content)
    except CertificateRefusedError as error:
        return _refused(str(error), as_json=args.json)
    if args.key and args.key.strip().lower() != verified.public_key:
        return _refused(
            "the signature is valid, but made with another key than the one given with --key",
            as_json=args.json,
        )
    if args.json:
        document = {
            "valid": True,
            "signed_with": verified.public_key,
            "key_compared": bool(args.key),
            "certificate": verified.body,
        }
        print(json.dumps(document, indent=1))
        return 0
    rows = verified.body["rows"]
    assert isinstance(rows, list)  # the format says so, and the signature covers it  # noqa: S101
    deleted, left = (sum(int(row[column]) for row in rows) for column in ("deleted", "left"))
    print(f"VALID: {verified.body['format']}")
    print(f"  {_subject(verified.body)}")
    print(f"  erased       {deleted} rows in {len(rows)} tables; {left} left")
    _print_bytes(verified.body)
    print(f"  issued       {verified.body['issued_at']} by {verified.body['deployment']}")
    print(f"  signed with  {verified.public_key}")
    if not args.key:
        print(
            "  Compare that key with the one on the deployment's security page, or give it with"
            " --key."
        )
    return 0
