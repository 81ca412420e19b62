"""What a control's outcome looks like: word, tone and icon. Colour never says it alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatusLook:
    key: str
    label: str
    icon: str


LOOKS = (
    StatusLook("met", "Passing", "check"),
    StatusLook("broken", "Failing", "cross"),
    StatusLook("declared", "Partly declared", "minus"),
    StatusLook("stale", "Stale", "clock"),
    StatusLook("unknown", "Unknown", "question"),
    StatusLook("notapplicable", "Not applicable", "minus"),
)
_BY_KEY = {look.key: look for look in LOOKS}


def look_of(outcome: object) -> StatusLook:
    """Return the look of an outcome: a word (``not_applicable``), an enum member, or a value of a class named like it.

    Anything else is shown as Unknown: a badge can never turn green by a misspelling.
    """
    word = outcome if isinstance(outcome, str) else getattr(outcome, "value", type(outcome).__name__)
    key = "".join(character for character in str(word).casefold() if character.isalpha())
    return _BY_KEY.get(key, _BY_KEY["unknown"])
