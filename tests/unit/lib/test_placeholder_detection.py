"""Placeholders are recognized, and real texts that resemble them are not."""

from __future__ import annotations

import pytest

from theseller.lib.placeholder_detection import is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "-", "…", "TODO", "todo: the name", "TODO Address", "Todo: Address", "address (tbd)",
        "Unknown", "lorem ipsum", "changeme", "change me", "Placeholder GmbH", "xxx", "<legal entity>",
        "[your address]", "security@example.com", "security@shop.example", "a@b.invalid",
        "https://example.org/", "root@localhost", "todo@seller.ee",
        "security@YOUR-DOMAIN", "YOUR COMPANY", "hello@your-domain.com",
    ],
)  # fmt: skip
def test_placeholder_is_recognized(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace", "Todo Bio S.L.", "Casa Todo, Madrid", "Example Street 1, 10115 Berlin",
        "Unknown Soldier Square 3, Athens", "security@todo-bio.es", "Li Wu", "Test Valley Ltd",
        "Exemplar OÜ, Tallinn", "株式会社テスト",
        "Your Next Books Ltd", "Yourgene Plc", "security@yourkit.io",
    ],
)  # fmt: skip
def test_real_text_is_none(text: str) -> None:
    assert not is_placeholder(text)
