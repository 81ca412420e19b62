"""The addresses of the database that a prober has to try."""

from __future__ import annotations

import pytest
from django.conf import settings

from theseller.config.database_settings import external_settings
from theseller.controls.prober_reports.operations import external_database


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://db.example/shop?sslmode=verify-full", [("db.example", 5432)]),
        ("postgresql://db.example:6000/shop?sslmode=verify-full", [("db.example", 6000)]),
        (
            "postgresql:///shop?host=db.example&port=6000&sslmode=verify-full",
            [("db.example", 6000)],
        ),
        (
            "postgresql:///shop?host=one.example,two.example&sslmode=verify-full",
            [("one.example", 5432), ("two.example", 5432)],
        ),
        ("postgresql:///shop?host=/run/postgresql", []),
    ],
)
def test_every_network_address_of_the_database_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, found: list[tuple[str, int]]
) -> None:
    monkeypatch.setitem(settings.DATABASES, "default", external_settings(url))
    assert [(one.host, one.port) for one in external_database()] == found
