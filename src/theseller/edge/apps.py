"""The edge as a Django application."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class EdgeConfig(AppConfig):
    """Headers, limits, error pages and everything that pages are made of."""

    name = "theseller.edge"
    label = "edge"

    def ready(self) -> None:
        """Register what this room's tables hold."""
        importlib.import_module("theseller.edge.datamap")
