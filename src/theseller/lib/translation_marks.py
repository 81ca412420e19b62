"""Mark texts for translation in packages that do not import Django."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """Return `text` as it is.

    ``makemessages`` lists it, and the page that shows it translates it.
    """
    return text
