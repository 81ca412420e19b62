"""The setting of traces: the collector that gets them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

from theseller.config.environment import InvalidSettingError
from theseller.lib.ip_networks_and_proxies import is_loopback

TRACES_URL = "THESELLER_TRACES_URL"


def read_traces_url(environ: Mapping[str, str]) -> str:
    """Return the address of the OpenTelemetry collector, or "" for no traces.

    Raises:
        InvalidSettingError: it is no address of a collector, or unencrypted to another machine, or
            the packages of the extra `tracing` are not installed.
    """
    url = environ.get(TRACES_URL, "").strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if (
        not host
        or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
        or parts.username is not None
        or parts.query
        or parts.fragment
        or parts.path in {"", "/"}
        or not (url.isascii() and url.isprintable())
    ):
        raise InvalidSettingError(
            f"{TRACES_URL} must be the address at which an OpenTelemetry collector takes traces"
            " (OTLP over HTTP): http://127.0.0.1:4318/v1/traces for one on this machine, https://"
            " for another"
        )
    if not _has_packages():
        raise InvalidSettingError(
            f"{TRACES_URL} needs the packages of requirements-tracing.txt, the extra `tracing`:"
            " install them, or leave the setting out"
        )
    return url


def _has_packages() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
