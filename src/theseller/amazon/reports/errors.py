"""How a report file is refused.

The text says what is wrong and what to do, and never quotes a cell.
"""

from __future__ import annotations

from typing import cast

from theseller.lib.translation_marks import gettext_noop


class ReportRefusedError(Exception):
    """A report can't be read, or not as a whole.

    `advice` is the next step for the person who has the file; `line` counts from 1. Neither text
    ever contains a cell of the file: a shifted column may put a buyer's address in the place of a
    price.
    """

    def __init__(self, reason: str, advice: str = "", *, line: int | None = None) -> None:
        self.reason = reason
        self.advice = advice
        self.line = line
        where = f"line {line}: " if line is not None else ""
        super().__init__(" ".join(part for part in (f"{where}{reason}.", advice) if part))

    def alone(self) -> ReportRefusedError:
        """Return the same refusal without the exceptions that led to it.

        A decoder's own error may quote the file.
        """
        return ReportRefusedError(self.reason, self.advice, line=self.line)


class BadCellError(ValueError):
    """A cell can't be read; the text is the reason, without the cell."""


def safe_reason(error: ValueError) -> str:
    """Return what may be said about a cell that can't be read.

    It is our own reason, never another library's, which may quote the cell.
    """
    if not isinstance(error, BadCellError):
        return gettext_noop("can't be read")
    return cast("str", error.args[0])  # str() would lose what the translation needs
