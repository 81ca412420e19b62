"""Marks texts of pages for translation in packages that do not import Django."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """Return `text`, which ``makemessages`` then lists; the page that shows it translates it."""
    return text
