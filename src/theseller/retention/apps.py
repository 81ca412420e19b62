"""The Django application `retention`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """The Django application of `retention`."""

    name = "theseller.retention"
    label = "retention"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables of this package with the data map."""
        importlib.import_module("theseller.retention.datamap")
