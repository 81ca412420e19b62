"""Django's name for this room."""

from __future__ import annotations

import importlib

from django.apps import AppConfig

from theseller.controls.memory import forbid_core_dumps
from theseller.controls.source import code_version


class ControlsConfig(AppConfig):
    name = "theseller.controls"
    label = "controls"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this room's tables hold; keep this process's memory off the disk, and know which program it runs."""
        importlib.import_module("theseller.controls.datamap")
        forbid_core_dumps()
        # Now, not at the first page: files that are replaced under a running process are not what it runs.
        code_version()
