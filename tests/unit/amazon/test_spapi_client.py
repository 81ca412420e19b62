"""The Selling Partner API client against a small substitute.

One outcome per answer, nothing sent that is not allowed, nothing disclosed.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from theseller.amazon.endpoints import Endpoints
from theseller.amazon.errors import (
    AccessTokenRejectedError,
    AccountBlockedError,
    AmazonError,
    ExpiredError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    RoleMissingError,
    ThrottledError,
    UnavailableError,
)
from theseller.amazon.spapi_client import Reply, SPAPIClient, Value
from theseller.amazon.throttle import BucketKey, Granted, InMemoryLimiter
from theseller.amazon.transport import new_http
from theseller.lib import trace_spans
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.lib.trace_spans import Attribute, Span, SpanKind

NOON = datetime(2026, 11, 23, 12, 0, 1, 500_000, tzinfo=UTC)
TOKEN = Secret("Atza|token-zzq1")
ORDER = "902-zzq2-0000001"
SECRET_WORDS = ("zzq1", "zzq2", "zzq3")
Handler = Callable[[httpx.Request], httpx.Response]


class Amazon:
    """A stand-in that records the requests it received."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers) or [httpx.Response(200, json={"orders": []})]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class RecordingTracer:
    """Keeps name and attributes of each span."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, dict[str, str | float]]] = []

    @contextmanager
    def span(self, name: str, kind: SpanKind) -> Iterator[Span]:
        assert kind is SpanKind.CLIENT
        found: dict[str, str | float] = {}
        self.spans.append((name, found))
        yield _RecordedSpan(found)


class _RecordedSpan:
    def __init__(self, found: dict[str, str | float]) -> None:
        self._found = found

    def set(self, attribute: Attribute, value: str | float) -> None:
        self._found[attribute.value] = value

    def rename(self, name: str) -> None:
        raise AssertionError(name)


def make(amazon: Handler, limiter: InMemoryLimiter | None = None) -> SPAPIClient:
    http = new_http(transport=httpx.MockTransport(amazon))
    return SPAPIClient(Endpoints.amazon(), http, limiter or InMemoryLimiter(), application="app-1")


def call(
    client: SPAPIClient,
    operation: str = "searchOrders",
    *,
    params: Mapping[str, Value] | None = None,
    path: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Reply:
    return client.call(
        operation,
        region=Region.EU,
        selling_partner_id="ALICE",
        access_token=TOKEN,
        at=NOON,
        params=params,
        path=path,
        body=body,
    )


def problem(
    status: int, code: str = "Unauthorized", details: str = "", message: str = f"denied for {ORDER}"
) -> httpx.Response:
    body = {"errors": [{"code": code, "message": message, "details": details}]}
    return httpx.Response(status, json=body, headers={"x-amzn-RequestId": "req-7"})


def assert_tells_nothing(error: BaseException) -> None:
    text = "".join(
        traceback.TracebackException.from_exception(
            error, capture_locals=False
        ).format_exception_only()
    )
    text += repr(vars(error)) + str(error)
    assert not any(word in text for word in SECRET_WORDS)
    assert "https://" not in text
    assert error.__context__ is None
    assert error.__cause__ is None


def test_sp_api_call_has_the_required_headers_and_parameters() -> None:
    amazon = Amazon(httpx.Response(200, json={"orders": []}, headers={"x-amzn-RequestId": "req-1"}))
    parts: dict[str, Value] = {
        "lastUpdatedAfter": NOON,
        "marketplaceIds": ["A1", "A2"],
        "maxResultsPerPage": 100,
    }
    reply = call(make(amazon), params=parts)
    assert reply == Reply(b'{"orders":[]}', "req-1", 200)
    assert "orders" not in repr(reply)
    request = amazon.requests[0]
    assert request.url.host == "sellingpartnerapi-eu.amazon.com"
    assert request.url.path == "/orders/2026-01-01/orders"
    assert parse_qs(request.url.query.decode()) == {
        "lastUpdatedAfter": ["2026-11-23T12:00:01.500Z"],
        "marketplaceIds": ["A1,A2"],
        "maxResultsPerPage": ["100"],
        "includedData": ["PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT"],
    }
    assert request.headers["x-amz-access-token"] == TOKEN.reveal()
    assert request.headers["x-amz-date"] == "20261123T120001Z"
    assert request.headers["user-agent"].startswith("TheSeller/")
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


def test_path_parameter_is_encoded_as_one_segment() -> None:
    amazon = Amazon(httpx.Response(200, json={"order": {}}))
    call(make(amazon), "getOrder", path={"orderId": "../../tokens?x=1"})
    assert amazon.requests[0].url.raw_path.startswith(
        b"/orders/2026-01-01/orders/..%2F..%2Ftokens%3Fx%3D1?"
    )
    paths: list[dict[str, str]] = [
        {"orderId": ".."},
        {"orderId": ""},
        {},
        {"orderId": "1", "more": "2"},
    ]
    for path in paths:
        with pytest.raises(NotAllowedError):
            call(make(amazon), "getOrder", path=path)
    assert len(amazon.requests) == 1


def test_a_report_request_is_json() -> None:
    amazon = Amazon(httpx.Response(202, json={"reportId": "R1"}))
    body: dict[str, object] = {
        "reportType": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
        "marketplaceIds": ["A1"],
    }
    call(make(amazon), "createReport", body=body)
    assert amazon.requests[0].method == "POST"
    assert json.loads(amazon.requests[0].content) == body
    assert amazon.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("operation", "parts"),
    [
        ("createRestrictedDataToken", {}),
        ("getOrderBuyerInfo", {"path": {"orderId": "1"}}),
        ("searchOrders", {"params": {"includedData": "BUYER"}}),
        ("searchOrders", {"params": {"surprise": "1"}}),
        ("searchOrders", {"body": {"a": 1}}),
        ("createReport", {}),
        (
            "createReport",
            {
                "body": {
                    "reportType": "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL",
                    "marketplaceIds": ["A1"],
                }
            },
        ),
        (
            "createReport",
            {
                "body": {
                    "reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
                    "marketplaceIds": ["A1"],
                }
            },
        ),
        (
            "createReport",
            {"body": {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["A1"]}},
        ),
        ("createReport", {"body": {"reportType": ["GET_SALES_AND_TRAFFIC_REPORT"]}}),
        ("getReports", {"params": {"marketplaceIds": ["A1"]}}),
        ("getReports", {"params": {"reportTypes": []}}),
        ("getReports", {"params": {"reportTypes": ["SC_VAT_TAX_REPORT"], "nextToken": "n"}}),
        (
            "getReports",
            {
                "params": {
                    "reportTypes": [
                        "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
                        "SC_VAT_TAX_REPORT",
                    ]
                }
            },
        ),
        (
            "getReports",
            {
                "params": {
                    "reportTypes": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2,SC_VAT_TAX_REPORT"
                }
            },
        ),
    ],
)
def test_call_outside_the_allow_list_sends_no_request_and_takes_no_token(
    operation: str, parts: dict[str, Any]
) -> None:
    amazon, limiter = Amazon(), InMemoryLimiter()
    with pytest.raises(NotAllowedError) as caught:
        call(make(amazon, limiter), operation, **parts)
    assert_tells_nothing(caught.value)
    assert amazon.requests == []
    assert limiter._buckets == {}


def test_the_next_page_of_reports_needs_its_token_only() -> None:
    amazon = Amazon(httpx.Response(200, json={"reports": []}))
    call(make(amazon), "getReports", params={"nextToken": "n"})
    call(
        make(amazon),
        "getReports",
        params={"reportTypes": ["GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"], "pageSize": 10},
    )
    assert [request.url.params.get("reportTypes") for request in amazon.requests] == [
        None,
        "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
    ]


EXPIRED = "The access token you provided has expired."
FAILURES: list[tuple[httpx.Response, type[AmazonError]]] = [
    (
        problem(403, details="The access token you provided is revoked, malformed or invalid."),
        AccessTokenRejectedError,
    ),
    (problem(403, details=EXPIRED), AccessTokenRejectedError),
    (problem(401, details=EXPIRED), AccessTokenRejectedError),
    (problem(403, details="Access token is missing in the request header."), InvalidRequestError),
    (
        problem(403, details="Access denied for this account. Please contact support. (A-101)"),
        AccountBlockedError,
    ),
    (problem(403, details="", message="Access to requested resource is denied."), RoleMissingError),
    (problem(403, details="Something new."), RoleMissingError),
    (problem(403, message="Access to requested resource is denied."), RoleMissingError),
    (problem(400, "InvalidInput"), InvalidRequestError),
    (problem(404, "NotFound"), NotFoundError),
    (problem(410, "Gone"), ExpiredError),
    (problem(413, "RequestTooLarge"), InvalidRequestError),
    (problem(429, "QuotaExceeded"), ThrottledError),
    (problem(500, "InternalFailure"), UnavailableError),
    (problem(503, "ServiceUnavailable"), UnavailableError),
    (httpx.Response(400, html="<html>Bad Request</html>"), UnavailableError),
    (httpx.Response(403, html="<html>Forbidden</html>"), UnavailableError),
    (httpx.Response(403, content=b""), UnavailableError),
    (httpx.Response(200, html="<html>Sorry</html>"), UnavailableError),
    (httpx.Response(200, content=b'{"orders":[{"orderId":"902-zzq2'), UnavailableError),
    (httpx.Response(200, content=b""), UnavailableError),
    (httpx.Response(301, headers={"location": "https://elsewhere.example/"}), InvalidRequestError),
    (httpx.Response(502, content=b"\x00\xff"), UnavailableError),
    (
        httpx.Response(500, json={"errors": [{"code": "zzq2 in the code", "message": ORDER}]}),
        UnavailableError,
    ),
]


@pytest.mark.parametrize(
    ("answer", "expected"), FAILURES, ids=lambda value: getattr(value, "__name__", None)
)
def test_sp_api_error_response_raises_the_expected_exception(
    answer: httpx.Response, expected: type[AmazonError]
) -> None:
    with pytest.raises(AmazonError) as caught:
        call(make(Amazon(answer)), params={"paginationToken": "page-zzq3"})
    assert type(caught.value) is expected
    assert_tells_nothing(caught.value)
    assert caught.value.operation == "searchOrders"
    assert caught.value.status == answer.status_code


def test_sp_api_error_message_has_operation_status_code_and_request_id() -> None:
    with pytest.raises(RoleMissingError) as caught:
        call(make(Amazon(problem(403))), "listTransactions")
    error = caught.value
    assert (error.operation, error.status, error.code, error.request_id) == (
        "listTransactions",
        403,
        "Unauthorized",
        "req-7",
    )
    assert "listTransactions: status 403, code Unauthorized, request req-7" in str(error)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ConnectError("no route for zzq1"), "connection"),
        (httpx.ReadTimeout("slow zzq1"), "timeout"),
        (httpx.RemoteProtocolError("peer closed"), "truncated"),
    ],
)
def test_network_failure_of_an_sp_api_call_raises_unavailable_error(
    failure: Exception, code: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        call(make(Amazon(failure)))
    assert caught.value.code == code
    assert caught.value.retry_after > 0
    assert_tells_nothing(caught.value)


def test_exhausted_rate_limit_sends_no_request() -> None:
    amazon = Amazon()
    client = make(amazon)
    for _ in range(20):
        call(client)
    with pytest.raises(ThrottledError) as caught:
        call(client)
    assert len(amazon.requests) == 20
    assert caught.value.status is None
    wait = caught.value.not_before - NOON
    assert timedelta(seconds=178) < wait < timedelta(seconds=179)


def test_429_response_throttles_the_limiter() -> None:
    limiter = InMemoryLimiter()
    client = make(Amazon(problem(429, "QuotaExceeded")), limiter)
    with pytest.raises(ThrottledError) as caught:
        call(client, "getReport", path={"reportId": "1"})
    assert caught.value.not_before == NOON + timedelta(seconds=0.5)
    assert limiter.acquire(BucketKey("app-1", "ALICE", Region.EU, "getReport"), NOON) != Granted()


@pytest.mark.parametrize(("status", "learnt"), [(200, 1.0), (404, 1.0), (403, 2.0), (500, 2.0)])
def test_rate_limit_header_is_applied_for_documented_statuses_only(
    status: int, learnt: float
) -> None:
    limiter = InMemoryLimiter()
    answer = httpx.Response(status, json={"errors": []}, headers={"x-amzn-RateLimit-Limit": "1.0"})
    try:
        call(make(Amazon(answer), limiter), "getReport", path={"reportId": "1"})
    except AmazonError:
        assert status != 200
    assert limiter._buckets[BucketKey("app-1", "ALICE", Region.EU, "getReport")].rate == learnt


def test_a_token_that_no_header_can_carry_is_refused_before_it_can_be_printed() -> None:
    amazon = Amazon()
    with pytest.raises(AccessTokenRejectedError) as caught:
        make(amazon).call(
            "listBalances",
            region=Region.EU,
            selling_partner_id="A",
            access_token=Secret("zzq1\r\nevil: ü"),
            at=NOON,
        )
    assert_tells_nothing(caught.value)
    assert amazon.requests == []


def test_no_cookie_passes_from_one_seller_to_another() -> None:
    amazon = Amazon(
        httpx.Response(
            200,
            json={"orders": []},
            headers={"set-cookie": "seller=alice; Path=/; Domain=amazon.com"},
        )
    )
    client = make(amazon)
    call(client)
    call(client)
    assert "cookie" not in amazon.requests[1].headers


def test_http_client_ignores_proxy_variables_and_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    http = new_http()
    assert http.trust_env is False
    assert http.follow_redirects is False
    assert http._mounts == {}
    http.close()


def test_a_call_is_timed_by_its_operation_only(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = RecordingTracer()
    monkeypatch.setattr(trace_spans, "_tracer", traced)
    amazon = Amazon(httpx.Response(200, json={"orders": []}), httpx.ConnectError("zzq3"))
    client = make(amazon)
    call(client, params={"lastUpdatedAfter": "2026-11-01T00:00:00Z"})
    with pytest.raises(UnavailableError):
        call(client)
    operation = {"theseller.amazon.operation": "searchOrders"}
    assert traced.spans == [
        ("Amazon searchOrders", operation | {"http.response.status_code": 200}),
        ("Amazon searchOrders", operation | {"error.type": "connection"}),
    ]
