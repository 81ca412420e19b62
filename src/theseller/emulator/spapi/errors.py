"""Errors in Amazon's words."""

from __future__ import annotations

from typing import Any

DENIED = "Access to requested resource is denied."
TOKEN_INVALID = "The access token you provided is revoked, malformed or invalid."  # noqa: S105 -- Amazon's text, no token.
TOKEN_EXPIRED = "The access token you provided has expired."  # noqa: S105 -- Amazon's text, no token.
TOKEN_MISSING = "Access token is missing in the request header."  # noqa: S105 -- Amazon's text, no token.


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    def body(self) -> dict[str, Any]:
        return {"errors": [{"code": self.code, "message": self.message, "details": self.details}]}


def invalid(message: str) -> ApiError:
    return ApiError(400, "InvalidInput", message)


def denied(details: str = "") -> ApiError:
    """403. Empty `details` is what a missing role or a wrong region looks like."""
    return ApiError(403, "Unauthorized", DENIED, details)


def not_found(message: str) -> ApiError:
    return ApiError(404, "NotFound", message)


def throttled() -> ApiError:
    return ApiError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def failure(status: int) -> ApiError:
    if status == 500:
        return ApiError(500, "InternalFailure", "We encountered an internal error. Please try again.")
    return ApiError(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.")
