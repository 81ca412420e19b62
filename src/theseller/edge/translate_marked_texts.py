"""Translate texts that were marked where Django is not imported."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from theseller.lib.translation_marks import MarkedText


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
    return template % {
        name: translated(value) if isinstance(value, MarkedText) else value
        for name, value in text.values.items()
    }


def translated_error(error: Exception) -> str:
    """Return the text of an error that was raised with a marked text.

    ``str(error)`` would lose the values.
    """
    return translated(error.args[0]) if error.args else ""
