"""A language of tests that puts each text in brackets, and what is shown outside of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_WORD, _PLACEHOLDER = re.compile(r"[^\W\d_]"), re.compile(r"%\(\w+\)s")
_VOID = {"br", "hr", "img", "input", "link", "meta", "path", "use"}
#: Elements that show names and codes as they are.
_DATA_TAGS = {"code", "kbd", "script", "style"}
_DATA_CLASSES = {"brand", "hash"}
_SHOWN_ATTRIBUTES = {"aria-label", "placeholder", "title"}
#: Texts that a script shows are attributes with this beginning.
_SCRIPT_TEXTS = "data-text-"
#: Data that pages show as it is stored, and names that no language translates.
_DATA = re.compile(
    r"Alice's shop|Alice|TheSeller|Amazon\.[a-z.]+|Finance and Accounting"
    r"|Inventory and Order Tracking|MUG-1|Mug|B0\w{8}|[\w.-]+@[\w.-]+|\b[A-Z]{2,5}\b|\ba[mp]m\b"
    r"|Olga|operator:\w+|\b(?:user|person|tenant):[0-9a-f]{6,}\S*"
    r"|^\s*[a-z]+(?:-[a-z0-9]+)+(?::[\w…-]+)?\s*$"  # the ID of a control or secret
    r"|^\s*[a-z]+(?::[a-z_]+)+\s*$"  # the tag of an event
)


class BracketedTexts:
    """Translations into a language that puts each text in brackets."""

    def __init__(self, otherwise: object) -> None:
        self._otherwise = otherwise

    def gettext(self, message: str) -> str:
        # A text of placeholders alone has nothing to translate.
        return f"⟦{message}⟧" if _WORD.search(_PLACEHOLDER.sub("", message)) else message

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        return self.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def npgettext(
        self,
        context: str,  # noqa: ARG002
        singular: str,
        plural: str,
        number: int,
    ) -> str:
        return self.ngettext(singular, plural, number)

    def __getattr__(self, name: str) -> object:
        return getattr(self._otherwise, name)


class _Untranslated(HTMLParser):
    """Collects the words that are shown outside of brackets."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0
        self._hidden: list[bool] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = tag in _DATA_TAGS or not _DATA_CLASSES.isdisjoint(
            (given.get("class") or "").split()
        )
        for name, value in () if is_data else attrs:
            if name in _SHOWN_ATTRIBUTES or name.startswith(_SCRIPT_TEXTS):
                self._collect(value or "", 0)
        if tag not in _VOID:
            hidden = bool(self._hidden and self._hidden[-1])
            # Evidence is signed in English, and says so; languages have their own names.
            other_language = tag != "html" and "lang" in given
            self._hidden.append(hidden or is_data or other_language or "hidden" in given)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._hidden:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if self._hidden and self._hidden[-1]:
            return
        self._depth = self._collect(data, self._depth)

    def _collect(self, text: str, depth: int) -> int:
        outside = ""
        for character in text:
            if character == "⟧":
                depth -= 1
            elif character == "⟦":
                depth += 1
                outside += " "
            elif not depth:
                outside += character
        if re.search(r"[^\W\d_]{2,}", _DATA.sub(" ", outside)):
            self.found.append(" ".join(outside.split()))
        return depth


def untranslated(page: str) -> list[str]:
    return _Untranslated(page).found
