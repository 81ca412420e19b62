"""Faults that a test or a person injects into the emulator's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

KINDS = (
    "throttle", "error500", "error503", "timeout", "truncate", "unknown_field", "html_error",
    "slow", "fatal_report", "cancelled_report", "expired_document", "malformed_json",
)  # fmt: skip
BEFORE = frozenset({"throttle", "error500", "error503", "timeout", "html_error"})
"""Kinds that replace the answer."""
SLOW_SECONDS = 3.0
TIMEOUT_SECONDS = 600.0
HTML_ERROR = (
    "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<center><h1>400 Bad"
    " Request</h1></center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(slots=True)
class Fault:
    """A kind of fault that happens to matching calls.

    Attributes:
        operation: a glob over names such as ``orders.searchOrders``.
        kind: one of `KINDS`.
        times: how often it happens before it is removed; None is without limit.
        probability: the share of matching calls that it happens to, 0 to 1.
    """

    operation: str
    kind: str
    times: int | None
    probability: float


class Faults:
    """The active faults, in the order in which they were switched on."""

    def __init__(self, seed: int) -> None:
        self.active: list[Fault] = []
        self._random = Random(seed)

    def add(self, data: object) -> Fault:
        """Switch a fault on. Raises ValueError with what is wrong."""
        if not isinstance(data, dict) or not isinstance(data.get("operation"), str):
            # -- one kind of refusal for the caller.
            raise ValueError("'operation' must be a glob such as 'orders.*'")  # noqa: TRY004
        times, probability = data.get("times"), data.get("probability", 1.0)
        if data.get("kind") not in KINDS:
            raise ValueError(f"'kind' must be one of {', '.join(KINDS)}")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("'times' must be a whole number from 1, or null")
        if not isinstance(probability, int | float) or not 0 < probability <= 1:
            raise ValueError("'probability' must be in (0, 1]")
        fault = Fault(data["operation"], data["kind"], times, float(probability))
        self.active.append(fault)
        return fault

    def draw(self, operation: str, kinds: frozenset[str]) -> str | None:
        """Return the kind of fault that happens to this call, or None.

        Only faults of `kinds` are considered. The use is counted against the fault's `times`.
        """
        for fault in self.active:
            if (
                fault.kind in kinds
                and fnmatchcase(operation, fault.operation)
                and self._random.random() < fault.probability
            ):
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self.active.remove(fault)
                return fault.kind
        return None


class TruncatedResponse(Response):
    """Announces its whole length, sends half of it and stops."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2]})


class SilentResponse(Response):
    """A response that sends nothing until the client gives up.

    After ten minutes it answers 504.
    """

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(TIMEOUT_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def grow(body: object, canary_text: str) -> object:
    """Return the JSON value with an unknown field in every object.

    No model has the field: Amazon adds fields without notice.
    """
    if isinstance(body, dict):
        return {
            **{key: grow(value, canary_text) for key, value in body.items()},
            "recentlyIntroducedField": {"note": canary_text},
        }
    return [grow(entry, canary_text) for entry in body] if isinstance(body, list) else body


async def apply_fault(kind: str | None, response: Response, canary_text: str) -> Response:
    """Return the answer as a fault that spoils answers leaves it."""
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    if kind == "slow":
        await anyio.sleep(SLOW_SECONDS)
    elif kind == "truncate":
        return TruncatedResponse(bytes(response.body), response.status_code, headers)
    elif kind == "malformed_json":
        return Response(bytes(response.body)[:-1] + b',"', response.status_code, headers)
    elif kind == "unknown_field" and response.status_code < 300 and response.body:
        return Response(
            json.dumps(grow(json.loads(bytes(response.body)), canary_text)),
            response.status_code,
            headers,
        )
    return response
