"""Django's name for this room."""

from __future__ import annotations

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "theseller.connections"
    label = "connections"
    default_auto_field = "django.db.models.BigAutoField"
