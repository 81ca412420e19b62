"""Command line of bin/new: which kind of thing, and its names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.scaffold.command import add_command
from tools.scaffold.control import add_control
from tools.scaffold.edits import Edits, ScaffoldError
from tools.scaffold.expiry_job import add_expiry_job
from tools.scaffold.page import NavigationEntry, add_page
from tools.scaffold.report_type import KINDS, add_report_type
from tools.scaffold.table import TYPES, add_table

_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str], root: Path = _ROOT) -> int:
    """Write what is requested into the working tree, and print the paths.

    Returns:
        The exit status: 0 written, 1 refused; then nothing was written.
    """
    options = _parser().parse_args(arguments)
    edits = Edits(root)
    try:
        options.act(edits, options)
    except ScaffoldError as error:
        print(f"new: {error}", file=sys.stderr)
        return 1
    for path in edits.write():
        print(path)
    print(f"Next: docs/develop/{options.guide}.md")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/new",
        description="Writes a working beginning of something new, with its registrations.",
    )
    kinds = parser.add_subparsers(title="kinds", required=True, metavar="KIND")

    def kind(
        name: str, summary: str, guide: str, act: Callable[[Edits, Any], None]
    ) -> argparse.ArgumentParser:
        added = kinds.add_parser(name, help=summary, description=summary)
        added.set_defaults(act=act, guide=guide)
        return added

    report = kind("report-type", "a tab-separated report", "add-a-report-type", _report_type)
    report.add_argument("type", help="Amazon's name: GET_FBA_LABEL_FEES_DATA")
    report.add_argument("name", help="of the modules: label_fees")
    report.add_argument("title", help="in Seller Central: 'FBA Label Fees'")
    report.add_argument("--role", required=True, help="that opens it: amazon_fulfillment")
    report.add_argument(
        "columns",
        nargs="+",
        metavar="COLUMN[:KIND]",
        help=f"a kept column with its kind ({', '.join(KINDS)}); one without a kind is dropped",
    )
    job = kind("expiry-job", "a daily job over all shops", "add-a-job", _expiry_job)
    job.add_argument("name", help="of what is deleted: drift")
    job.add_argument("--table", required=True, help="whose rows are deleted: ingest_drift")
    job.add_argument("--age", required=True, metavar="COLUMN", help="their time: last_seen_at")
    job.add_argument("--days", required=True, type=int, help="how old they become")
    page = kind("page", "a page for the members of a shop", "add-a-page", _page)
    page.add_argument("package", help="that has the data: analytics")
    page.add_argument("name", help="of the view and the address: fees")
    page.add_argument("title", help="shown on the page: 'Fees by month'")
    page.add_argument("--navigation", metavar="LABEL", help="its entry in the navigation")
    page.add_argument("--icon", default="file", help="of the entry")
    table = kind("table", "a table of a shop's own settings", "add-a-table", _table)
    table.add_argument("package", help="whose table it is: ingest")
    table.add_argument("name", help="of the table, without the package: sku_note")
    table.add_argument("note", help="what a row is, as a sentence")
    table.add_argument("--category", required=True, help="of the data inventory: shop")
    table.add_argument(
        "columns",
        nargs="+",
        metavar="COLUMN:TYPE",
        help=f"a column and its type ({', '.join(sorted(TYPES))}); the first is the key",
    )
    command = kind("command", "a command of `theseller`", "add-a-cli-command", _command)
    command.add_argument("name", help="of the module: drift")
    command.add_argument("summary", help="one line for --help")
    control = kind("control", "a control of the security page", "add-a-control", _control)
    control.add_argument("id", help="of the clause: net-cookies")
    control.add_argument("section", type=int, help="of the page: 4")
    control.add_argument("title", help="without a full stop")
    return parser


def _report_type(edits: Edits, options: argparse.Namespace) -> None:
    add_report_type(
        edits,
        report_type=options.type,
        name=options.name,
        title=options.title,
        role=options.role,
        columns=options.columns,
    )


def _expiry_job(edits: Edits, options: argparse.Namespace) -> None:
    add_expiry_job(
        edits, name=options.name, table=options.table, age=options.age, days=options.days
    )


def _page(edits: Edits, options: argparse.Namespace) -> None:
    entry = NavigationEntry(options.navigation, options.icon) if options.navigation else None
    add_page(
        edits, package=options.package, name=options.name, title=options.title, navigation=entry
    )


def _table(edits: Edits, options: argparse.Namespace) -> None:
    add_table(
        edits,
        package=options.package,
        name=options.name,
        note=options.note,
        category=options.category,
        columns=options.columns,
    )


def _command(edits: Edits, options: argparse.Namespace) -> None:
    add_command(edits, name=options.name, summary=options.summary)


def _control(edits: Edits, options: argparse.Namespace) -> None:
    add_control(edits, clause=options.id, section=options.section, title=options.title)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
