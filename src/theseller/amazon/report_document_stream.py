"""Stream report documents: decompressed and measured in memory.

No byte is written to a disk, and the address is a credential.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from theseller.amazon.call_deadline import pieces_until
from theseller.amazon.errors import DriftedError, ExpiredError, NotAllowedError, UnavailableError
from theseller.amazon.gunzip import Damage, GunzipError, GunzipLimits, gunzip
from theseller.amazon.transport import DOCUMENT_SECONDS, Failure, TransportError, opened
from theseller.lib.secret_type import Secret

_OPERATION = "getDocument"
#: Amazon keeps report documents in one bucket of its own for each region, by any of S3's names for
#: it, and its guides show one CloudFront address. Any other host of AWS is some customer's. Source:
#: the Reports API guides, "Retrieve a report", and the addresses that sellers quote in
#: github.com/amzn/selling-partner-api-models (#1293, #1593, #2648, #3005).
HOSTS = (
    "tortuga-prod-na.s3.amazonaws.com",
    "tortuga-prod-na.s3-external-1.amazonaws.com",
    "tortuga-prod-na.s3.us-east-1.amazonaws.com",
    "tortuga-prod-eu.s3.amazonaws.com",
    "tortuga-prod-eu.s3-eu-west-1.amazonaws.com",
    "tortuga-prod-eu.s3.eu-west-1.amazonaws.com",
    "tortuga-prod-fe.s3.amazonaws.com",
    "tortuga-prod-fe.s3-us-west-2.amazonaws.com",
    "tortuga-prod-fe.s3.us-west-2.amazonaws.com",
    "d34o8swod1owfl.cloudfront.net",
)
_STEP = 64 * 1024


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The most that a document may cost.

    `compressed` bytes as they arrive and are kept, `plain` bytes after decompression, and `seconds`
    for the whole document. A report of 200,000 orders has 60 MB, compressed 6. `expansion` is plain
    ÷ compressed, checked after the first mebibyte: order reports have about 10, a file of zeros
    1000.
    """

    compressed: int = 128 * 1024 * 1024
    plain: int = 512 * 1024 * 1024
    expansion: int = 200
    seconds: float = DOCUMENT_SECONDS


DEFAULT_LIMITS = DocumentLimits()


def stream_document(
    http: httpx.Client,
    url: Secret,
    compression: str | None,
    *,
    origins: Sequence[str] = (),
    user_agent: str = "TheSeller",
    limits: DocumentLimits = DEFAULT_LIMITS,
    keep: list[bytes] | None = None,
    charsets: list[str] | None = None,
) -> Iterator[bytes]:
    """Yield the plain bytes of the document at `url`.

    Args:
        http: the client, from `new_http`.
        url: what getReportDocument returned.
        compression: ``GZIP`` or None, as Amazon said.
        origins: addresses besides Amazon's document hosts from which a document may come: the
            emulator's.
        user_agent: sent with the request.
        limits: the most that the document may cost.
        keep: the bytes as they arrive are appended to it; they are a tenth of the plain ones.
        charsets: the charset that the document is served with, if one is named, is appended to it.

    Raises:
        NotAllowedError: the address is not Amazon's; nothing was sent.
        ExpiredError: the address has expired (after five minutes). Request a new one by
            getReportDocument.
        UnavailableError: the stream was interrupted. What was yielded before is incomplete and must
            be discarded.
        DriftedError: unknown compression, or larger or more compressed than a report can be.
    """
    if compression not in {None, "GZIP"}:
        raise DriftedError(_OPERATION, "compressionAlgorithm")
    if not _is_known_address(url, origins):
        raise NotAllowedError(_OPERATION, code="documentAddress")
    failure: Failure | None = None
    try:
        ends_at = time.monotonic() + limits.seconds
        with opened(http, _request(http, url, user_agent), ends_at=ends_at) as response:
            _check_status(response)
            if charsets is not None and (
                charset := _charset(response.headers.get("content-type", ""))
            ):
                charsets.append(charset)
            raw = _kept(
                _capped(pieces_until(response.iter_raw(_STEP), ends_at), limits.compressed), keep
            )
            yield from _capped(
                raw if compression is None else _gunzip(raw, limits.expansion), limits.plain
            )
    except TransportError as error:
        failure = error.failure
    if failure is not None:
        raise UnavailableError(_OPERATION, code=failure.value)


def _request(http: httpx.Client, url: Secret, user_agent: str) -> httpx.Request:
    return http.build_request(
        "GET", url.reveal(), headers={"user-agent": user_agent, "accept-encoding": "identity"}
    )


def _is_known_address(url: Secret, origins: Sequence[str]) -> bool:
    """Return whether a document may be fetched from this address.

    No other scheme than https, no login in it, and no host but Amazon's and `origins`.
    """
    try:
        parsed = httpx.URL(url.reveal())
    except (httpx.InvalidURL, ValueError):
        return False
    if parsed.userinfo:
        return False
    if (parsed.scheme, parsed.host, parsed.port) in {
        (origin.scheme, origin.host, origin.port) for origin in map(httpx.URL, origins)
    }:
        return True
    return parsed.scheme == "https" and parsed.port is None and parsed.host in HOSTS


def _charset(content_type: str) -> str | None:
    """Return the charset that a content type names; None if it names none.

    Such as ``text/plain; charset=Cp1252``.
    """
    found = re.search(
        r";\s*charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})\"?\s*(?:;|$)", content_type, re.IGNORECASE
    )
    return found[1] if found else None


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    # S3 says 403 for an expired signature, and 400 for an expired token in it.
    if status in {400, 401, 403, 404, 410}:
        raise ExpiredError(_OPERATION, status=status)
    raise UnavailableError(_OPERATION, status=status)


def _kept(chunks: Iterator[bytes], keep: list[bytes] | None) -> Iterator[bytes]:
    for chunk in chunks:
        if keep is not None:
            keep.append(chunk)
        yield chunk


def _capped(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise DriftedError(_OPERATION, "document.tooLarge")
        yield chunk


def _gunzip(chunks: Iterator[bytes], max_expansion: int) -> Iterator[bytes]:
    """Decompress as the bytes arrive, never more than a step at a time.

    A compression bomb is detected before it fills the memory.
    """
    # An order report has a ratio of about 10, a file of zeros of 1000; a short file is not judged.
    limits = GunzipLimits(expansion=max_expansion, judged_after=1024 * 1024, step=_STEP)
    damage: Damage | None = None
    try:
        yield from gunzip(chunks, limits)
    except GunzipError as error:
        damage = error.damage
    if damage is Damage.TRUNCATED:
        raise TransportError(Failure.TRUNCATED)
    if damage is not None:
        raise DriftedError(_OPERATION, f"document.{damage.value}")
