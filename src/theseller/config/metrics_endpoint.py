"""`/metrics` of the web processes, on a port of its own.

It is answered before Django: that port serves nothing else, and the port of the pages has no
`/metrics`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from django.db import connections
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from theseller.config.deployment_metrics import DeploymentCollector
from theseller.config.deployment_state_measurement import deployment_state
from theseller.lib import clock
from theseller.operators.deployment_status.types import DeploymentState


def with_metrics(application: WSGIApplication, port: int | None) -> WSGIApplication:
    """Return `application` with `/metrics` on `port`.

    The listener decides (`SERVER_PORT`), and no header of the client's.
    """
    if port is None:
        return application
    collector = DeploymentCollector(_state)

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("SERVER_PORT") != str(port):
            return application(environ, start_response)
        if environ.get("PATH_INFO") != "/metrics" or environ.get("REQUEST_METHOD") != "GET":
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        body = generate_latest(_registry(collector))
        start_response(
            "200 OK",
            [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))],
        )
        return [body]

    return answer


def _registry(collector: DeploymentCollector) -> CollectorRegistry:
    """Return counts of all web processes and the deployment's state."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
    else:
        registry.register(REGISTRY)
    registry.register(collector)
    return registry


def _state() -> DeploymentState:
    try:
        return deployment_state(clock.now(), measured_by="operator", read_by="default")
    finally:
        # Outside of a request of Django's nothing else gives the connections back.
        for alias in ("operator", "default"):
            connections[alias].close()
