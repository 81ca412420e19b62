"""Django's configuration of the app `governance`.

It holds the history of tables that other apps own today.
"""

from __future__ import annotations

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The Django application of `governance`, which has only migrations."""

    name = "theseller.governance"
    label = "governance"
    default_auto_field = "django.db.models.BigAutoField"
