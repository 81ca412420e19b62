"""Static files: compressed for clients that accept it, and never broken by an update.

Kept for a year under the address of their content.
"""

from __future__ import annotations

import gzip

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.templatetags.static import static

from theseller.edge.static_files import StaticFilesMiddleware, static_version

TOKENS = "edge/css/tokens.css"


@pytest.fixture(scope="module")
def serve() -> StaticFilesMiddleware:
    return StaticFilesMiddleware(lambda _request: HttpResponse(status=404))


def _get(serve: StaticFilesMiddleware, path: str, **meta: str) -> HttpResponseBase:
    request = HttpRequest()
    request.method, request.path_info, request.path = "GET", path, path
    request.META.update(meta)
    return serve(request)


def _content(response: HttpResponseBase) -> bytes:
    content = b"".join(response)
    response.close()
    return content


def test_a_page_links_an_address_that_is_kept_for_a_year(serve: StaticFilesMiddleware) -> None:
    address = static(TOKENS)
    assert address == f"/static/{static_version()}/{TOKENS}"
    answer = _get(serve, address)
    assert "immutable" in answer["Cache-Control"]
    assert b"--paper" in _content(answer)


@pytest.mark.parametrize("address", [f"/static/{TOKENS}", f"/static/0123456789ab/{TOKENS}"])
def test_other_addresses_are_kept_for_a_minute(serve: StaticFilesMiddleware, address: str) -> None:
    answer = _get(serve, address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "max-age=60, public"
    answer.close()


@pytest.mark.parametrize(
    ("accepted", "encoded"),
    [("gzip, br", True), ("gzip;q=0.5", True), ("", False), ("br", False), ("gzip;q=0", False)],
)
def test_static_file_is_gzipped_only_if_the_client_accepts_gzip(
    serve: StaticFilesMiddleware,
    accepted: str,
    encoded: bool,  # noqa: FBT001
) -> None:
    answer = _get(serve, static(TOKENS), HTTP_ACCEPT_ENCODING=accepted)
    content = _content(answer)
    assert answer["Vary"] == "Accept-Encoding"
    assert ("Content-Encoding" in answer) is encoded
    assert int(answer["Content-Length"]) == len(content)
    plain = gzip.decompress(content) if encoded else content
    assert b"--paper: #f4f5f2;" in plain
    assert (b"The only place where" in plain) is not encoded, (
        "comments are left out of what is compressed"
    )


def test_relative_url_in_a_style_sheet_is_served(serve: StaticFilesMiddleware) -> None:
    answer = _get(serve, static("edge/chevron.svg"))
    assert answer.status_code == 200
    answer.close()


def test_request_for_an_unknown_static_file_is_passed_to_the_application(
    serve: StaticFilesMiddleware,
) -> None:
    for path in (
        "/static/edge/css/none.css",
        "/static/../settings.py",
        f"/static/{static_version()}/",
        "/security/",
    ):
        assert _get(serve, path).status_code == 404
