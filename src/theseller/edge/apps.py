"""The edge as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class EdgeConfig(AppConfig):
    """Headers, limits, error pages and everything that pages are made of."""

    name = "theseller.edge"
    label = "edge"
