"""The one HTTP client, strict about time, size and redirects.

httpx exceptions contain the request, and the request contains the token. So none of them leaves
this package, not even as another error's context.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from theseller.amazon.call_deadline import DeadlineBackend, pieces_until, until

#: A page of 100 orders is about 300 kB; the largest answers seen in public fixtures stay under 3
#: MB.
MAX_BODY_BYTES = 8 * 1024 * 1024
#: Seconds for a whole call, from the connection to the last byte: Amazon's own gateway gives up
#: after 29.
CALL_SECONDS = 35.0
#: Seconds for a whole document. Its address is valid for five minutes.
DOCUMENT_SECONDS = 300.0
#: What `new_http` returns, for packages that pass a client on and may not import httpx.
HTTPClient = httpx.Client
_TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=10.0, pool=10.0)


def new_http(*, transport: httpx.BaseTransport | None = None, ca_file: str = "") -> httpx.Client:
    """Return an HTTP client that follows no redirect and keeps no cookie.

    It reads no proxy or netrc from the environment, and gives up in time. `transport` replaces the
    network in tests; `ca_file` names authorities to trust in place of the system's.
    """
    return httpx.Client(
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        transport=transport or _Transport(_tls_context(ca_file)),
        # Nothing of one seller's answer is sent with another's request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, over connections that obey a deadline."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=20,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
            network_backend=DeadlineBackend(),
        )


class Failure(StrEnum):
    """Why there is no complete answer."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer; `body` and `headers` do not print."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)


class TransportError(Exception):
    """The network failed; carries a `Failure` and nothing of the request."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.value)


@contextmanager
def opened(
    http: httpx.Client, request: httpx.Request, *, ends_at: float
) -> Iterator[httpx.Response]:
    """Send `request` and yield the response with its body unread.

    The caller reads the body by `pieces_until` the same `ends_at`, a time of the monotonic clock in
    seconds.

    Raises:
        TransportError: the network failed, here or while the caller reads. Python may attach the
            httpx error to it as context, so callers catch it, and raise their own error outside of
            the ``except`` block.
    """
    failure: Failure | None = None
    try:
        with until(ends_at):
            response = http.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()
    except (httpx.TimeoutException, httpcore.TimeoutException):
        failure = Failure.TIMEOUT
    except httpx.RemoteProtocolError:  # The body ended before its announced length.
        failure = Failure.TRUNCATED
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.StreamError,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        OSError,
    ):
        failure = Failure.CONNECTION
    if failure is not None:
        raise TransportError(failure)


def ask(
    http: httpx.Client,
    request: httpx.Request,
    *,
    limit: int = MAX_BODY_BYTES,
    seconds: float = CALL_SECONDS,
) -> Answer:
    """Send `request` and read the whole answer.

    At most `limit` bytes, in at most `seconds` from first to last.

    Raises:
        TransportError: no answer, no complete answer, or one larger or slower than allowed.
    """
    ends_at = time.monotonic() + seconds
    with opened(http, request, ends_at=ends_at) as response:
        chunks: list[bytes] = []
        size = 0
        for chunk in pieces_until(response.iter_bytes(), ends_at):
            size += len(chunk)
            if size > limit:
                raise TransportError(Failure.TOO_LARGE)
            chunks.append(chunk)
        return Answer(response.status_code, response.headers, b"".join(chunks))


def retry_after_seconds(headers: httpx.Headers) -> float | None:
    """Return the seconds of a ``Retry-After`` header, at most an hour.

    None if it is absent or a date.
    """
    text = headers.get("retry-after", "").strip()
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else None
