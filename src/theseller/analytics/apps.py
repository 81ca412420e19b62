"""Django application of analytics."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


def _stores_with_data() -> frozenset[str]:
    queries = importlib.import_module("theseller.analytics.pages.queries")
    return frozenset(store.marketplace_id for store in queries.stores())


class AnalyticsConfig(AppConfig):
    """Configuration of the Django application `analytics`."""

    name = "theseller.analytics"
    label = "analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables in the data map."""
        importlib.import_module("theseller.analytics.datamap")
        connections = importlib.import_module("theseller.connections.queries")
        connections.STORES_WITH_DATA.append(_stores_with_data)
