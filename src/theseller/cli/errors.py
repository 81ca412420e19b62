"""The failure of a command: what happened, and what to do."""

from __future__ import annotations

OK = 0
FAILURE = 1
USAGE = 2  # what argparse itself exits with
INTERRUPTED = 130  # 128 + SIGINT, as shells count


class CommandError(Exception):
    """A failure with its advice.

    Neither text may contain a secret or a value from anyone's data.
    """

    def __init__(self, message: str, advice: str = "", *, status: int = FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.status = status
