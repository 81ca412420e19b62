"""The Django application `audit`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Configuration of the Django application `audit`."""

    name = "theseller.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables of this package with the data map."""
        importlib.import_module("theseller.audit.datamap")
