"""`theseller deletion-certificate`: export a deletion certificate.

The subject is a deleted shop or account; the operator sends the certificate to its former owner.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError

if TYPE_CHECKING:
    from theseller.erasure.types import ErasureSummary

HELP = "list deleted shops and accounts, or export the certificate of one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the ID and the output file."""
    parser.add_argument(
        "number", nargs="?", metavar="ID", help="ID of the shop or account; lists all if omitted"
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="file to write the certificate to (default: standard output)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the list as one JSON document (a certificate always is one)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the certificate of the ID, or list all; return 1 if there is none.

    Raises:
        CommandError: the output file exists or cannot be written.
    """
    wanted = _id(args.number) if args.number else None
    setup_django("worker")
    from theseller.erasure.queries import subject_certificate, tenant_and_user_erasures

    if wanted is None:
        found = tenant_and_user_erasures()
        if args.json:
            print(json.dumps([_document(one) for one in found], indent=1))
            return OK
        for one in found:
            print(
                f"{one.requested_at:%Y-%m-%d}  {one.kind.value:6}  {_state(one):9}  {one.subject}"
            )
        if not found:
            print("no shop or account has been deleted yet")
        return OK
    issued = subject_certificate(wanted)
    if issued is None:
        print(
            "there is no certificate with this ID, or it is not issued yet:"
            " `theseller deletion-certificate` lists the subjects",
            file=sys.stderr,
        )
        return FAILURE
    if args.to is None:
        sys.stdout.write(issued[1].decode())
        return OK
    try:
        with os.fdopen(os.open(args.to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(issued[1])
    except OSError as error:
        raise CommandError(
            f"{args.to} can't be written: {error.strerror}.", "Name a file that does not exist yet."
        ) from None
    print(f"wrote {args.to}; check it with: theseller verify-deletion-certificate {args.to}")
    return OK


def _state(one: ErasureSummary) -> str:
    return "certified" if one.certificate else "erased" if one.erased_at else "asked for"


def _document(one: ErasureSummary) -> dict[str, object]:
    return {
        "number": str(one.subject),
        "kind": one.kind.value,
        "state": _state(one),
        "asked_at": one.requested_at.isoformat(),
        "erased_at": one.erased_at.isoformat() if one.erased_at else None,
        "completed_at": one.completed_at.isoformat() if one.completed_at else None,
        "certificate": str(one.certificate) if one.certificate else None,
    }


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is not the ID of a shop or an account.", "An ID has 36 characters."
        ) from None
