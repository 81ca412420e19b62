"""Check files, certificate, clock and web of a production host."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from theseller.cli.doctor_findings import Finding
from theseller.cli.doctor_state_export import examine_state_export
from theseller.config.config_file import CONFIG_FILE
from theseller.config.environment import InvalidSettingError
from theseller.config.operator_on_security_page import placeholder_settings, read_operator_identity

#: As in deploy/monitoring/theseller-rules.yml.
_CERTIFICATE_DAYS_MIN = 14
_SECONDS = 5.0
#: Folders and files of the state folder that only their owner may read.
_PRIVATE = ("secrets", "keys", "erasures", "audit")


def examine_production(state: Path) -> Iterator[Finding]:
    """Check what a deployment for real sellers needs around it."""
    checks: tuple[Callable[[Path], Finding], ...] = (
        _configuration_file,
        _operator_identity,
        _file_rights,
        examine_state_export,
        _time_service,
        _certificate,
        _web,
    )
    for check in checks:
        yield check(state)


def _configuration_file(_state: Path) -> Finding:
    path = os.environ.get(CONFIG_FILE)
    if not path:
        return Finding(
            "configuration", "no file: all settings are variables (THESELLER_CONFIG)", checked=False
        )
    # It was read before this command began; wrong rights or lines would have ended it.
    return Finding("configuration", f"{path} was read")


def _operator_identity(_state: Path) -> Finding:
    try:
        found = read_operator_identity(os.environ)
    except InvalidSettingError as error:
        return Finding("contact", str(error), failed=True)
    unusable = placeholder_settings(found)
    return Finding(
        "contact",
        f"missing or a placeholder: {', '.join(unusable)}"
        if unusable
        else f"{found.officer}, {found.contact}; {found.legal_entity}, {found.legal_address}",
        failed=bool(unusable),
        advice="Run `theseller setup`: web and worker do not start, and the security page shows"
        " these texts.",
    )


def _file_rights(state: Path) -> Finding:
    backups = os.environ.get("THESELLER_BACKUPS", "")
    places = [state / name for name in _PRIVATE]
    if backups.startswith("/"):
        places.append(Path(backups))
    places += [Path(value) for name, value in sorted(os.environ.items()) if _names_a_secret(name)]
    open_to_others = []
    for path in places:
        with contextlib.suppress(OSError):
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                open_to_others.append(str(path))
    return Finding(
        "file rights",
        f"others may use {', '.join(open_to_others)}"
        if open_to_others
        else "no one else can read secrets, keys, journals or backups",
        failed=bool(open_to_others),
        advice=f"Run `chmod -R go= {' '.join(open_to_others)}`.",
    )


def _names_a_secret(variable: str) -> bool:
    return (
        variable.startswith("THESELLER_")
        and variable.endswith("_FILE")
        and not variable.endswith("_CA_FILE")
    )


def _time_service(_state: Path) -> Finding:
    """Ask the system whether a time server sets the clock."""
    program = shutil.which("timedatectl")
    answer = ""
    if program:
        done = subprocess.run(  # a program of the system, without input  # noqa: S603
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        answer = done.stdout.strip()
    if answer not in {"yes", "no"}:
        return Finding("time service", "not known on this system", checked=False)
    return Finding(
        "time service",
        "sets this clock" if answer == "yes" else "does not set this clock",
        failed=answer == "no",
        advice="Run `timedatectl set-ntp true`, or install chrony.",
    )


def _certificate(_state: Path) -> Finding:
    """Check the certificate of the public address, and how long it is valid."""
    url = urlsplit(os.environ.get("THESELLER_PUBLIC_URL", ""))
    try:
        days = certificate_days(url.hostname or "", url.port or 443)
    except (OSError, ValueError) as error:
        reason = getattr(error, "verify_message", "") or type(error).__name__
        return Finding(
            "TLS",
            f"{url.netloc} shows no valid certificate ({reason})",
            failed=True,
            advice="See docs/operate/https.md.",
        )
    return Finding(
        "TLS",
        f"the certificate of {url.netloc} is valid for {days:.0f} days",
        failed=days < _CERTIFICATE_DAYS_MIN,
        advice="Renew it: see docs/operate/https.md.",
    )


def certificate_days(
    host: str, port: int, *, trust: ssl.SSLContext | None = None, address: str | None = None
) -> float:
    """Return for how many days the certificate of a server is valid.

    Args:
        host: the name that the certificate must be for.
        port: where the server listens.
        trust: the certificates to trust, the system's by default.
        address: where to connect, if the name resolves to something else.

    Raises:
        OSError: the server can't be reached, or its certificate is not valid.
    """
    context = trust or ssl.create_default_context()
    with (
        socket.create_connection((address or host, port), timeout=_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname=host) as connection,
    ):
        shown = connection.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()) / 86_400


def _web(_state: Path) -> Finding:
    port = os.environ.get("THESELLER_PORT", "8100")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_SECONDS)
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/readyz?without=worker")
            answer = connection.getresponse()
            said = answer.read(200).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return Finding(
            "web",
            f"port {port} does not answer ({type(error).__name__})",
            failed=True,
            advice="Start the web (`systemctl start theseller-web`), and look at its log.",
        )
    return Finding("web", said, failed=answer.status != 200, advice="docs/operate/monitoring.md")
