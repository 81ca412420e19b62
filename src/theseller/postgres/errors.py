"""Errors of the database server, each with advice."""

from __future__ import annotations


class PostgresError(Exception):
    """A failure of the embedded server.

    `advice` tells what to do; neither text contains a password or a value.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class BinariesMissingError(PostgresError):
    """PostgreSQL's programs were not found, or can't be used here."""


class ServerInUseError(PostgresError):
    """Another running process supervises this state folder's server."""


class ServerFailedError(PostgresError):
    """The server could not be created, started or stopped."""


class DamagedBackupError(PostgresError):
    """The restored files differ from what PostgreSQL copied."""
