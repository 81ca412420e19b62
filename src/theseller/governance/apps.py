"""Django's name for this room."""

from __future__ import annotations

import importlib

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "theseller.governance"
    label = "governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this room's tables hold, and the seats that an operator's session gives."""
        importlib.import_module("theseller.governance.datamap")
        seats = importlib.import_module("theseller.accounts.seats")
        visits = importlib.import_module("theseller.governance.access.visits")
        seats.VISITS.append(visits.AccessVisits())
