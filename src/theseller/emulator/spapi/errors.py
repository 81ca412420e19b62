"""Errors in Amazon's words."""

from __future__ import annotations

from typing import Any

DENIED = "Access to requested resource is denied."
# -- Amazon's text, no token.
TOKEN_INVALID = "The access token you provided is revoked, malformed or invalid."  # noqa: S105
# -- Amazon's text, no token.
TOKEN_EXPIRED = "The access token you provided has expired."  # noqa: S105
# -- Amazon's text, no token.
TOKEN_MISSING = "Access token is missing in the request header."  # noqa: S105


#: Value of x-amzn-ErrorType by status. Those of 403 and 429 are recorded; the others follow their
#: pattern.
_TYPES = {
    400: "InvalidInputException",
    403: "AccessDeniedException",
    404: "NotFoundException",
    429: "TooManyRequestsException",
    500: "InternalFailureException",
    503: "ServiceUnavailableException",
}


class ApiError(Exception):
    """An error response of SP-API.

    `details` of None: the field is absent, as in recorded 404s.
    """

    def __init__(self, status: int, code: str, message: str, details: str | None = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    @property
    def type(self) -> str:
        """Return the value of x-amzn-ErrorType.

        It is the name of an exception, never the code of the body.
        """
        return _TYPES[self.status]

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        error = {"code": self.code, "message": self.message}
        return {"errors": [error if self.details is None else {**error, "details": self.details}]}


def invalid(message: str) -> ApiError:
    """Return the error for a request with an invalid parameter (400)."""
    return ApiError(400, "InvalidInput", message)


def denied(details: str = "") -> ApiError:
    """Return the error for a call that is not permitted (403).

    Empty `details` are what Amazon sends for a missing role or a wrong region.
    """
    return ApiError(403, "Unauthorized", DENIED, details)


def not_found(message: str) -> ApiError:
    """Return the error for a resource that does not exist (404)."""
    return ApiError(404, "NotFound", message, None)


def throttled() -> ApiError:
    """Return the error for a call above the usage plan (429)."""
    return ApiError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def failure(status: int) -> ApiError:
    """Return the error of Amazon's servers with status 500 or 503."""
    if status == 500:
        return ApiError(
            500, "InternalFailure", "We encountered an internal error. Please try again."
        )
    return ApiError(
        503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again."
    )
