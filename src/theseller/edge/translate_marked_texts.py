"""Translate texts that were marked where Django is not imported."""

from __future__ import annotations

from django.utils.translation import get_language, gettext, ngettext

from theseller.edge.date_time_formatting import day_range, exact_time
from theseller.edge.number_formatting import format_number, style_for
from theseller.lib.translation_marks import MarkedDays, MarkedInstant, MarkedNumber, MarkedText


def translated(text: str) -> str:
    """Return `text` in the language of the request, with its values.

    A text that was not marked with values is looked up as it is; one without a translation is
    returned in English.
    """
    if not isinstance(text, MarkedText):
        return gettext(text) if text else text
    template = (
        ngettext(text.template, text.plural, text.number) if text.plural else gettext(text.template)
    )
    if not text.values:
        return template
    return template % {name: _written(value) for name, value in text.values.items()}


def _written(value: object) -> object:
    """Return a value of a text as the language of the request writes it."""
    english = (get_language() or "en").startswith("en")
    if isinstance(value, MarkedText):
        return translated(value)
    if isinstance(value, MarkedNumber):
        return format_number(value.number, style=style_for())
    if isinstance(value, MarkedDays) and not english:
        return day_range(value.first, value.last)
    if isinstance(value, MarkedInstant) and not english:
        return exact_time(value.instant)
    return value


def translated_error(error: Exception) -> str:
    """Return the text of an error that was raised with a marked text.

    ``str(error)`` would lose the values.
    """
    return translated(error.args[0]) if error.args else ""
