"""`theseller verify-certificate FILE`: checks a deletion certificate offline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.retention.certificate import CertificateRefusedError, verify_certificate

HELP = "check a deletion certificate, offline"
_BYTES_MAX = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the certificate as it was downloaded (.json)")
    parser.add_argument("--key", default="", help="the public key that must have signed it, as the deployment's security page shows it")


def run(args: argparse.Namespace) -> int:
    try:
        with args.file.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(f"{args.file} cannot be read: {error.strerror}.", "Give the path of the downloaded certificate.") from None
    if len(content) > _BYTES_MAX:
        raise CommandError(f"{args.file} is too large to be a certificate.", "Give the path of the downloaded certificate.")
    try:
        verified = verify_certificate(content)
    except CertificateRefusedError as error:
        print(f"REFUSED: {error}", file=sys.stderr)
        return 1
    if args.key and args.key.strip().lower() != verified.public_key:
        print("REFUSED: the signature fits, but another key made it than the one you named with --key", file=sys.stderr)
        return 1
    rows = verified.body["rows"]
    assert isinstance(rows, list)  # noqa: S101  # the format says so, and the signature covers it
    deleted, left = (sum(int(row[column]) for row in rows) for column in ("deleted", "left"))
    print(f"VALID: {verified.body['format']}")
    print(f"  connection   {verified.body['connection_id']} ended {verified.body['disconnected_at']}")
    print(f"  erased       {deleted} rows in {len(rows)} tables; {left} left")
    print(f"  issued       {verified.body['issued_at']} by {verified.body['deployment']}")
    print(f"  signed with  {verified.public_key}")
    if not args.key:
        print("  Compare that key with the one on the deployment's security page, or give it with --key.")
    return 0
