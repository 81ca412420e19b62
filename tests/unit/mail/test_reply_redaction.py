"""A link that acts for its reader is not left in what a mail server replied."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from theseller.mail.mail_kinds import OperatorAlert, PasswordReset
from theseller.mail.reply_redaction import without_link

_AT = datetime(2026, 11, 30, tzinfo=UTC)
_TOKEN = "kQ3-" + "canary" * 7
_LINK = f"https://a.example/new-password/{_TOKEN}/"
_RESET = PasswordReset(_LINK, _AT)


@pytest.mark.parametrize(
    ("reply", "stored"),
    [
        (f"5.7.1 {_LINK} is on a list", "5.7.1 [link] is on a list"),
        (f"5.7.1 path new-password/{_TOKEN}", "5.7.1 path new-password/[link]"),
        (f"5.7.1 refused: {_LINK[:50]}", "5.7.1 refused: [link]"),
        (f"5.7.1 refused: {_TOKEN[:20]}", "5.7.1 refused: [link]"),
        ("5.1.1 no such user", "5.1.1 no such user"),
    ],
)
def test_a_link_in_a_reply_is_replaced(reply: str, stored: str) -> None:
    assert without_link(reply, _RESET) == stored


def test_the_address_of_a_page_stays() -> None:
    alert = OperatorAlert("s", "d", "https://a.example/operate/", _AT)
    assert without_link("see https://a.example/operate/", alert) == "see https://a.example/operate/"
