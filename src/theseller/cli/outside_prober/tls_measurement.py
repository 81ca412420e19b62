"""Measure TLS, certificate, HSTS and redirect at each public address."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from theseller.cli.outside_prober.target_connection import WAIT, Target, any_tls, limit
from theseller.controls.prober_reports.message_format import TlsAtAddress, TlsSection
from theseller.crypto.demo_certificates import ensure_demo_certificates
from theseller.lib import clock

VERSIONS = ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3")
OLD_CIPHERS = "old ciphers"
#: TLS 1.2 without AES-GCM, AES-CCM and ChaCha20 with forward secrecy.
_OLD_CIPHER_LIST = (
    "ALL:!ECDHE+AESGCM:!ECDHE+AESCCM:!ECDHE+CHACHA20:!DHE+AESGCM:!DHE+AESCCM:!DHE+CHACHA20"
    ":@SECLEVEL=0"
)
_PAGE = "/security/"


def measure_tls(target: Target) -> TlsSection:
    """Return what each address accepts, and what this client could offer."""
    return TlsSection(
        offered=list(_offered()),
        addresses=[_at_address(target, address) for address in target.addresses()],
    )


def _client(version: str, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    return any_tls(ssl.TLSVersion[version], ciphers)


def _at_address(target: Target, address: str) -> TlsAtAddress:
    error, expires_at = _certificate(target, address)
    status, location = _redirect(target, address)
    return TlsAtAddress(
        address=address,
        versions={version: _try(target, address, _client(version)) for version in VERSIONS},
        old_ciphers=_try(target, address, _client("TLSv1_2", _OLD_CIPHER_LIST)),
        certificate_error=error,
        expires_at=expires_at,
        hsts=_hsts(target, address),
        redirect_status=status,
        redirect_location=location,
    )


def _try(target: Target, address: str, context: ssl.SSLContext) -> str:
    """Return the result of one handshake."""
    try:
        target.connect(address, context).close()
    except (ssl.SSLError, ConnectionResetError):
        return "refused"
    except OSError:
        return "unreachable"
    return "accepted"


def _certificate(target: Target, address: str) -> tuple[str, str]:
    """Return why the certificate is not trusted, and when a trusted one ends."""
    try:
        with target.connect(address, ssl.create_default_context()) as connection:
            described = connection.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")[:200] or "it can't be verified", ""
    except OSError:
        return "", ""
    ends = ssl.cert_time_to_seconds(str(described["notAfter"]))
    return "", datetime.fromtimestamp(ends, UTC).isoformat()


def _hsts(target: Target, address: str) -> str:
    try:
        answer = target.request(address, "GET", _PAGE)
    except (OSError, http.client.HTTPException):
        return ""
    return str(answer.headers.get("Strict-Transport-Security", ""))[:200]


def _redirect(target: Target, address: str) -> tuple[int, str]:
    """Return status and Location of a page over plain HTTP."""
    try:
        answer = target.request_plainly(address, _PAGE, {})
    except (OSError, http.client.HTTPException):
        return 0, ""
    return answer.status, str(answer.headers.get("Location", ""))[:200]


def _offered() -> Iterator[str]:
    """Yield the versions that a server of our own accepts from this client.

    OpenSSL may be built without old versions; then a refusal says nothing about a server.
    """
    with tempfile.TemporaryDirectory(prefix="theseller-prober-") as folder:
        ensure_demo_certificates(Path(folder), at=clock.now())
        for version in VERSIONS:
            if _own_server_accepts(Path(folder), version, "ALL:@SECLEVEL=0"):
                yield version
        if _own_server_accepts(Path(folder), "TLSv1_2", _OLD_CIPHER_LIST):
            yield OLD_CIPHERS


def _own_server_accepts(folder: Path, version: str, ciphers: str) -> bool:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        limit(server, ssl.TLSVersion[version], ciphers)
        client = any_tls(ssl.TLSVersion[version], ciphers)
    except (ssl.SSLError, ValueError):
        return False
    server.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT)
        thread = threading.Thread(target=_serve_one, args=(listener, server))
        thread.start()
        own = Target(f"https://localhost:{listener.getsockname()[1]}")
        accepted = _try(own, "127.0.0.1", client) == "accepted"
        thread.join()
    return accepted


def _serve_one(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Accept one connection with a handshake."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(WAIT)
            context.wrap_socket(connection, server_side=True).close()
