"""Django's name for this room."""

from __future__ import annotations

from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "theseller.controls"
    label = "controls"
    default_auto_field = "django.db.models.BigAutoField"
