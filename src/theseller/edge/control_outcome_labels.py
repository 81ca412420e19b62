"""Label and icon of a control's outcome; color is never the only sign."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop


@dataclass(frozen=True, slots=True)
class StatusBadge:
    """An outcome's key (its CSS class), label, and icon name."""

    key: str
    label: str
    icon: str


STATUS_BADGES = (
    StatusBadge("met", gettext_noop("Passing"), "check"),
    StatusBadge("broken", gettext_noop("Failing"), "cross"),
    StatusBadge("declared", gettext_noop("Partly declared"), "minus"),
    StatusBadge("stale", gettext_noop("Stale"), "clock"),
    StatusBadge("unknown", gettext_noop("Unknown"), "question"),
    StatusBadge("notapplicable", gettext_noop("Not applicable"), "minus"),
)
_BY_KEY = {badge.key: badge for badge in STATUS_BADGES}


def badge_for(outcome: object) -> StatusBadge:
    """Return the badge of an outcome.

    Accepts a word (``not_applicable``), an enum member, or an instance of a class with such a name.
    Anything else is Unknown: a misspelling never shows as passing.
    """
    word = (
        outcome if isinstance(outcome, str) else getattr(outcome, "value", type(outcome).__name__)
    )
    key = "".join(character for character in str(word).casefold() if character.isalpha())
    return _BY_KEY.get(key, _BY_KEY["unknown"])
