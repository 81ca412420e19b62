"""The inbox page of a demo: what it shows, and that no other deployment has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client, override_settings
from tests.cast import Cast
from tests.integration.mail.conftest import mail_settings
from tests.integration.mail.test_delivery import deliver
from tests.integration.mail.test_queue import INVITATION, RESET, queue
from tests.smtp_server import RunningServer

from theseller.mail.mail_kinds import Invitation, MailContext
from theseller.mail.types import MailMode, MailSettings


def _received(context: MailContext, address: str) -> UUID:
    queued = queue(context, address)
    assert queued.id is not None
    assert deliver() == 1
    return queued.id


def test_a_mail_is_listed_and_shown_as_text_and_html(cast: Cast) -> None:
    message = _received(RESET, cast.alice.email)
    listed = Client().get("/demo-mail/").content.decode()
    assert f"/demo-mail/{message}/" in listed
    assert cast.alice.email in listed
    shown = Client().get(f"/demo-mail/{message}/").content.decode()
    assert f'href="{RESET.link}"' in shown
    assert "Message-ID" in shown
    html = Client().get(f"/demo-mail/{message}/html/")
    assert RESET.link in html.content.decode()


def test_the_html_of_a_mail_runs_nothing_and_loads_nothing(cast: Cast) -> None:
    context = Invitation(
        INVITATION.link, INVITATION.expires_at, "<script>alert(1)</script>", "Alice"
    )
    message = _received(context, cast.bob.email)
    response = Client().get(f"/demo-mail/{message}/html/")
    assert "<script" not in response.content.decode()
    directives = {
        name: values
        for name, *values in (one.split() for one in response["Content-Security-Policy"].split(";"))
    }
    assert directives == {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "frame-ancestors": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
    page = Client().get(f"/demo-mail/{message}/")["Content-Security-Policy"]
    assert "frame-src 'self'" in page
    assert "frame-ancestors 'none'" in page


@pytest.mark.parametrize("mode", [MailMode.OFF, MailMode.SMTP])
def test_a_deployment_that_sends_mail_shows_none(
    cast: Cast, server: RunningServer, mode: MailMode
) -> None:
    with override_settings(MAIL=mail_settings(None)):
        message = _received(RESET, cast.alice.email)
    with override_settings(MAIL=MailSettings(mode, server.settings())):
        for path in ("", f"{message}/", f"{message}/html/"):
            assert Client().get(f"/demo-mail/{path}").status_code == 404


def test_production_does_not_have_the_addresses() -> None:
    """Not only refused: the resolver of a process in production does not know them."""
    code = (
        "import os, django; os.environ['THESELLER_MAIL_URL'] = 'none'; django.setup();"
        "from django.urls import Resolver404, resolve\n"
        "try:\n    resolve('/demo-mail/'); print('found')\n"
        "except Resolver404:\n    print('unknown')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.strip() == "unknown", done.stderr
