"""Record which requests of a prober reached the application.

A prober marks its requests with the token of its run and a number. What the edge refuses does not
come here; the control compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from theseller.controls.prober_reports.message_format import MARK_HEADER, MARKS_MAX
from theseller.controls.prober_reports.types import RUN_LASTS
from theseller.lib import clock, sql_execution
from theseller.lib.ids import creation_time
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

_SALT = "theseller.controls.prober_reports.arrived_prober_requests"
_META = f"HTTP_{MARK_HEADER.upper().replace('-', '_')}"


def run_token(run: UUID) -> str:
    """Return the token with which a prober marks the requests of a run."""
    return f"{run.hex}.{salted_hmac(_SALT, run.hex, algorithm='sha256').hexdigest()}"


class ProberArrivalMiddleware:
    """Record the arrival of a prober's marked request.

    It is answered as any other.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Record a mark that the deployment issued."""
        mark = request.META.get(_META)
        if mark:
            record_arrival(str(mark), at=clock.now())
        return self.get_response(request)


def record_arrival(mark: str, *, at: datetime) -> None:
    """Record that a marked request arrived.

    A mark that is none of ours is ignored.
    """
    token, _, number = mark.rpartition(".")
    run = _run_of(token)
    if run is None or not number.isdecimal() or len(number) > 4 or int(number) >= MARKS_MAX:
        return
    if abs(at - creation_time(run)) > RUN_LASTS:
        return
    try:
        sql_execution.execute(
            connections["default"],
            "insert into controls_prober_arrival (run_id, number, arrived_at) values (%s, %s, %s)"
            " on conflict do nothing",
            [run, int(number), at],
        )
    except DatabaseError:
        log.warning("prober_arrival_lost")


def _run_of(token: str) -> UUID | None:
    """Return the run of a token that this deployment made."""
    try:
        run = UUID(token.partition(".")[0])
    except ValueError:
        return None
    return run if constant_time_compare(token, run_token(run)) else None
