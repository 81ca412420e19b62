"""Django's configuration of the app `governance`: the history of tables that other apps own today."""

from __future__ import annotations

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "theseller.governance"
    label = "governance"
    default_auto_field = "django.db.models.BigAutoField"
