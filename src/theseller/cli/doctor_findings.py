"""The result of a check of `theseller doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check.

    If it `failed`, `advice` says what to do. `checked` is false if it could not be checked here.
    """

    what: str
    found: str
    failed: bool = False
    advice: str = ""
    checked: bool = True

    @property
    def symbol(self) -> str:
        """Symbol before the line.

        What was not checked is not marked as passed.
        """
        return "✗" if self.failed else "✓" if self.checked else "–"

    @property
    def state(self) -> str:
        """The same as one word, for programs."""
        return "bad" if self.failed else "good" if self.checked else "not-checked"
