"""Mails and the inbox of a demo in a real browser: accessible in both schemes, on a phone too.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import served
from tests.browser_sessions import PHONE, WIDE, chromium
from tests.conftest import as_role
from tests.operators import create_operator

from theseller.lib import clock, sql_execution
from theseller.lib.ids import new_id
from theseller.mail.delivery import deliver_due
from theseller.mail.demo_inbox_queries import inbox_mail
from theseller.mail.mail_kinds import (
    CHANGES,
    DeliveryTest,
    Invitation,
    MailContext,
    OperatorAlert,
    PasswordReset,
    SecurityNotice,
)
from theseller.mail.operations import queue_mail

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")
_AT = clock.now().replace(microsecond=0)
_LINK = f"http://testserver/account/{'x' * 86}/"
_CONTEXTS: tuple[MailContext, ...] = (
    PasswordReset(_LINK, _AT + timedelta(hours=1)),
    Invitation(
        _LINK,
        _AT + timedelta(days=7),
        "Harbour & Lark Stationers – Papierwarengroßhandelsgesellschaft mbH",
        "Rosalind Whitcombe-Abernathy",
    ),
    *(SecurityNotice(change, _AT) for change in sorted(CHANGES)),
    OperatorAlert(
        "control pii-strip failed",
        "Buyers' data is dropped\nTable ingest_order_line has a column that no data map knows:"
        " buyer_email_address_as_it_came_from_the_report.",
        "http://testserver/security/pii-strip/",
        _AT,
    ),
    DeliveryTest(_AT),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{PICTURES}/{name}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")


def _overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def _delivered() -> dict[str, UUID]:
    """Return a delivered mail of each context, by a name."""
    operator = create_operator()
    found: dict[str, UUID] = {}
    for context in _CONTEXTS:
        queued = queue_mail(
            context,
            recipient=operator.email,
            idempotency_key=f"browser:{new_id()}",
            at=_AT,
        )
        assert queued.id is not None, queued
        found[f"{context.kind}-{getattr(context, 'change', '')}".strip("-")] = queued.id
    with as_role("worker"):
        deliver_due(now=lambda: _AT)
    return found


def _emptied() -> None:
    sql_execution.execute(connections["worker"], "delete from mail_message")


def test_mails_and_inbox(database: str, browser: Browser) -> None:
    # The browser's thread runs an event loop, in which Django refuses to use the database.
    with (
        ThreadPoolExecutor(1) as thread,
        served() as address,
        override_settings(ALLOWED_HOSTS=["127.0.0.1"]),
    ):
        thread.submit(_emptied).result()
        page = browser.new_page(viewport=WIDE)
        page.goto(f"{address}/demo-mail/")
        expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
        _picture(page, "inbox-empty")
        mails = thread.submit(_delivered).result()
        for size, viewport in (("desktop", WIDE), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            page.goto(f"{address}/demo-mail/")
            expect(page.locator(".mail-list li")).to_have_count(len(mails))
            assert violations_by_scheme(page) == {"light": [], "dark": []}
            assert not _overflows(page)
            _picture(page, f"inbox-{size}")
            page.get_by_role("link", name="Invitation to Harbour").click()
            frame = page.frame_locator("iframe")
            expect(frame.get_by_role("link", name="Accept the invitation")).to_be_visible()
            assert violations_by_scheme(page) == {"light": [], "dark": []}
            assert not _overflows(page)
            _picture(page, f"inbox-message-{size}")
        # A page without our content security policy, as in a mail program.
        shown = browser.new_page(viewport=PHONE)
        for name, message in mails.items():
            mail = thread.submit(inbox_mail, message).result()
            assert mail is not None
            shown.set_viewport_size(PHONE)
            shown.set_content(mail.html)
            assert not _overflows(shown), name
            assert violations_by_scheme(shown) == {"light": [], "dark": []}, name
            _picture(shown, f"mail-{name}-phone")
            shown.set_viewport_size(WIDE)
            _picture(shown, f"mail-{name}-desktop")
        shown.close()
        page.close()
        thread.submit(connections.close_all).result()
