"""Report documents: streamed, decompressed and measured in memory. No byte touches a disk, and the address is a credential."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx

from theseller.amazon.errors import DriftedError, GoneError, NotAllowedError, UnavailableError
from theseller.amazon.gunzip import Damage, GunzipError, GunzipLimits, gunzip
from theseller.amazon.transport import Failure, TransportError, opened
from theseller.lib.secret import Secret

_OPERATION = "getDocument"
#: Amazon stores documents in S3 and serves some through CloudFront. A document elsewhere would be somebody else's, or our own network's.
HOSTS = (".amazonaws.com", ".cloudfront.net")
MAX_COMPRESSED_BYTES = 256 * 1024 * 1024
MAX_BYTES = 2 * 1024 * 1024 * 1024
#: Order reports compress about 10:1, an all-zero file 1000:1. Judged only past the first mebibyte, where a short file cannot trip it.
MAX_EXPANSION = 200
_STEP = 64 * 1024


def stream_document(
    http: httpx.Client,
    url: Secret,
    compression: str | None,
    *,
    origins: Sequence[str] = (),
    user_agent: str = "TheSeller",
    max_compressed: int = MAX_COMPRESSED_BYTES,
    max_bytes: int = MAX_BYTES,
    max_expansion: int = MAX_EXPANSION,
) -> Iterator[bytes]:
    """Yield the plain bytes of the document at `url`; `compression` is ``GZIP`` or None, as Amazon said.

    `origins` are addresses besides Amazon's document hosts from which a document may come: the emulator's.

    Raises:
        NotAllowedError: the address is not Amazon's; nothing was sent.
        GoneError: the address has expired (five minutes). Ask getReportDocument for a new one.
        UnavailableError: the stream broke off. What was yielded before is incomplete and must be thrown away.
        DriftedError: unknown compression, or larger or more compressed than a report can be.
    """
    if compression not in {None, "GZIP"}:
        raise DriftedError(_OPERATION, "compressionAlgorithm")
    if not _is_known_address(url, origins):
        raise NotAllowedError(_OPERATION, code="documentAddress")
    failure: Failure | None = None
    try:
        with opened(http, _request(http, url, user_agent)) as response:
            _check_status(response)
            raw = _capped(response.iter_raw(_STEP), max_compressed)
            yield from _capped(raw if compression is None else _gunzip(raw, max_expansion), max_bytes)
    except TransportError as error:
        failure = error.failure
    if failure is not None:
        raise UnavailableError(_OPERATION, code=failure.value)


def _request(http: httpx.Client, url: Secret, user_agent: str) -> httpx.Request:
    return http.build_request("GET", url.reveal(), headers={"user-agent": user_agent, "accept-encoding": "identity"})


def _is_known_address(url: Secret, origins: Sequence[str]) -> bool:
    """Say whether an answer may send us to this address: no other scheme, no login in it, no host but Amazon's and `origins`."""
    try:
        parsed = httpx.URL(url.reveal())
    except (httpx.InvalidURL, ValueError):
        return False
    if parsed.userinfo:
        return False
    if (parsed.scheme, parsed.host, parsed.port) in {(origin.scheme, origin.host, origin.port) for origin in map(httpx.URL, origins)}:
        return True
    return parsed.scheme == "https" and parsed.port is None and parsed.host.endswith(HOSTS)


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in {400, 401, 403, 404, 410}:  # S3 says 403 for an expired signature, and 400 for an expired token in it.
        raise GoneError(_OPERATION, status=status)
    raise UnavailableError(_OPERATION, status=status)


def _capped(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise DriftedError(_OPERATION, "document.tooLarge")
        yield chunk


def _gunzip(chunks: Iterator[bytes], max_expansion: int) -> Iterator[bytes]:
    """Decompress as the bytes come, never more than a step at a time, so that a bomb is met before it fills the memory."""
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
