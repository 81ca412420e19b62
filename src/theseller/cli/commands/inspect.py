"""`theseller inspect FILE…`: show what an import would do.

It needs no database and stores nothing.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from theseller.amazon.reports import Inspection, ReportRefusedError, inspect_report
from theseller.cli.errors import FAILURE, OK
from theseller.cli.report_file_arguments import (
    STDIN,
    add_file_arguments,
    check_files,
    check_stated_days,
    open_source,
    shown_name,
    stated_scope,
)
from theseller.cli.report_inspection_output import inspection_text

HELP = "check whether a report file can be imported, without storing anything"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files and how to read them."""
    add_file_arguments(parser)
    parser.set_defaults(usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Return 0 only if every file could be imported."""
    check_files(args.files, args.usage_error)
    check_stated_days(args)
    documents: list[dict[str, Any]] = []
    good = True
    for place, name in enumerate(args.files):
        found = _inspect(name, args)
        good = good and found.importable
        if args.json:
            documents.append({"file": shown_name(name), **found.as_dict()})
        else:
            print("\n" * bool(place) + inspection_text(shown_name(name), found), flush=True)
    if args.json:
        print(json.dumps({"importable": good, "files": documents}, indent=2))
    return OK if good else FAILURE


def _inspect(name: str, args: argparse.Namespace) -> Inspection:
    try:
        source = open_source(name)
        return inspect_report(
            source,
            filename=None if name == STDIN else name,
            encoding=args.encoding,
            expected=args.type,
            stated=stated_scope(args),
        )
    except ReportRefusedError as error:
        return Inspection(why_not=error.reason, advice=error.advice)
