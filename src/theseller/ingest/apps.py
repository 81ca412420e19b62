"""Django application of ingest."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """The Django application of `ingest`."""

    name = "theseller.ingest"
    label = "ingest"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables in the data map."""
        importlib.import_module("theseller.ingest.datamap")
