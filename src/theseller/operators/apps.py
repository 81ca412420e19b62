"""Django's configuration of the app `operators`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class OperatorsConfig(AppConfig):
    """The Django application of `operators`."""

    name = "theseller.operators"
    label = "operators"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this app's tables hold."""
        importlib.import_module("theseller.operators.datamap")
