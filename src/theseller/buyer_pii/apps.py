"""Django application `theseller.buyer_pii`, with the label `vault`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class BuyerPiiConfig(AppConfig):
    """Application with buyer PII: packing slips, consents and access log."""

    name = "theseller.buyer_pii"
    # The label is in the names of applied migrations, in every database.
    label = "vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this app's tables hold."""
        importlib.import_module("theseller.buyer_pii.datamap")
