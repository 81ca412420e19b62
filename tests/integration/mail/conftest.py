"""An empty outbox, and settings that reach a real SMTP server of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from tests.smtp_server import RunningServer, smtp_server

from theseller.mail.types import MailMode, MailServer, MailSettings

AUTHORITY = "incidents@authority.example"


def mail_settings(server: MailServer | None) -> MailSettings:
    """Return settings with `server`; without one, mail goes to the inbox."""
    return MailSettings(
        MailMode.SMTP if server else MailMode.INBOX,
        server,
        "analytics@acme.example",
        "Acme Analytics",
        (AUTHORITY,),
    )


@pytest.fixture(autouse=True)
def _empty_outbox(_with_database: None) -> None:
    """Tests of a worker share a database: begin with no mail of others."""
    with connections["worker"].cursor() as cursor:
        cursor.execute("delete from mail_message")
        cursor.execute("delete from mail_refused_address")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture
def server(certificates: Path) -> Iterator[RunningServer]:
    """Run a server with STARTTLS, and have mail go to it."""
    with (
        smtp_server(certificates) as running,
        override_settings(MAIL=mail_settings(running.settings())),
    ):
        assert settings.MAIL.server is not None
        yield running
