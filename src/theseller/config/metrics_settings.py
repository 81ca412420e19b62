"""Settings of `/metrics`: its ports, and whose expiry it shows.

That of the TLS certificate that browsers see.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from theseller.config.environment import InvalidSettingError

WEB_METRICS_PORT, WORKER_METRICS_PORT = "THESELLER_METRICS_PORT", "THESELLER_WORKER_METRICS_PORT"
TLS_CERTIFICATE = "THESELLER_TLS_CERTIFICATE"
#: Folder of the state folder in which the web processes count together, one below it for each port.
METRICS_FOLDER = "metrics"
#: Only programs of this machine may read the metrics.
METRICS_HOST = "127.0.0.1"


def metrics_port(environ: Mapping[str, str], name: str) -> int | None:
    """Return the port of a process's metrics, or None if it shows none.

    Raises:
        InvalidSettingError: the variable `name` is no port.
    """
    text = environ.get(name, "").strip()
    if not text:
        return None
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1024 <= port <= 65535:
        raise InvalidSettingError(f"{name} must be a port from 1024 to 65535, or empty for none")
    return port


def tls_certificate(environ: Mapping[str, str]) -> Path | None:
    """Return the file of the certificate that browsers see, if it is set.

    Raises:
        InvalidSettingError: it is not an absolute path.
    """
    text = environ.get(TLS_CERTIFICATE, "").strip()
    if text and not text.startswith("/"):
        raise InvalidSettingError(f"{TLS_CERTIFICATE} must be an absolute path")
    return Path(text) if text else None
