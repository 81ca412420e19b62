"""Check TLS, redirect, HSTS and firewall of the deployment's own address.

The requests come from the machine that `theseller doctor` runs on.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from theseller.cli.doctor_findings import Finding

_WAIT = 10.0
_YEAR = 31_536_000
_OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
#: Requests that a firewall refuses, and one of the same form that it lets through.
_ATTACKS = ("/?q=%3Cscript%3Ealert(1)%3C/script%3E", "/?q=1%27%20UNION%20SELECT%201--")
_HARMLESS = "/?q=brush"
_SEE = "See docs/operate/edge.md."


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """The deployment's own address.

    Attributes:
        url: `THESELLER_PUBLIC_URL`.
        hsts: `THESELLER_HSTS`.
        trust: makes a client's settings, which trust the system's authorities.
        tls: where to connect for HTTPS, if the name resolves to something else.
        plain: where to connect for HTTP, by default port 80.
    """

    url: str
    hsts: str = "preload"
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
    tls: tuple[str, int] | None = None
    plain: tuple[str, int] | None = None

    @property
    def host(self) -> str:
        """Return the name in the address."""
        return urlsplit(self.url).hostname or ""

    def connect(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Connect over TLS."""
        address = self.tls or (self.host, urlsplit(self.url).port or 443)
        return context.wrap_socket(
            socket.create_connection(address, timeout=_WAIT), server_hostname=self.host
        )

    def get(self, path: str) -> http.client.HTTPResponse:
        """Request a path over TLS."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_WAIT)
        connection.sock = self.connect(self.trust())
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"User-Agent": "theseller-doctor"})
            answer = connection.getresponse()
            answer.read()
            return answer


def check_public_address(address: PublicAddress) -> Iterator[Finding]:
    """Check what browsers meet at the address, which must answer over TLS."""
    for check in (_old_versions, _redirect, _hsts, _firewall):
        try:
            yield check(address)
        except (OSError, http.client.HTTPException) as error:
            name = check.__name__.strip("_").replace("_", " ")
            yield Finding(name, f"no answer ({type(error).__name__})", failed=True, advice=_SEE)


def _old_versions(address: PublicAddress) -> Finding:
    spoken = [version for version in _OLD if can_speak(version)]
    accepted = [version.name for version in spoken if _accepts(address, version)]
    unable = [version.name for version in _OLD if version not in spoken]
    said = f"accepts {', '.join(accepted)}" if accepted else "TLS before 1.2 is refused"
    if unable:
        said += f"; not checked here: {', '.join(unable)}"
    return Finding("TLS", said, failed=bool(accepted), advice=_SEE, checked=not unable)


def _accepts(address: PublicAddress, version: ssl.TLSVersion) -> bool:
    context = address.trust()
    _limit(context, version, "ALL:@SECLEVEL=0")
    try:
        address.connect(context).close()
    except ssl.SSLCertVerificationError:
        return True  # The server sent its certificate in this version.
    except (ssl.SSLError, ConnectionResetError):
        return False
    return True


def can_speak(version: ssl.TLSVersion) -> bool:
    """Return whether this machine's OpenSSL speaks a version.

    If it doesn't, a failed handshake says nothing about a server.
    """
    client, server = (
        ssl.SSLContext(protocol) for protocol in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)
    )
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # without certificates
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        for context in (client, server):
            _limit(context, version, "aNULL:@SECLEVEL=0")
        ends = (
            client.wrap_bio(to_client, to_server),
            server.wrap_bio(to_server, to_client, server_side=True),
        )
        for _ in range(4):
            for end in ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except (ssl.SSLError, ValueError):
        return False
    return all(end.version() is not None and end.cipher() is not None for end in ends)


def _limit(context: ssl.SSLContext, version: ssl.TLSVersion, ciphers: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # That they are old is the point.
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)


def _redirect(address: PublicAddress) -> Finding:
    host, port = address.plain or (address.host, 80)
    connection = http.client.HTTPConnection(host, port, timeout=_WAIT)
    with contextlib.closing(connection):
        connection.request("GET", "/security/", headers={"Host": address.host})
        answer = connection.getresponse()
    location = answer.headers.get("Location", "")
    good = answer.status in {301, 308} and location == f"{address.url.rstrip('/')}/security/"
    return Finding(
        "HTTP",
        "redirected to HTTPS" if good else f"answers {answer.status} {location}".strip(),
        failed=not good,
        advice=f"Redirect everything to {address.url} with 301. {_SEE}",
    )


def _hsts(address: PublicAddress) -> Finding:
    sent = address.get("/security/").headers.get("Strict-Transport-Security", "")
    parts = {part.strip().lower() for part in sent.split(";")}
    age = next((part.partition("=")[2] for part in parts if part.startswith("max-age=")), "")
    needed = {"preload": {"includesubdomains", "preload"}, "subdomains": {"includesubdomains"}}
    good = age.isdigit() and int(age) >= _YEAR and needed.get(address.hsts, set()) <= parts
    return Finding(
        "HSTS",
        sent or "not sent",
        failed=not good,
        advice="TheSeller sends it: does something in front remove or replace it?",
    )


def _firewall(address: PublicAddress) -> Finding:
    harmless = address.get(_HARMLESS).status
    attacks = [address.get(path).status for path in _ATTACKS]
    if harmless == 403:
        return Finding(
            "firewall", "refuses everything", failed=True, advice=f"Is a rule wrong? {_SEE}"
        )
    if set(attacks) != {403}:
        # Another proxy than ours is allowed, so this is no failure; nothing is claimed either.
        return Finding("firewall", f"none that refuses a test attack. {_SEE}", checked=False)
    return Finding("firewall", f"refuses {len(attacks)} test attacks")
