"""Calls of the Selling Partner API: each ends in one distinct outcome.

Nothing outside the allow-list leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import msgspec

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
    harmless,
)
from theseller.amazon.json_byte_order_marks import plain_json
from theseller.amazon.report_document_stream import stream_document
from theseller.amazon.roles import RestrictedRole
from theseller.amazon.spapi_operations import Operation, allowed, require_report_type
from theseller.amazon.throttle import BucketKey, Limiter, NotBefore
from theseller.amazon.transport import Answer, TransportError, ask, retry_after_seconds
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.lib.trace_spans import Attribute, SpanKind, span

Value = str | int | bool | datetime | Sequence[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer, still undecoded.

    The body is left out of `repr`; pass it to a decoder at once.
    """

    body: bytes = field(repr=False)
    request_id: str
    status: int


class _Problem(msgspec.Struct):
    code: str | None = None
    message: str | None = None
    details: str | None = None


class _Problems(msgspec.Struct):
    errors: list[_Problem] = []


#: An error of Amazon's is a few hundred bytes.
_PROBLEM_MAX = 256 * 1024
_PROBLEMS = msgspec.json.Decoder(_Problems)


class SPAPIClient:
    """Calls allowed operations for sellers of one `application`.

    Never faster than `limiter` grants. `granted` are the restricted roles that the application has:
    none, unless the caller is for a feature that needs one.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        http: httpx.Client,
        limiter: Limiter,
        *,
        application: str,
        granted: Collection[RestrictedRole] = (),
    ) -> None:
        self._endpoints = endpoints
        self._http = http
        self._limiter = limiter
        self._application = application
        self._granted = granted

    def call(
        self,
        operation: str,
        *,
        region: Region,
        selling_partner_id: str,
        access_token: Secret,
        at: datetime,
        params: Mapping[str, Value] | None = None,
        path: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Reply:
        """Call `operation` by Amazon's name.

        Args:
            operation: a name of the allow-list.
            region: the region of the account.
            selling_partner_id: the seller, for the limiter.
            access_token: the seller's token.
            at: the current time, with a time zone.
            params: sent in the query.
            path: fills the path template.
            body: sent as JSON.

        Raises:
            NotAllowedError: not on the allow-list; nothing was sent and no token of the limiter was
                taken.
            ThrottledError: by our limiter (nothing was sent) or by Amazon.
            AccessTokenRejectedError: the access token is not valid.
            RoleMissingError: the authorization lacks a role or the region.
            AccountBlockedError: Amazon denies access to this account.
            NotFoundError: Amazon does not have it for this seller.
            ExpiredError: it has expired.
            InvalidRequestError: Amazon rejects the request as wrong.
            UnavailableError: there is no complete answer.
        """
        plan = allowed(operation, self._granted)
        request = self._request(plan, region, access_token, at, params or {}, path or {}, body)
        key = BucketKey(self._application, selling_partner_id, region, plan.name)
        answer = self._limiter.acquire(key, at)
        if isinstance(answer, NotBefore):
            raise ThrottledError(plan.name, answer.instant)
        return self._outcome(plan, key, self._send(plan, request), at)

    def get_document(
        self,
        url: Secret,
        compression: str | None,
        *,
        keep: list[bytes] | None = None,
        charsets: list[str] | None = None,
    ) -> Iterator[bytes]:
        """Stream a report document, decompressed, in memory.

        Args:
            url: what getReportDocument returned.
            compression: what getReportDocument returned.
            keep: the bytes as they arrive are appended to it: the readers of reports decompress
                them again.
            charsets: a charset that the document is served with is appended to it.

        Raises:
            ExpiredError: the address has expired, found while iterating, as all others.
            NotAllowedError: the address is not Amazon's.
            UnavailableError: the stream was interrupted.
            DriftedError: the document is not as Amazon documents it.
        """
        origins = tuple(self._endpoints.spapi_base.values())
        agent = self._endpoints.user_agent
        return stream_document(
            self._http,
            url,
            compression,
            origins=origins,
            user_agent=agent,
            keep=keep,
            charsets=charsets,
        )

    def _request(
        self,
        plan: Operation,
        region: Region,
        access_token: Secret,
        at: datetime,
        params: Mapping[str, Value],
        path: Mapping[str, str],
        body: Mapping[str, object] | None,
    ) -> httpx.Request:
        if not set(params) <= plan.params:
            raise NotAllowedError(plan.name, code="parameter")
        if not set(body or {}) <= plan.body:
            raise NotAllowedError(plan.name, code="body")
        _check_reports(plan, params, body)
        query = {name: _text(value) for name, value in params.items()} | {
            name: ",".join(values) for name, values in plan.forced
        }
        content = msgspec.json.encode(body) if body is not None else None
        return self._http.build_request(
            plan.method,
            self._endpoints.spapi_base[region] + _filled(plan, path),
            params=query,
            content=content,
            headers=self._headers(plan, access_token, at),
        )

    def _headers(self, plan: Operation, access_token: Secret, at: datetime) -> dict[str, str]:
        # An encoding error would print the token.
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", access_token.reveal()):
            raise AccessTokenRejectedError(plan.name, code="malformedLocally")
        headers = {
            "x-amz-access-token": access_token.reveal(),
            "x-amz-date": at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "user-agent": self._endpoints.user_agent,
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        return headers | ({"content-type": "application/json"} if plan.method == "POST" else {})

    def _send(self, plan: Operation, request: httpx.Request) -> Answer:
        failure: str | None = None
        with span(f"Amazon {plan.name}", SpanKind.CLIENT) as found:
            found.set(Attribute.OPERATION, plan.name)
            try:
                answer = ask(self._http, request)
            except TransportError as error:
                failure = error.failure.value
                found.set(Attribute.ERROR, failure)
            else:
                found.set(Attribute.STATUS, answer.status)
                return answer
        raise UnavailableError(plan.name, code=failure)

    def _outcome(self, plan: Operation, key: BucketKey, answer: Answer, at: datetime) -> Reply:
        request_id = harmless(answer.headers.get("x-amzn-requestid"))
        throttled = answer.status == 429
        # Amazon prints the rate on 20x, 400 and 404 only; on any other status the header is a
        # gateway's and teaches nothing.
        rate = (
            answer.headers.get("x-amzn-ratelimit-limit")
            if answer.status in {200, 201, 202, 204, 400, 404}
            else None
        )
        self._limiter.observe(key, rate, throttled=throttled, at=at)
        if throttled:
            wait = max(1 / plan.rate, retry_after_seconds(answer.headers) or 0.0)
            raise ThrottledError(
                plan.name,
                at + timedelta(seconds=wait),
                status=429,
                code="QuotaExceeded",
                request_id=request_id,
            )
        if 200 <= answer.status < 300 and _is_complete(answer.body):
            return Reply(answer.body, request_id, answer.status)
        raise _error(plan.name, answer, request_id)


def _check_reports(
    plan: Operation, params: Mapping[str, Value], body: Mapping[str, object] | None
) -> None:
    if plan.name == "createReport":
        require_report_type(plan.name, (body or {}).get("reportType"), creating=True)
    if plan.name == "getReports":
        types = params.get("reportTypes", ())
        for report_type in (
            types if isinstance(types, Sequence) and not isinstance(types, str) else [types]
        ):
            require_report_type(plan.name, report_type)
        # A next token comes alone: it repeats the first, checked request.
        if not types and "nextToken" not in params:
            raise NotAllowedError(plan.name, code="reportTypes")


def _text(value: Value) -> str:
    """Return `value` as Amazon's query needs it.

    Lists joined by commas, instants in ISO 8601 with Z.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return str(value) if isinstance(value, int) else ",".join(value)


def _filled(plan: Operation, path: Mapping[str, str]) -> str:
    """Return the path with its template filled.

    Each value is one path segment: it cannot leave it or add a query.
    """
    if set(re.findall(r"{(\w+)}", plan.path)) != set(path):
        raise NotAllowedError(plan.name, code="path")
    if any(value.strip(".") == "" or len(value) > 512 for value in path.values()):
        raise NotAllowedError(plan.name, code="path")
    return plan.path.format(**{name: quote(value, safe="") for name, value in path.items()})


def _is_complete(body: bytes) -> bool:
    """Return whether `body` starts and ends as a JSON object or array does.

    Then it is not a web page and was not cut off.
    """
    text = body.strip()
    return (text[:1], text[-1:]) in {(b"{", b"}"), (b"[", b"]")}


def _problem(answer: Answer) -> _Problem | None:
    """Return Amazon's first error; None if the answer is not the API's own.

    Such as a web page, a proxy's text, or half a body.
    """
    if len(answer.body) > _PROBLEM_MAX:
        return None
    try:
        problems = _PROBLEMS.decode(plain_json(answer.body)).errors
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return problems[0] if problems else None


def _error(operation: str, answer: Answer, request_id: str) -> AmazonError:
    """Return the error for an answer that is not a success."""
    problem = _problem(answer)
    status, code = answer.status, problem.code if problem else None
    if problem is not None:
        if status in {401, 403}:
            return _refused(problem)(operation, status=status, code=code, request_id=request_id)
        simple = {404: NotFoundError, 410: ExpiredError}.get(status)
        if simple is not None:
            return simple(operation, status=status, code=code, request_id=request_id)
    if 300 <= status < 500 and status != 408 and (problem is not None or status < 400):
        return InvalidRequestError(operation, status=status, code=code, request_id=request_id)
    retry_after = retry_after_seconds(answer.headers) or 30.0
    return UnavailableError(
        operation, retry_after=retry_after, status=status, code=code, request_id=request_id
    )


def _refused(problem: _Problem) -> type[AmazonError]:
    """Return the error type for the reason of a refusal.

    The reason is in `details`, seldom in `message`; with no known reason a role or the region is
    missing.
    """
    reason = f"{problem.details or ''} {problem.message or ''}".casefold()
    if "access denied for this account" in reason or "contact support" in reason:
        return AccountBlockedError
    if "missing in the request header" in reason:
        return InvalidRequestError
    if "access token" in reason and (
        "revoked" in reason or "malformed" in reason or "expired" in reason
    ):
        return AccessTokenRejectedError
    return RoleMissingError
