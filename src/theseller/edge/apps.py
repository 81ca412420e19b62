"""The edge as a Django application."""

from __future__ import annotations

import importlib

from django.apps import AppConfig
from typing_extensions import override


class EdgeConfig(AppConfig):
    """Headers, limits, error pages and everything that pages are made of."""

    name = "theseller.edge"
    label = "edge"

    @override
    def ready(self) -> None:
        """Register what this room's tables hold."""
        importlib.import_module("theseller.edge.datamap")
