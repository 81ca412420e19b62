"""ASGI application of the emulator: all of its routes on one port.

The routes: Login with Amazon, Seller Central, SP-API, report documents, and the emulator's own
switches under /_emulator/.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from theseller.emulator import control_api, control_page, lwa, seller_central_pages
from theseller.emulator.canary_texts import canary
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.fault_injection import BEFORE, HTML_ERROR, SilentResponse, apply_fault
from theseller.emulator.reports.document_rendering import content_type_of
from theseller.emulator.settings import Config
from theseller.emulator.spapi import request_checks
from theseller.emulator.spapi.reports import link_problem
from theseller.emulator.spapi.requested_reports import ReportStore

_XML = (
    '<?xml version="1.0"'
    ' encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
)
_SPOILING = frozenset({"slow", "truncate"})


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _document(request: Request) -> Response:
    """Serve a report document to anyone who has its link.

    No access token is needed, as with a storage service; the link expires after five minutes.
    """
    emulator: Emulator = request.app.state.emulator
    seller_id, document_id = request.path_params["seller_id"], request.path_params["document_id"]
    at, query = emulator.now(), request.query_params
    kind = emulator.faults.draw("documents.download", BEFORE)
    seller = emulator.world.sellers.get(seller_id)
    response: Response
    if kind == "timeout":
        return SilentResponse(status_code=504)
    if kind:
        status = {"error500": 500, "html_error": 400}.get(kind, 503)
        response = Response(
            (
                HTML_ERROR
                if kind == "html_error"
                else _XML.format(code="SlowDown", message="Please reduce your request rate.")
            ),
            status,
        )
    else:
        problem = link_problem(
            emulator,
            seller_id,
            document_id,
            query.get("X-Amz-Date", ""),
            query.get("X-Amz-Signature", ""),
            at,
        )
        report = (
            ReportStore(emulator).find_document(seller, document_id, at)
            if seller and not problem
            else None
        )
        if report is None:
            response = Response(
                _XML.format(code="AccessDenied", message=problem or "Access Denied"),
                403,
                media_type="application/xml",
            )
        else:
            drifted = emulator.faults.draw("documents.download", frozenset({"unknown_field"}))
            extra = (
                canary(emulator.world.seed, "recently-introduced-column", document_id)
                if drifted
                else ""
            )
            content_type = content_type_of(report.seller, report.type)
            response = Response(
                ReportStore(emulator).document(report, extra),
                headers={"Content-Type": content_type},
            )
    emulator.count(seller_id if seller else "", "documents.download", response.status_code, at)
    return await apply_fault(emulator.faults.draw("documents.download", _SPOILING), response, "")


def create_app(config: Config) -> Starlette:
    """Return the emulator as an ASGI application.

    Its state below the `state_dir` of `config` is read now and kept up to date.
    """
    app = Starlette(
        routes=[
            Route("/_emulator/health", _health, methods=["GET"]),
            Route("/auth/o2/token", lwa.token, methods=["POST"]),
            Route("/documents/{seller_id}/{document_id}", _document, methods=["GET"]),
            *seller_central_pages.routes(),
            *control_api.routes(),
            *control_page.routes(),
            *request_checks.routes(),
        ]
    )
    app.state.emulator = Emulator(config)
    return app
