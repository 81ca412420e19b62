"""Switches of the emulator under /_emulator/, for this machine only."""

from __future__ import annotations

import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from theseller.emulator.amount_and_time_formats import instant_exact
from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.fact_change_requests import change, changeable, jump, set_clock
from theseller.emulator.fault_injection import KINDS
from theseller.emulator.spapi.operation_table import OPERATIONS
from theseller.emulator.world.requested_changes import Change, record_of
from theseller.lib.ip_networks_and_proxies import is_loopback


def routes() -> list[Route]:
    """Return the routes of the switches, as JSON."""
    return [
        Route("/_emulator/state", _state, methods=["GET"]),
        Route("/_emulator/calls", _calls, methods=["GET"]),
        Route("/_emulator/faults", _add_fault, methods=["POST"]),
        Route("/_emulator/faults", _clear_faults, methods=["DELETE"]),
        Route("/_emulator/clock", _clock, methods=["POST"]),
        Route("/_emulator/changes", _changes, methods=["GET"]),
        Route("/_emulator/changes", _change, methods=["POST"]),
        Route("/_emulator/changeable", _changeable, methods=["GET"]),
        Route("/_emulator/revoke", _revoke, methods=["POST"]),
        Route("/_emulator/rotate_secret", _rotate, methods=["POST"]),
    ]


def is_local(request: Request) -> bool:
    """Say whether the call came from this machine.

    False also for a call that a page of another site made in a browser on this machine.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    host = request.client.host if request.client else ""
    return is_loopback(host) or host == "testclient"


def _refusal(message: str, status: int = 400) -> Response:
    return JSONResponse({"error": message}, status)


async def _body(request: Request) -> dict[str, Any] | None:
    if not is_local(request):
        return None
    try:
        data = json.loads(await request.body() or b"{}")
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


_BAD = "send a JSON object, from this machine"


async def _state(request: Request) -> Response:
    """Show what is going on, without a token or its hash."""
    if not is_local(request):
        return _refusal(_BAD, 403)
    emulator: Emulator = request.app.state.emulator
    data = emulator.state.data
    return JSONResponse(
        {
            "now": instant_exact(emulator.now()),
            "clock_offset_seconds": data["clock_offset"],
            "seed": emulator.config.seed,
            "rate_scale": emulator.config.rate_scale,
            "authorisations": data["authorisations"],
            "grants": len(data["grants"]),
            "reports": len(data["reports"]),
            "faults": [
                {
                    "operation": fault.operation,
                    "kind": fault.kind,
                    "times": fault.times,
                    "probability": fault.probability,
                }
                for fault in emulator.faults.active
            ],
            "fault_kinds": list(KINDS),
            "operations": (
                [operation.name for operation in OPERATIONS] + ["lwa.token", "documents.download"]
            ),
            "sellers": {
                seller.id: {
                    "owner": seller.owner,
                    "region": str(seller.region),
                    "marketplaces": [store.marketplace.id for store in seller.stores],
                    "opened": seller.opened.isoformat(),
                }
                for seller in emulator.world.sellers.values()
            },
        }
    )


async def _calls(request: Request) -> Response:
    emulator: Emulator = request.app.state.emulator
    if not is_local(request):
        return _refusal(_BAD, 403)
    return JSONResponse({"now": instant_exact(emulator.now()), "calls": emulator.calls_report()})


async def _add_fault(request: Request) -> Response:
    emulator: Emulator = request.app.state.emulator
    data = await _body(request)
    if data is None:
        return _refusal(_BAD)
    try:
        fault = emulator.faults.add(data)
    except ValueError as error:
        return _refusal(str(error))
    return JSONResponse(
        {
            "operation": fault.operation,
            "kind": fault.kind,
            "times": fault.times,
            "probability": fault.probability,
        },
        201,
    )


async def _clear_faults(request: Request) -> Response:
    emulator: Emulator = request.app.state.emulator
    if not is_local(request):
        return _refusal(_BAD, 403)
    emulator.faults.active.clear()
    return Response(status_code=204)


async def _clock(request: Request) -> Response:
    """Set the clock by its offset in seconds, or move it by days."""
    emulator: Emulator = request.app.state.emulator
    data = await _body(request)
    offset = data.get("offset_seconds") if data else None
    try:
        if data and "days" in data:
            jump(emulator, data["days"])
        elif isinstance(offset, int | float):
            set_clock(emulator, float(offset))
        else:
            return _refusal(
                "'offset_seconds' must be a number of seconds, 0 for the machine's time; or 'days'"
                " a number of days ahead"
            )
    except ValueError as error:
        return _refusal(str(error))
    return JSONResponse({"now": instant_exact(emulator.now())})


async def _changes(request: Request) -> Response:
    """List the changes of facts, oldest first."""
    if not is_local(request):
        return _refusal(_BAD, 403)
    emulator: Emulator = request.app.state.emulator
    return JSONResponse(
        {"changes": [record_of(amendment) for amendment in emulator.world.amendments.all]}
    )


async def _change(request: Request) -> Response:
    """Change a fact at Amazon.

    A late refund, a cancellation, a release, a settlement closed early, or a second settlement
    stream.
    """
    emulator: Emulator = request.app.state.emulator
    data = await _body(request)
    if data is None:
        return _refusal(_BAD)
    try:
        amendment = change(emulator, data)
    except ValueError as error:
        return _refusal(str(error))
    return JSONResponse(record_of(amendment), 201)


async def _changeable(request: Request) -> Response:
    """List the newest orders of a seller that can be refunded or canceled."""
    if not is_local(request):
        return _refusal(_BAD, 403)
    emulator: Emulator = request.app.state.emulator
    seller = emulator.world.sellers.get(request.query_params.get("selling_partner_id", ""))
    if seller is None:
        return _refusal("'selling_partner_id' must be that of an emulated seller")
    return JSONResponse(
        {
            kind: [order.id for order in changeable(emulator, seller, kind)]
            for kind in (Change.REFUND, Change.CANCEL)
        }
    )


async def _revoke(request: Request) -> Response:
    emulator: Emulator = request.app.state.emulator
    data = await _body(request)
    seller_id = data.get("selling_partner_id") if data else None
    if not isinstance(seller_id, str) or not emulator.state.set_status(seller_id, "DISABLED"):
        return _refusal(
            "'selling_partner_id' must be that of a seller who has authorized the application"
        )
    return JSONResponse({"selling_partner_id": seller_id, "status": "DISABLED"})


async def _rotate(request: Request) -> Response:
    """Make a new client secret the newest: the given one, or one drawn here.

    The one that it replaces works for seven more days, as do both configured ones at the first
    rotation.
    """
    emulator: Emulator = request.app.state.emulator
    data = await _body(request)
    if data is None:
        return _refusal(_BAD)
    secret = data.get("client_secret") or "amzn1.oa2-cs.v1." + secrets.token_hex(32)
    if not isinstance(secret, str):
        return _refusal("'client_secret' must be a text")
    emulator.state.rotate_secret(secret, emulator.config.application.client_secrets, emulator.now())
    return JSONResponse({"client_secret": secret})
