"""Django application `theseller.connections`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Application with the authorized seller accounts and their tokens."""

    name = "theseller.connections"
    label = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the table descriptors."""
        importlib.import_module("theseller.connections.datamap")
