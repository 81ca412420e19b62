"""Django's configuration of the app `key_rotation`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class KeyRotationConfig(AppConfig):
    """The Django application of `key_rotation`."""

    name = "theseller.key_rotation"
    label = "key_rotation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this app's tables hold."""
        importlib.import_module("theseller.key_rotation.datamap")
