"""Command line of the emulator: `serve` and `report`.

`serve` runs it. `report` writes a file as a seller would download it from Seller Central.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from socket import socket

import uvicorn
from typing_extensions import override

from theseller.emulator.app import create_app
from theseller.emulator.invented_buyers import CANARIES, PLAUSIBLE
from theseller.emulator.persisted_state import StateFileError
from theseller.emulator.reports import (
    business_report,
    document_rendering,
    sales_and_traffic,
    settlement,
)
from theseller.emulator.reports.transaction_report_texts import LANGUAGES
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.settings import ApplicationFileError, Config, load_application
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World
from theseller.lib import clock


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands `serve` and `report`."""
    top = argparse.ArgumentParser(
        prog="python -m theseller.emulator",
        description="A stand-in for Amazon, for tests and demonstrations.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    _add_serve_arguments(commands.add_parser("serve", help="run the emulated Amazon"))
    _add_report_arguments(commands.add_parser("report", help="write a report document to a file"))
    return top


def _add_serve_arguments(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8101)
    serve.add_argument(
        "--state",
        type=Path,
        required=True,
        metavar="DIR",
        help="where authorizations and reports are stored",
    )
    serve.add_argument(
        "--application",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON file that describes the registered application",
    )
    serve.add_argument("--client-id", help="overrides the file's client_id")
    serve.add_argument("--application-id", help="overrides the file's application_id")
    serve.add_argument("--seed", type=int, default=7)
    serve.add_argument(
        "--rate-scale",
        type=float,
        default=1.0,
        help="multiplies every usage plan, divides every waiting time",
    )
    serve.add_argument(
        "--public-url",
        default="",
        help="what document links begin with; the request's own address if absent",
    )
    serve.add_argument(
        "--people",
        choices=(CANARIES, PLAUSIBLE),
        default=CANARIES,
        help="what recipients of parcels look like",
    )


def _add_report_arguments(report: argparse.ArgumentParser) -> None:
    report.add_argument("--seller", required=True, choices=sorted(SELLERS))
    report.add_argument("--type", required=True, choices=tuple(document_rendering.GENERATORS))
    report.add_argument(
        "--from",
        dest="start",
        required=True,
        type=date.fromisoformat,
        metavar="DAY",
        help="first day, as 2026-01-31",
    )
    report.add_argument(
        "--to", dest="end", required=True, type=date.fromisoformat, metavar="DAY", help="last day"
    )
    report.add_argument(
        "--marketplace",
        metavar="ID",
        help="for settlements, transactions and traffic; the seller's first store if absent",
    )
    report.add_argument(
        "--encoding", help="utf-8, utf-8-sig, cp1252, cp932; what Amazon uses if absent"
    )
    report.add_argument(
        "--decimal-comma",
        action="store_true",
        default=None,
        help="European numbers and dates in a settlement",
    )
    report.add_argument(
        "--business-report",
        choices=business_report.KINDS,
        metavar="BY",
        help="sales and traffic as the CSV of Seller Central: by date, parent, child or sku",
    )
    report.add_argument(
        "--language",
        choices=sorted({*LANGUAGES, *business_report.LANGUAGES}),
        default="en",
        help="the language of a CSV of Seller Central",
    )
    report.add_argument("--gzip", action="store_true")
    report.add_argument("--out", type=Path, metavar="FILE", help="standard output if absent")
    report.add_argument("--seed", type=int, default=7)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = parser().parse_args(arguments)
    return _serve(options) if options.command == "serve" else _report(options)


class _Server(uvicorn.Server):
    """A server that prints one line when it is ready."""

    ready_line = ""

    @override
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self.ready_line + "\n")
            sys.stdout.flush()


def _expected_truncation(record: logging.LogRecord) -> bool:
    """Drop the server's message about an answer that a fault truncated.

    Returns:
        False for such a record, as a logging filter does.
    """
    return not (record.exc_info and "declared Content-Length" in str(record.exc_info[1]))


def _serve(options: argparse.Namespace) -> int:
    try:
        application = load_application(options.application)
    except ApplicationFileError as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 2
    if options.rate_scale <= 0:
        sys.stderr.write("emulator: --rate-scale must be more than 0\n")
        return 2
    application = replace(
        application,
        client_id=options.client_id or application.client_id,
        application_id=options.application_id or application.application_id,
    )
    config = Config(
        application,
        options.state,
        options.seed,
        options.rate_scale,
        options.public_url,
        people=options.people,
    )
    try:
        app = create_app(config)
    except (StateFileError, OSError) as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 2
    logging.getLogger("uvicorn.error").addFilter(_expected_truncation)
    # No access log: links to documents are secrets, and they are in the path.
    server = _Server(
        uvicorn.Config(
            app, host=options.host, port=options.port, log_level="warning", access_log=False
        )
    )
    server.ready_line = (
        f"emulated Amazon ready at http://{options.host}:{options.port} (seed {options.seed}, rates"
        f" x{options.rate_scale:g})"
    )
    server.run()
    return 0 if server.started else 1


def _report(options: argparse.Namespace) -> int:
    world, seller = World(options.seed), SELLERS[options.seller]
    try:
        store = seller.store(options.marketplace) if options.marketplace else seller.stores[0]
    except KeyError:
        sys.stderr.write(f"emulator: {seller.id} does not sell in {options.marketplace}\n")
        return 2
    start, until = (
        document_rendering.midnight(options.start),
        document_rendering.midnight(options.end + timedelta(days=1)),
    )
    now = clock.now()
    if options.type == settlement.REPORT_TYPE:
        periods = [
            period
            for period in world.periods_published(seller, start, min(until, now))
            if period.store is store
        ]
        text = (
            document_rendering.render_settlement(
                world, periods[0], decimal_comma=options.decimal_comma
            )
            if periods
            else None
        )
    elif options.business_report and options.type == sales_and_traffic.REPORT_TYPE:
        text = business_report.business_report(
            sales_and_traffic.TrafficWriter(world, seller, store, now),
            max(options.start, seller.opened),
            options.end,
            by=options.business_report,
            language=options.language,
        )
    else:
        end = (
            document_rendering.midnight(options.end)
            if options.type == sales_and_traffic.REPORT_TYPE
            else until
        )
        text = document_rendering.render(
            world,
            ReportOrder(
                seller,
                options.type,
                start,
                end,
                now,
                (store.marketplace.id,),
                {"language": options.language},
            ),
        )
    if text is None:
        sys.stderr.write("emulator: no data in this period; choose another\n")
        return 1
    try:
        data = document_rendering.encode(
            text,
            options.encoding
            or ("utf-8-sig" if options.business_report else None)
            or document_rendering.GENERATORS[options.type].encoding(seller),
            compress=options.gzip,
        )
    except LookupError:
        sys.stderr.write(f"emulator: there is no encoding {options.encoding!r}\n")
        return 2
    if options.out:
        options.out.write_bytes(data)
    else:
        sys.stdout.buffer.write(data)
    return 0
