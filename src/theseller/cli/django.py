"""Django is set up only by the commands that need it, and always as one named database role."""

from __future__ import annotations

import os
from typing import Literal

Role = Literal["web", "worker", "migrate", "retention", "probe"]


def setup_django(role: Role) -> None:
    """Make Django ready in this process, its database connection being `role`'s. Once a process: settings are read once."""
    os.environ["THESELLER_ROLE"] = role
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "theseller.config.settings")
    import django  # noqa: PLC0415  half a second that `theseller --help` must not pay

    django.setup()
