"""Django's configuration of the app `tenancy`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """The Django application of `tenancy`."""

    name = "theseller.tenancy"
    label = "tenancy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the table descriptors."""
        importlib.import_module("theseller.tenancy.datamap")
