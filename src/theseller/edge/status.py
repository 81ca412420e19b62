"""What a control's outcome looks like: word, tone and icon. Colour never says it alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatusBadge:
    key: str
    label: str
    icon: str


STATUS_BADGES = (
    StatusBadge("met", "Passing", "check"),
    StatusBadge("broken", "Failing", "cross"),
    StatusBadge("declared", "Partly declared", "minus"),
    StatusBadge("stale", "Stale", "clock"),
    StatusBadge("unknown", "Unknown", "question"),
    StatusBadge("notapplicable", "Not applicable", "minus"),
)
_BY_KEY = {badge.key: badge for badge in STATUS_BADGES}


def badge_for(outcome: object) -> StatusBadge:
    """Return the look of an outcome: a word (``not_applicable``), an enum member, or a value of a class named like it.

    Anything else is shown as Unknown: a badge can never turn green by a misspelling.
    """
    word = outcome if isinstance(outcome, str) else getattr(outcome, "value", type(outcome).__name__)
    key = "".join(character for character in str(word).casefold() if character.isalpha())
    return _BY_KEY.get(key, _BY_KEY["unknown"])
