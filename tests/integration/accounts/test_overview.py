"""The operator's first page: every secret with its age and its next due day, the worst first.

It shows no value.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from tests.operators import create_operator, operator_client

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.key_types import Purpose
from theseller.key_rotation.types import SecretState
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.operators.overview import queries


def test_secret_overview_sorts_by_state_and_groups_connection_keys() -> None:
    owners = [f"connection:{new_id()}" for _ in range(3)]
    made = [settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, owner) for owner in owners]
    try:
        lines, trouble = queries.secret_lines(at=clock.now() + timedelta(days=85))
        order = [
            SecretState.OVERDUE,
            SecretState.UNKNOWN,
            SecretState.DUE,
            SecretState.FRESH,
            SecretState.EXEMPT,
        ]
        assert [line.state for line in lines] == sorted(
            (line.state for line in lines), key=order.index
        )
        keys = next(line for line in lines if line.name == "connection-key:…")
        assert keys.count >= 3
        assert (keys.state, trouble) == (SecretState.DUE, "")
        assert keys.due_at is not None
        assert keys.made_at is not None
        assert keys.due_at - keys.made_at == timedelta(days=settings.ROTATION_DAYS)
    finally:
        for key in made:
            settings.KEY_STORE.destroy(key.id)


def test_secrets_overview_page_shows_no_secret_value() -> None:
    page = operator_client(create_operator()).get("/operate/").content
    secrets = [
        path
        for path in (settings.ENVIRONMENT.state / "secrets").iterdir()
        if path.is_file() and not path.name.startswith(".")
    ]
    revealed = [
        path.name
        for path in secrets
        for line in path.read_bytes().splitlines()
        if len(line) > 7 and line.strip() in page
    ]
    assert secrets
    assert not revealed
    assert all(
        path.name.encode() in page
        for path in secrets
        if path.name in {"tenant-ticket-key", "django-session-key", "root-key"}
    )


def test_a_store_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> None:
        raise KeyStoreError("the key service is sealed: unseal it")

    client = operator_client(create_operator())
    monkeypatch.setattr(queries, "inventory", silent)
    page = client.get("/operate/").content.decode()
    assert "The secrets can&#x27;t be listed now: the key service is sealed: unseal it" in page
    assert "None is overdue" not in page
