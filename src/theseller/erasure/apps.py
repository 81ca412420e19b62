"""The Django application `erasure`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class ErasureConfig(AppConfig):
    """Configuration of the erasure app."""

    name = "theseller.erasure"
    label = "erasure"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables of this package with the data map."""
        importlib.import_module("theseller.erasure.datamap")
