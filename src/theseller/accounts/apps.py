"""Django application `accounts`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Configuration of the Django application `accounts`."""

    name = "theseller.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the table descriptors of this package."""
        importlib.import_module("theseller.accounts.datamap")
