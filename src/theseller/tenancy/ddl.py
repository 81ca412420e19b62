"""Run a package's SQL file as a migration operation."""

from __future__ import annotations

from importlib import resources

from django.db import migrations

#: Packages that were renamed after their migrations had been applied: a migration keeps the name
#: that it was written with.
_PACKAGES = {"vault": "buyer_pii"}


def run_sql(package: str, file_name: str) -> migrations.RunSQL:
    """Return the operation that runs `<package>/sql/<file_name>`.

    It can't be reversed (decision 0003).

    Args:
        package: the package of `theseller` whose folder `sql` holds the file.
        file_name: the file's name.
    """
    text = (
        resources.files(f"theseller.{_PACKAGES.get(package, package)}")
        .joinpath("sql", file_name)
        .read_text(encoding="utf-8")
    )
    return migrations.RunSQL(sql=[text])
