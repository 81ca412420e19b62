"""The errors of calls to Amazon, one type per action to take.

Amazon's own `message` and `details` may repeat what we sent, and a URL may hold an order number or
a credential. So an error here carries the operation, the HTTP status, Amazon's error code and the
request id, each cut down to harmless characters; some also carry when to try again, or the path of
what drifted, but never a value.
"""

from __future__ import annotations

import re
from datetime import datetime


def harmless(value: str | None, limit: int = 64) -> str:
    """Return `value` if it is safe to log, else ``-``.

    Safe is a short text of letters, digits and ``_.=-``.
    """
    return (
        value if value and len(value) <= limit and re.fullmatch(r"[A-Za-z0-9_.=-]+", value) else "-"
    )


class AmazonError(Exception):
    """Amazon did not return what was requested.

    The text says what to do; it never contains a value from a request or an answer.
    """

    advice = "see the operation's documentation"

    def __init__(
        self,
        operation: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.operation = harmless(operation)
        self.status = status
        self.code = harmless(code)
        self.request_id = harmless(request_id)
        answer = "no answer" if status is None else f"status {status}"
        super().__init__(
            f"{self.operation}: {answer}, code {self.code}, request {self.request_id}:"
            f" {self.advice}"
        )


class LWAError(AmazonError):
    """Login with Amazon refused or failed."""


class AuthorizationRevokedError(LWAError):
    """The refresh token is no longer valid.

    The seller revoked it or it expired. Stop all calls, destroy the token, notify the seller.
    """

    advice = "the seller must consent again"


class CodeRejectedError(LWAError):
    """Amazon rejected the authorization code.

    It was older than five minutes, used before, or issued for another redirect address. Start
    consent again.
    """

    advice = "start the consent again"


class ClientSecretInvalidError(LWAError):
    """Amazon accepts none of our client secrets.

    The operator must act; no seller has revoked anything.
    """

    advice = "the operator must set the application's current client secret"


class LWAMisconfiguredError(LWAError):
    """Login with Amazon says that our request itself is wrong.

    `code` says how. The operator must act, never a seller.
    """

    advice = (
        "the operator must compare client id and grant settings with the application's registration"
    )


class LWAUnavailableError(LWAError):
    """Login with Amazon gave no usable answer.

    Keep the token and try again: after `retry_after` seconds if Amazon said so.
    """

    advice = "try again later; the token stays valid"

    def __init__(
        self,
        operation: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(operation, status=status, code=code)


class OtherSellerError(AmazonError):
    """Amazon's answer names another seller than the connection.

    Nothing of it may be stored, and nothing more is requested.
    """

    advice = "the seller must disconnect and connect again as the right seller"


class SellerUnconfirmedError(AmazonError):
    """No answer of Amazon's has named the connection's seller yet.

    Until one does, nothing of the account is read or stored.
    """

    advice = "wait for the first transaction: it names the seller"


class NotAllowedError(AmazonError):
    """We refused the call ourselves; nothing was sent.

    The operation, parameter or report type is not on the allow-list.
    """

    advice = "not on the allow-list, so nothing was sent"


class ThrottledError(AmazonError):
    """The call is too early, by our limiter or by Amazon's 429.

    Try again at `not_before`.
    """

    advice = "come back when the rate allows it"

    def __init__(
        self,
        operation: str,
        not_before: datetime,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.not_before = not_before
        super().__init__(operation, status=status, code=code, request_id=request_id)


class AccessTokenRejectedError(AmazonError):
    """The access token is expired, malformed or revoked.

    Discard it, refresh once, try once more; only Login with Amazon can say "revoked".
    """

    advice = "refresh the access token once and try again"


class RoleMissingError(AmazonError):
    """The authorization lacks a role or this region.

    That stream waits; the error never means that the seller revoked.
    """

    advice = "the application lacks a role, or the seller does not sell in this region"


class AccountBlockedError(AmazonError):
    """Amazon denies access to this seller's account as such.

    Only the seller and Amazon's support can change that.
    """

    advice = "the seller must contact Amazon's support"


class NotFoundError(AmazonError):
    """Amazon does not have what was requested for this seller."""

    advice = "it does not exist for this seller"


class ExpiredError(AmazonError):
    """It existed and has expired: request a new one.

    A document's address after five minutes, a page token after its time.
    """

    advice = "it has expired: ask for a new one"


class InvalidRequestError(AmazonError):
    """Amazon rejects the request as wrong; repeating it can't help."""

    advice = "the request is wrong: repeating it cannot help"


class UnavailableError(AmazonError):
    """There is no complete answer.

    A time-out, a server error, a body that was cut off, a web page instead of data. Try again after
    `retry_after` seconds.
    """

    advice = "try again later"

    def __init__(
        self,
        operation: str,
        *,
        retry_after: float = 30.0,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(operation, status=status, code=code, request_id=request_id)


class DriftedError(AmazonError):
    """A complete answer does not match Amazon's model.

    `path` says where, never what. Our decoder must be updated for the new shape.
    """

    advice = "Amazon's answer has a new shape: update TheSeller"

    def __init__(self, operation: str, path: str = "$") -> None:
        self.path = path
        super().__init__(
            operation, code=harmless(path.replace("[", ".").replace("]", ""), limit=120)
        )
