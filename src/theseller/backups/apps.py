"""The Django application `backups`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Application with the tables of backups and drills."""

    name = "theseller.backups"
    label = "backups"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables of this package with the data map."""
        importlib.import_module("theseller.backups.datamap")
