"""Django's configuration of the app `privacy`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """The Django application of `privacy`."""

    name = "theseller.privacy"
    label = "privacy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this app's tables hold."""
        importlib.import_module("theseller.privacy.datamap")
