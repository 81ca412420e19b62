"""Django's name for this room."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "theseller.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
