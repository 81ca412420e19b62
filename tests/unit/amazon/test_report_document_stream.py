"""Report documents: whole or not at all, bounded in memory, from Amazon only."""

from __future__ import annotations

import gzip
import traceback
import zlib
from collections.abc import Iterator

import httpx
import pytest
from typing_extensions import override

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.errors import (
    AmazonError,
    DriftedError,
    ExpiredError,
    NotAllowedError,
    UnavailableError,
)
from theseller.amazon.report_document_stream import DocumentLimits, stream_document
from theseller.amazon.spapi_client import SPAPIClient
from theseller.amazon.throttle import InMemoryLimiter
from theseller.amazon.transport import new_http
from theseller.lib.secret_type import Secret

URL = Secret("https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/doc?X-Amz-Signature=zzq1")
ROWS = b"".join(b"902-%07d\tSKU-%d\t%d.99\n" % (n, n * n % 997, n % 83) for n in range(40_000))


class Body(httpx.SyncByteStream):
    """A body in pieces that may break off."""

    def __init__(
        self, content: bytes, size: int = 10_000, failure: Exception | None = None
    ) -> None:
        self.pieces = [content[start : start + size] for start in range(0, len(content), size)]
        self.failure = failure

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.failure:
            raise self.failure


def http(content: bytes, *, status: int = 200, failure: Exception | None = None) -> httpx.Client:
    return new_http(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(status, stream=Body(content, failure=failure))
        )
    )


def assert_tells_nothing(error: BaseException) -> None:
    """The address is in no text, no link of the chain and no local variable of ours."""
    stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [frame for frame in stack if "/theseller/" in frame.filename]
    assert ours
    assert "zzq1" not in str(error) + repr(vars(error)) + repr([frame.locals for frame in ours])
    assert error.__cause__ is None
    assert error.__context__ is None


def test_plain_and_gzip_documents_are_downloaded_completely() -> None:
    assert b"".join(stream_document(http(ROWS), URL, None)) == ROWS
    assert b"".join(stream_document(http(gzip.compress(ROWS)), URL, "GZIP")) == ROWS


def test_several_gzip_members_are_one_document() -> None:
    both = gzip.compress(ROWS) + gzip.compress(b"the end")
    assert b"".join(stream_document(http(both), URL, "GZIP")) == ROWS + b"the end"


@pytest.mark.parametrize(
    ("content_type", "charsets"),
    [
        ("text/plain; charset=Cp1252", ["Cp1252"]), ("text/plain;charset=utf8", ["utf8"]),
        ('text/plain; Charset="UTF-8"', ["UTF-8"]), ("text/plain", []),
        ("application/octet-stream", []), ("text/plain; charset=", []),
        ("text/plain; charset=a b", []), (f"text/plain; charset={'x' * 41}", []), ("", []),
    ],
)  # fmt: skip
def test_the_charset_of_a_document_response_is_passed_on(
    content_type: str, charsets: list[str]
) -> None:
    answer = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"Content-Type": content_type}, stream=Body(ROWS))
    )
    reported: list[str] = []
    assert (
        b"".join(stream_document(new_http(transport=answer), URL, None, charsets=reported)) == ROWS
    )
    assert reported == charsets


def test_document_chunks_are_at_most_64_kilobytes() -> None:
    pieces = list(stream_document(http(gzip.compress(ROWS * 5)), URL, "GZIP"))
    assert max(map(len, pieces)) <= 64 * 1024


def test_document_download_sends_no_access_token() -> None:
    requests: list[httpx.Request] = []

    def amazon(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, stream=Body(ROWS))

    client = SPAPIClient(
        Endpoints.amazon(),
        new_http(transport=httpx.MockTransport(amazon)),
        InMemoryLimiter(),
        application="a",
    )
    assert b"".join(client.get_document(URL, None)) == ROWS
    assert "x-amz-access-token" not in requests[0].headers


@pytest.mark.parametrize("cut", [1, 9, 5_000])
def test_truncated_gzip_document_raises_unavailable_error(cut: int) -> None:
    with pytest.raises(UnavailableError) as caught:
        list(stream_document(http(gzip.compress(ROWS)[:-cut]), URL, "GZIP"))
    assert caught.value.code == "truncated"
    assert "zzq1" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("content", "status", "compression", "failure"),
    [
        (b"expired", 403, None, None),
        (b"busy", 503, None, None),
        (b"no gzip", 200, "GZIP", None),
        (gzip.compress(ROWS)[:-9], 200, "GZIP", None),
        (ROWS, 200, None, httpx.ReadTimeout("slow")),
        (ROWS, 200, "BROTLI", None),
    ],
)
def test_document_error_traceback_does_not_reveal_the_url(
    content: bytes, status: int, compression: str | None, failure: Exception | None
) -> None:
    with pytest.raises(AmazonError) as caught:
        list(stream_document(http(content, status=status, failure=failure), URL, compression))
    assert_tells_nothing(caught.value)


def test_empty_gzip_document_raises_unavailable_error() -> None:
    with pytest.raises(UnavailableError):
        list(stream_document(http(b""), URL, "GZIP"))


@pytest.mark.parametrize(
    "failure",
    [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("closed"), httpx.ReadError("reset")],
)
def test_a_stream_that_breaks_off_is_retriable(failure: Exception) -> None:
    with pytest.raises(UnavailableError):
        list(stream_document(http(ROWS, failure=failure), URL, None))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, ExpiredError),
        (404, ExpiredError),
        (410, ExpiredError),
        (500, UnavailableError),
        (302, UnavailableError),
    ],
)
def test_document_download_status_raises_the_expected_error(
    status: int, expected: type[AmazonError]
) -> None:
    with pytest.raises(expected):
        list(stream_document(http(b"<Error>Request has expired</Error>", status=status), URL, None))


def test_a_decompression_bomb_is_refused_before_it_fills_the_memory() -> None:
    bomb = zlib.compressobj(wbits=31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    pieces: list[int] = []
    with pytest.raises(DriftedError) as caught:
        pieces.extend(map(len, stream_document(http(packed), URL, "GZIP")))
    assert sum(pieces) <= 200 * 64 * 1024  # The largest expansion of one step of compressed bytes.
    assert max(pieces) <= 64 * 1024
    assert "tooCompressed" in str(caught.value)


def test_document_above_compressed_or_plain_size_limit_is_refused() -> None:
    with pytest.raises(DriftedError):
        list(stream_document(http(ROWS), URL, None, limits=DocumentLimits(compressed=100_000)))
    with pytest.raises(DriftedError):
        list(
            stream_document(
                http(gzip.compress(ROWS)), URL, "GZIP", limits=DocumentLimits(plain=100_000)
            )
        )


def test_document_that_is_not_gzip_raises_drifted_error() -> None:
    with pytest.raises(DriftedError) as caught:
        list(stream_document(http(b"PK\x03\x04 a zip"), URL, "GZIP"))
    assert caught.value.__context__ is None


def test_an_unknown_compression_sends_no_request() -> None:
    with pytest.raises(DriftedError):
        list(stream_document(http(ROWS), URL, "BROTLI"))


@pytest.mark.parametrize(
    "url",
    [
        "http://tortuga-prod-eu.s3.amazonaws.com/x",
        "https://attacker-bucket.s3.amazonaws.com/x",
        "https://tortuga-prod-eu.s3.amazonaws.com.attacker.s3.amazonaws.com/x",
        "https://x.tortuga-prod-eu.s3.amazonaws.com/x",
        "https://tortuga-prod-xx.s3.amazonaws.com/x",
        "https://s3.amazonaws.com/tortuga-prod-eu/x",
        "https://d111111abcdef8.cloudfront.net/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://amazonaws.com.evil.example/x",
        "https://evil-amazonaws.com/x",
        "https://user@x.amazonaws.com/x",
        "https://x.amazonaws.com:8443/x",
        "file:///etc/passwd",
        "nonsense",
        "https://[broken",
    ],
)
def test_an_address_that_is_not_amazons_is_refused(url: str) -> None:
    address = Secret(f"{url}?sig=zzq1")
    with pytest.raises(NotAllowedError) as caught:
        list(
            stream_document(
                http(ROWS), address, None, origins=["https://sellingpartnerapi-eu.amazon.com"]
            )
        )
    assert_tells_nothing(caught.value)


def test_the_emulators_own_documents_are_let_through() -> None:
    endpoints = Endpoints.emulated("http://127.0.0.1:8100")
    client = SPAPIClient(endpoints, http(ROWS), InMemoryLimiter(), application="a")
    assert (
        b"".join(client.get_document(Secret("http://127.0.0.1:8100/documents/1?sig=2"), None))
        == ROWS
    )
    with pytest.raises(NotAllowedError):
        list(client.get_document(Secret("http://127.0.0.1:9999/documents/1"), None))
