"""Command line of bin/translations: write catalogs, name what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.translations.catalogs import completed, faults, mo_bytes, po_bytes, read_catalog
from tools.translations.marked_texts import marked_texts

_PACKAGE = Path(__file__).resolve().parents[2] / "src" / "theseller"
#: English is the language of the marked texts.
LANGUAGES = ("de",)


def catalog_path(language: str, package: Path = _PACKAGE) -> Path:
    """Return the path of a language's PO file."""
    return package / "locale" / language / "LC_MESSAGES" / "django.po"


def main(package: Path = _PACKAGE) -> int:
    """Write the catalogs and print what is to be translated.

    Returns:
        The exit status: 0 all texts are translated, 1 some are not.
    """
    marked, wrong = marked_texts(package), 0
    for language in LANGUAGES:
        path = catalog_path(language, package)
        catalog = completed(read_catalog(path, language), marked, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_bytes(catalog))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalog))
        found = faults(catalog, marked)
        wrong += len(found)
        for line in found:
            print(f"{language}: {line}")
        print(f"{path}: {len(catalog)} texts, {len(found)} to be translated or corrected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
