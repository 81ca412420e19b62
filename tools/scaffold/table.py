"""A new table of a shop's own settings: SQL, migration and descriptor."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.scaffold.edits import (
    Edits,
    ScaffoldError,
    app_label,
    check_name,
    newest_migration,
    template,
)

TYPES = frozenset(
    {"uuid", "text", "int", "integer", "bigint", "boolean", "date", "timestamptz", "numeric"}
)


def add_table(
    edits: Edits, *, package: str, name: str, note: str, category: str, columns: Sequence[str]
) -> None:
    """Add a table whose rows stay until the shop is deleted, written by the web's role.

    Args:
        edits: what is written.
        package: whose table it is.
        name: of the table, without the package.
        note: a sentence of the data map: what a row is.
        category: key of the data inventory's category that counts the rows.
        columns: ``column:type``; the first is the key, together with the shop.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    check_name(name)
    types = dict(one.partition(":")[::2] for one in columns)
    if not types:
        raise ScaffoldError("name at least one column as column:type")
    for column, kind in types.items():
        if kind not in TYPES:
            raise ScaffoldError(
                f"{column}:{kind} has no known type; the types are {', '.join(sorted(TYPES))}"
            )
    categories = edits.read("src/theseller/privacy/data_inventory/categories.py")
    known = re.findall(r'DataCategory\(\n\s+"(\w+)"', categories)
    if category not in known:
        raise ScaffoldError(f"{category!r} is no category: {', '.join(known)}")
    for column in types:
        check_name(column)
    newest = newest_migration(edits.root, package)
    date = next((one for one, kind in types.items() if kind in {"date", "timestamptz"}), "")
    values = {
        "table": f"{package}_{name}", "name": name, "note": note, "category": category,
        "label": app_label(edits, package), "newest": newest, "key": next(iter(types)),
        "names": " ".join(types),
        "columns": "\n".join(f"    {one} {kind} not null," for one, kind in types.items()),
        "date": f'    date_column="{date}",\n' if date else "",
    }  # fmt: skip
    folder = f"src/theseller/{package}"
    edits.create(f"{folder}/sql/{name}.sql", template("table.sql", values))
    edits.create(
        f"{folder}/migrations/{int(newest[:4]) + 1:04}_{name}.py",
        template("table_migration.py", values),
    )
    edits.append(f"{folder}/datamap.py", template("table_descriptor.py", values))
