"""Django's name for this room."""

from __future__ import annotations

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "theseller.ingest"
    label = "ingest"
    default_auto_field = "django.db.models.BigAutoField"
