"""Django application `theseller.edge`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig
from typing_extensions import override


class EdgeConfig(AppConfig):
    """Headers, rate limits, error pages and base templates."""

    name = "theseller.edge"
    label = "edge"

    @override
    def ready(self) -> None:
        """Register the table descriptors."""
        importlib.import_module("theseller.edge.datamap")
