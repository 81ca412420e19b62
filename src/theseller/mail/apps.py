"""Django application `theseller.mail`."""

from __future__ import annotations

import importlib

from django.apps import AppConfig
from typing_extensions import override


class MailConfig(AppConfig):
    """Outbox, SMTP delivery with receipts, recipient policy."""

    name = "theseller.mail"
    label = "mail"

    @override
    def ready(self) -> None:
        """Register the table descriptors."""
        importlib.import_module("theseller.mail.datamap")
