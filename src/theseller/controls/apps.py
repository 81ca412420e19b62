"""Django application of the controls."""

from __future__ import annotations

import importlib

from django.apps import AppConfig

from theseller.lib.code_version import code_version


class ControlsConfig(AppConfig):
    """Application with the evidence of the controls."""

    name = "theseller.controls"
    label = "controls"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tables and record the version of the running program."""
        importlib.import_module("theseller.controls.datamap")
        # Now, not at the first page: files that are replaced under a running process are not what
        # it runs.
        code_version()
