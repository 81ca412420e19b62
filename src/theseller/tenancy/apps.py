"""Django's name for this room."""

from __future__ import annotations

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "theseller.tenancy"
    label = "tenancy"
    default_auto_field = "django.db.models.BigAutoField"
