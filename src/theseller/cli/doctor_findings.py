"""What `theseller doctor` finds: one line for each thing, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `bad`: it has to be mended, and `advice` says how. `looked`: false if it could not be looked at here."""

    what: str
    found: str
    failed: bool = False
    advice: str = ""
    checked: bool = True

    @property
    def symbol(self) -> str:
        """Return the sign before the line: nothing that was not looked at is called good."""
        return "✗" if self.failed else "✓" if self.checked else "–"

    @property
    def state(self) -> str:
        """Return the same as one word, for programs."""
        return "bad" if self.failed else "good" if self.checked else "not-looked-at"
