"""Where probers begin runs and deliver reports.

Only registered keys get an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from theseller.controls.prober_reports import operations
from theseller.controls.prober_reports.message_format import (
    MESSAGE_BYTES_MAX,
    InvalidMessageError,
    SignedDocument,
    parse_message,
)
from theseller.controls.prober_reports.types import ProberRefusedError
from theseller.edge.client_address import client_address
from theseller.edge.rate_limits import Rate, Subject, by_ip, limited
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

_LIMITS: Mapping[Subject, Rate] = {by_ip: Rate.per_minute(20, burst=40)}
_ANSWER_HEADERS = {"Cache-Control": "no-store"}


# No cookie authenticates a prober, so that no other site can act in its name: its key signs.
@csrf_exempt
@login_not_required
@require_POST
@limited("prober", _LIMITS)
def begin_run(request: HttpRequest) -> JsonResponse:
    """Issue a challenge to the prober that signed the request."""
    return _answer(
        request,
        lambda signed: msgspec.to_builtins(operations.begin_run(signed, at=clock.now())),
    )


@csrf_exempt  # as above
@login_not_required
@require_POST
@limited("prober", _LIMITS)
def deliver_report(request: HttpRequest) -> JsonResponse:
    """Store the report of a run."""

    def accept(signed: SignedDocument) -> object:
        operations.accept_report(signed, client=client_address(request), at=clock.now())
        return {"accepted": True}

    return _answer(request, accept)


def _answer(request: HttpRequest, act: Callable[[SignedDocument], object]) -> JsonResponse:
    try:
        return JsonResponse(act(parse_message(_body(request))), headers=_ANSWER_HEADERS)
    except InvalidMessageError as error:
        reason, status = str(error), 400
    except ProberRefusedError as error:
        reason, status = str(error), error.status
    log.warning("prober_message_refused", status=status, reason=reason)
    return JsonResponse({"error": reason}, status=status, headers=_ANSWER_HEADERS)


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MESSAGE_BYTES_MAX:
        raise InvalidMessageError("the message is too long")
    return request.body
