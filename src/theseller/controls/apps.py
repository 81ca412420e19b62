"""Django's name for this room."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "theseller.controls"
    label = "controls"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this room's tables hold."""
        importlib.import_module("theseller.controls.datamap")
