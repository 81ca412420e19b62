"""Read, complete, check and write gettext's catalogs (PO and MO files).

A catalog is written in one way only, without dates and line numbers, so that two developers who
add texts get the same bytes.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from typing_extensions import override

_WIDTH = 100
#: `%(name)s`, `%s`, `%%`, `{name}` and tags: what a translation must have as its text has it.
_FIXED = re.compile(r"%\(\w+\)[#0 +-]*[\d.]*[a-zA-Z]|%[sd%]|\{\w*\}|</?[a-z][^>]*>")


class ReproducibleCatalog(Catalog):
    """A catalog whose header has no dates and no version of a tool."""

    @override
    def _get_mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "TheSeller"),
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def read_catalog(path: Path, language: str) -> ReproducibleCatalog:
    """Return the catalog of a PO file; an empty one if there is no file."""
    catalog = _empty(language)
    if path.exists():
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            if message.id:
                catalog[message.id] = message
    return catalog


def completed(catalog: Catalog, marked: Catalog, language: str) -> ReproducibleCatalog:
    """Return the catalog of the marked texts, with existing translations.

    A new text has none. A text that is no longer marked is left out.
    """
    result = _empty(language)
    for message in _texts(marked):
        known = catalog.get(message.id, message.context)
        translation = known.string if known is not None and known.id == message.id else None
        if not translation:
            translation = ("",) * catalog.num_plurals if message.pluralizable else ""
        result.add(
            message.id,
            translation,
            locations=message.locations,
            context=message.context,
            flags=known.flags & {"fuzzy"} if known is not None else (),
        )
    return result


def po_bytes(catalog: Catalog) -> bytes:
    """Return the catalog as a PO file."""
    file = io.BytesIO()
    write_po(file, catalog, width=_WIDTH, ignore_obsolete=True, include_lineno=False)
    return file.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return the catalog as an MO file, which programs read."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def faults(catalog: Catalog, marked: Catalog) -> list[str]:
    """Return what is wrong with a catalog, a line for each text."""
    found = list[str]()
    for message in _texts(marked):
        known = catalog.get(message.id, message.context)
        where = ", ".join(sorted({name for name, _ in message.locations}))
        problem = "has no translation" if known is None else _fault(known, message, catalog)
        if problem:
            found.append(f"{where}: {_shown(message)} {problem}")
    found += [
        f"{_shown(known)} is no longer marked"
        for known in _texts(catalog)
        if marked.get(known.id, known.context) is None
    ]
    return found


def _empty(language: str) -> ReproducibleCatalog:
    return ReproducibleCatalog(
        locale=language,
        header_comment="# Edit the translations only; bin/translations writes the rest.",
        fuzzy=False,
    )


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _fault(known: Message, message: Message, catalog: Catalog) -> str:
    texts = _forms(message.id)
    translations = _forms(known.string or "")
    if known.fuzzy:
        return "is marked as fuzzy"
    if _forms(known.id) != texts or len(translations) != (
        catalog.num_plurals if message.pluralizable else 1
    ):
        return f"needs {catalog.num_plurals if message.pluralizable else 1} forms"
    if not all(translations):
        return "has no translation"
    for number, translation in enumerate(translations):
        text = texts[min(number, len(texts) - 1)]
        if _fixed(text) != _fixed(translation):
            return f"has other placeholders or tags in its translation: {translation!r}"
        if _edges(text) != _edges(translation):
            return f"begins or ends with other spaces in its translation: {translation!r}"
    return ""


def _forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _fixed(text: str) -> Counter[str]:
    """Count what must be the same; a value may be used more often."""
    return Counter(set(_FIXED.findall(text)))


def _edges(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _shown(message: Message) -> str:
    return repr(_forms(message.id)[0])
