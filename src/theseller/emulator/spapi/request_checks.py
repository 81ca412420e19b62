"""Checks before every operation, and the headers that Amazon adds.

The checks: faults, token, region, role, quota.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from theseller.emulator.canary_texts import canary
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.fault_injection import BEFORE, HTML_ERROR, SilentResponse, apply_fault
from theseller.emulator.spapi.call_parameters import Call
from theseller.emulator.spapi.errors import (
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    ApiError,
    denied,
    failure,
    throttled,
)
from theseller.emulator.spapi.operation_table import OPERATIONS, Operation
from theseller.emulator.spapi.restricted_data_tokens import opened
from theseller.lib.ids import new_id

_SPOILING = frozenset({"slow", "truncate", "malformed_json", "unknown_field"})


def routes() -> list[Route]:
    """Return the routes of all operations in every region.

    The last route denies any other path.
    """
    found = [
        Route(
            f"/spapi/{{region}}{operation.path}", _endpoint(operation), methods=[operation.method]
        )
        for operation in OPERATIONS
    ]
    return [
        *found,
        Route("/spapi/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


async def _unknown(request: Request) -> Response:
    emulator: Emulator = request.app.state.emulator
    emulator.count("", "unknown", 403, emulator.now())
    return _refused(denied())


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        emulator: Emulator = request.app.state.emulator
        at = emulator.now()
        token = request.headers.get("x-amz-access-token", "")
        record = emulator.state.access(token) if token else None
        seller_id: str = record["seller"] if record else ""
        kind = emulator.faults.draw(operation.name, BEFORE)
        body = await request.body()
        response = (
            _replaced(kind)
            if kind
            else await run_in_threadpool(_answer, emulator, operation, request, body, at)
        )
        emulator.count(seller_id, operation.name, response.status_code, at)
        spoiled = emulator.faults.draw(operation.name, _SPOILING)
        return await apply_fault(
            spoiled,
            response,
            canary(emulator.world.seed, "recentlyIntroducedField", operation.name),
        )

    return endpoint


def _replaced(kind: str) -> Response:
    """Return the answer of a fault that happens before the request is read."""
    if kind == "timeout":
        return SilentResponse(status_code=504)
    if kind == "html_error":
        return Response(HTML_ERROR, 400, media_type="text/html")
    return _refused(throttled() if kind == "throttle" else failure(int(kind[-3:])))


def _refused(error: ApiError, rate: str = "") -> Response:
    response = Response(json.dumps(error.body()), error.status, media_type="application/json")
    response.headers["x-amzn-RequestId"] = str(new_id())
    response.headers["x-amzn-ErrorType"] = error.type
    if rate and error.status in {400, 404}:
        response.headers["x-amzn-RateLimit-Limit"] = rate
    return response


def _answer(
    emulator: Emulator, operation: Operation, request: Request, body: bytes, at: datetime
) -> Response:
    rate = emulator.buckets.shown(operation.rate)
    try:
        call = _admit(emulator, operation, request, body, at)
        content = operation.handler(call)
    except ApiError as error:
        return _refused(error, rate)
    response = Response(
        json.dumps(content, ensure_ascii=False), operation.status, media_type="application/json"
    )
    response.headers["x-amzn-RequestId"] = str(new_id())
    response.headers["x-amzn-RateLimit-Limit"] = rate
    return response


def _admit(
    emulator: Emulator, operation: Operation, request: Request, body: bytes, at: datetime
) -> Call:
    """Check token, region, role and quota, in this order. Raises ApiError."""
    token = request.headers.get("x-amz-access-token")
    if not token:
        raise denied(TOKEN_MISSING)
    record = emulator.state.access(token)
    if record is None or (record["seller"] and not emulator.state.authorised(record["seller"])):
        raise denied(TOKEN_INVALID)
    if record["expires"] <= at.timestamp():
        raise denied(TOKEN_EXPIRED)
    seller = emulator.world.sellers.get(record["seller"])
    region = request.path_params["region"]
    if seller is None or seller.region != region:
        raise denied()
    roles = frozenset(record["roles"])
    wanted = (
        operation.roles_far_east if region == "fe" and operation.roles_far_east else operation.roles
    )
    if not roles & wanted:
        raise denied()
    elements = frozenset[str]()
    if (
        "restricted" in record
    ):  # A restricted data token opens what it was made for and nothing else.
        found = opened(record["restricted"], request.url.path.removeprefix(f"/spapi/{region}"))
        if found is None:
            raise denied()
        elements = found
    key = (emulator.config.application.client_id, seller.id, region, operation.name)
    if not emulator.buckets.take(key, operation.rate, operation.burst, at):
        raise throttled()
    base_url = emulator.config.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    path = {name: str(value) for name, value in request.path_params.items()}
    return Call(emulator, seller, roles, at, request.query_params, path, body, base_url, elements)
