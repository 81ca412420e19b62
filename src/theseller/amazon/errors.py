"""What can go wrong with Amazon, one type per thing to do about it.

Amazon's own `message` and `details` may repeat what we sent, and a URL may hold an order number or
a credential. So an error here carries the operation, the HTTP status, Amazon's error code and the
request id, each cut down to harmless characters, and nothing else.
"""

from __future__ import annotations

import re
from datetime import datetime


def harmless(value: str | None, limit: int = 64) -> str:
    """Return `value` if it is a short word of letters, digits and ``_.-``, else ``-``: safe to log."""
    return (
        value if value and len(value) <= limit and re.fullmatch(r"[A-Za-z0-9_.=-]+", value) else "-"
    )


class AmazonError(Exception):
    """Amazon did not give what was asked. The text says what to do; it never holds a value from a request or an answer."""

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
    """The refresh token is worth nothing any more: the seller revoked it or it ran out. Stop all calls, destroy the token, tell the seller."""

    advice = "the seller must consent again"


class CodeRejectedError(LWAError):
    """The authorisation code was older than five minutes, used before, or meant for another redirect address. Start consent again."""

    advice = "start the consent again"


class ClientSecretInvalidError(LWAError):
    """None of our client secrets is accepted. The operator must act; no seller has revoked anything."""

    advice = "the operator must set the application's current client secret"


class LWAMisconfiguredError(LWAError):
    """Login with Amazon says that our request is wrong in itself; `code` says how. An operator's matter, never a seller's."""

    advice = (
        "the operator must compare client id and grant settings with the application's registration"
    )


class LWAUnavailableError(LWAError):
    """No usable answer. Keep the token and come back: after `retry_after` seconds if Amazon said so."""

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
    """Amazon's answer names another seller than the connection. Nothing of it may be stored, and nothing more is requested."""

    advice = "the seller must disconnect and connect again as the right seller"


class SellerUnconfirmedError(AmazonError):
    """No answer of Amazon's has named the connection's seller yet. Until one does, nothing of the account is read or stored."""

    advice = "wait for the first transaction: it names the seller"


class NotAllowedError(AmazonError):
    """We refused ourselves, before a byte left: the operation, parameter or report type is not on the allow-list."""

    advice = "not on the allow-list, so nothing was sent"


class ThrottledError(AmazonError):
    """Too soon, by our own reckoning or by Amazon's 429. Come back at `not_before`."""

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
    """The access token is expired, malformed or revoked. Drop it, refresh once, try once more; only Login with Amazon can say "revoked"."""

    advice = "refresh the access token once and try again"


class RoleMissingError(AmazonError):
    """A role, or this region, is not part of the authorisation. That stream waits; it never means that the seller revoked."""

    advice = "the application lacks a role, or the seller does not sell in this region"


class AccountBlockedError(AmazonError):
    """Amazon denies access to this seller's account as such. Only the seller and Amazon's support can change that."""

    advice = "the seller must contact Amazon's support"


class NotFoundError(AmazonError):
    """Amazon knows no such thing, for this seller."""

    advice = "it does not exist for this seller"


class ExpiredError(AmazonError):
    """It existed and has expired: a document's address after five minutes, a page token after its time. Ask for a new one."""

    advice = "it has expired: ask for a new one"


class InvalidRequestError(AmazonError):
    """Amazon finds the request wrong; asking again the same way cannot help."""

    advice = "the request is wrong: repeating it cannot help"


class UnavailableError(AmazonError):
    """No complete answer: a time-out, a server error, a cut-off body, a web page where data was due. Try again after `retry_after` seconds."""

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
    """A complete answer that is not what Amazon's model promises. The `path` says where, never what. Our decoder must learn the new shape."""

    advice = "Amazon's answer has a new shape: update TheSeller"

    def __init__(self, operation: str, path: str = "$") -> None:
        self.path = path
        super().__init__(
            operation, code=harmless(path.replace("[", ".").replace("]", ""), limit=120)
        )
