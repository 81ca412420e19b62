"""What can go wrong with the database server, said so that the reader knows what to do."""

from __future__ import annotations


class PostgresError(Exception):
    """A failure of the embedded server. `advice` says what to do about it; neither text ever holds a password or a value."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class BinariesMissingError(PostgresError):
    """PostgreSQL's programs were not found, or can't be used here."""


class ServerInUseError(PostgresError):
    """Another living process of ours supervises this state folder's server."""


class ServerFailedError(PostgresError):
    """The server could not be made, started or stopped."""
