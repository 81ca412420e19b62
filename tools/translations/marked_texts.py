"""Extract the texts that Python and templates mark for translation.

Django's own ``makemessages`` does the same with GNU gettext, which need not be installed here:
Django turns a template into calls of gettext's functions, and Babel reads these.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from django.utils.translation.template import templatize

#: Packages whose texts are not translated.
NOT_TRANSLATED = frozenset({"cli", "emulator"})
#: Functions that mark a text, with the positions of what is extracted (`c` is a context).
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def marked_texts(root: Path) -> Catalog:
    """Return the marked texts of the package at `root`, by file.

    Each text has the files that contain it, without line numbers: these would change with every
    edit.
    """
    found = Catalog()
    for path in _files(root):
        name, content = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        for text, context in _texts(content, template=path.suffix != ".py"):
            found.add(text, context=context, locations=[(name, None)])  # type: ignore[list-item] # Babel writes a location without a line as the name alone
    return found


def texts_of_python(source: str) -> list[str | tuple[str, ...]]:
    """Return the texts that a module marks; one with a plural is a pair."""
    return [text for text, _ in _texts(source, template=False)]


def texts_of_template(source: str) -> list[str | tuple[str, ...]]:
    """Return the texts that a template marks; one with a plural is a pair."""
    return [text for text, _ in _texts(source, template=True)]


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if parts[0] in NOT_TRANSLATED:
            continue
        if path.suffix == ".py" or (path.suffix in {".html", ".txt"} and "templates" in parts):
            yield path


def _texts(source: str, *, template: bool) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    if template:
        # In parentheses: the lines of a template are not indented as Python wants it.
        source = f"(\n{templatize(source)}\n)"
    read = extract(
        "python",
        io.BytesIO(source.encode()),
        keywords=_KEYWORDS,
        options={"encoding": "utf-8"},
    )
    for _line, text, _comments, context in read:
        if str(text).endswith("\\"):
            raise ValueError(f"{text}: Django cuts a text at a quote; write ’ in templates")
        yield text, context
