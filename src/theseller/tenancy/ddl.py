"""Migrations read their SQL from files beside them: a table's definition is SQL, with nothing generated in between."""

from __future__ import annotations

from importlib import resources

from django.db import migrations


def run_sql(slice_name: str, file_name: str) -> migrations.RunSQL:
    """Return the migration operation that runs `src/theseller/<slice_name>/sql/<file_name>`. There is no way back: see decision 0003."""
    text = resources.files(f"theseller.{slice_name}").joinpath("sql", file_name).read_text(encoding="utf-8")
    return migrations.RunSQL(sql=[text])
