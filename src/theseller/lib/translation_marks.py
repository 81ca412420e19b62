"""Mark texts for translation in modules that do not import Django.

``makemessages`` finds the texts by the names of the functions, and the page that shows a text
translates it with `theseller.edge.translate_marked_texts`. Everything else sees the English text.
"""

from __future__ import annotations

from datetime import UTC, date, datetime


class MarkedText(str):
    """An English text that keeps what is needed to translate it.

    It compares, logs and is stored as the English text. An f-string, `+` or `join` loses the mark:
    a text in another text is one of its values.

    Attributes:
        template: the message that is looked up, with named placeholders.
        plural: the message for other numbers than one, "" without a number.
        number: the number that decides between the two, 0 without one.
        values: what is put in for the placeholders; a value that is itself marked is translated.
    """

    __slots__ = ("number", "plural", "template", "values")

    template: str
    plural: str
    number: int
    values: dict[str, object]

    def with_values(self, **values: object) -> MarkedText:
        """Return the same message with other values."""
        return _made(self.template, self.plural, self.number, self.values | values)


class MarkedNumber(str):
    """A whole number as English writes it: ``1,204``.

    Attributes:
        number: the number.
    """

    __slots__ = ("number",)

    number: int


class MarkedDays(str):
    """Days as English writes them: ``1 \u2013 31 Oct 2026``.

    Attributes:
        first: the first day.
        last: the last day.
    """

    __slots__ = ("first", "last")

    first: date
    last: date


class MarkedInstant(str):
    """An instant as English writes it: ``1 Oct 2026, 14:05 UTC``.

    Attributes:
        instant: the instant, aware.
    """

    __slots__ = ("instant",)

    instant: datetime


def marked_number(number: int) -> MarkedNumber:
    """Return ``1,204``, which the page writes as its language does."""
    text = MarkedNumber(f"{number:,}")
    text.number = number
    return text


def marked_days(first: date, last: date) -> MarkedDays:
    """Return a span of days, such as ``1 \u2013 31 Oct 2026``.

    It does not repeat what both ends share.
    """
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        written = end
    elif (first.year, first.month) == (last.year, last.month):
        written = f"{first.day} \u2013 {end}"
    elif first.year == last.year:
        written = f"{first.day} {first:%b} \u2013 {end}"
    else:
        written = f"{first.day} {first:%b %Y} \u2013 {end}"
    text = MarkedDays(written)
    text.first, text.last = first, last
    return text


def marked_instant(instant: datetime) -> MarkedInstant:
    """Return an instant in UTC: ``1 Oct 2026, 14:05 UTC``."""
    utc = instant.astimezone(UTC)
    text = MarkedInstant(f"{utc.day} {utc:%b %Y, %H:%M} UTC")
    text.instant = utc
    return text


def gettext_noop(text: str) -> str:
    """Return `text` as it is.

    ``makemessages`` lists it, and the page that shows it translates it.
    """
    return text


def marked(template: str, **values: object) -> MarkedText:
    """Put values into a text that was marked by `gettext_noop`.

    For example ``marked(gettext_noop("line %(line)s is too long"), line=7)``. A text that has its
    values already is returned as it is.
    """
    if isinstance(template, MarkedText):
        return template
    return _made(template, "", 0, values)


def ngettext(singular: str, plural: str, number: int, **values: object) -> MarkedText:
    """Return the text for a number of things, with `number` and other values.

    For example ``ngettext("%(number)s row", "%(number)s rows", 1204)`` is ``1,204 rows``.
    """
    return _made(singular, plural, number, {"number": marked_number(number)} | values)


def _made(template: str, plural: str, number: int, values: dict[str, object]) -> MarkedText:
    chosen = plural if plural and number != 1 else template
    text = MarkedText(chosen % values if values else chosen)
    text.template, text.plural, text.number, text.values = template, plural, number, values
    return text
