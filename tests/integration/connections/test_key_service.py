"""While the key store can't answer, nothing is half done, and each user sees which state it is.

All converges afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.test.utils import override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import EmulatedAmazon, emulated_amazon
from tests.integration.connections.test_authorization import _complete, _connect, _consent
from tests.step_up import after_step_up

from theseller.accounts.models import User
from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.models import RefreshToken
from theseller.connections.operations import disconnect
from theseller.connections.queries import connection_view
from theseller.connections.types import Authorized, DisconnectReason, Refusal, Refused
from theseller.crypto.errors import KeyStoreError, ServiceError, ServiceState
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.edge.key_service_outage import STATE_TEXTS
from theseller.ingest.sync.stream_creation_and_due_streams import plan_new_connections
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.types import Outcome, StreamKey
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope


@dataclass(slots=True)
class Failing:
    """The deployment's key store, which answers nothing while it has a `state`.

    `done`: fail after the act, as a lost answer does.
    """

    store: KeyStore
    state: ServiceState | None = None
    done: bool = False
    requested: list[str] = field(default_factory=list)

    def create(self, purpose: Purpose, owner: str) -> DataKey:
        self._answer("create")
        return self.store.create(purpose, owner)

    def get(self, key_id: UUID, /) -> DataKey:
        self._answer("get")
        return self.store.get(key_id)

    def destroy(self, key_id: UUID, /) -> None:
        if self.done:
            self.store.destroy(key_id)
        self._answer("destroy")
        self.store.destroy(key_id)

    def exists(self, key_id: UUID, /) -> bool:
        self._answer("exists")
        return self.store.exists(key_id)

    def _answer(self, requested: str) -> None:
        self.requested.append(requested)
        if self.state is not None:
            raise ServiceError("the key service does not answer", self.state)


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[EmulatedAmazon]:
    with emulated_amazon(tmp_path / "amazon") as running:
        yield running


@pytest.fixture
def keys() -> Iterator[Failing]:
    failing = Failing(settings.KEY_STORE)
    with override_settings(KEY_STORE=failing):
        yield failing


def _token_rows(cast: Cast) -> int:
    with tenant_scope(cast.alices_shop):
        return RefreshToken.objects.filter(tenant_id=cast.alices_shop).count()


def _end(cast: Cast, authorised: Authorized) -> None:
    disconnect(
        connection=authorised.connection, reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop, actor=cast.alice.actor, at=clock.now()
    )  # fmt: skip


def _open(cast: Cast, authorised: Authorized) -> bool:
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    return view.is_open


@pytest.mark.parametrize("state", ServiceState)
def test_disconnection_without_key_service_changes_nothing_and_can_be_repeated(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing, state: ServiceState
) -> None:
    authorised = _connect(cast, amazon)
    keys.state = state
    with pytest.raises(KeyStoreError) as caught:
        _end(cast, authorised)
    assert caught.value.state is state
    assert _open(cast, authorised)
    assert _token_rows(cast) == 1
    keys.state = None
    _end(cast, authorised)
    assert not _open(cast, authorised)
    assert _token_rows(cast) == 0


def test_connection_with_a_destroyed_key_is_closed_at_its_next_use(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing
) -> None:
    authorised = _connect(cast, amazon)
    keys.state, keys.done = ServiceState.SLOW, True
    with pytest.raises(KeyStoreError):
        _end(cast, authorised)
    keys.state = None
    assert _open(cast, authorised)
    with (
        as_role("worker"),
        pytest.raises(ConnectionClosedError),
        open_connection(cast.alices_shop, authorised.connection, at=clock.now()) as opened,
    ):
        opened.access_token()
    assert not _open(cast, authorised)
    assert _token_rows(cast) == 0


@pytest.mark.parametrize("state", ServiceState)
def test_disconnect_page_reports_the_key_service_state_and_changes_nothing(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing, state: ServiceState
) -> None:
    authorised = _connect(cast, amazon)
    browser = Client(raise_request_exception=True, REMOTE_ADDR="198.51.100.17")
    browser.force_login(User.objects.get(pk=cast.alice.id))
    after_step_up(browser)
    path = f"/connections/{authorised.connection}/disconnection/"
    keys.state = state
    answer = browser.post(path, {"confirm": "DISCONNECT"})
    page = answer.content.decode()
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    for said in (*STATE_TEXTS[state], "Nothing was changed"):
        assert said.replace("'", "&#x27;") in page
    assert _open(cast, authorised)
    keys.state = None
    assert browser.post(path, {"confirm": "DISCONNECT"}).status_code == 302
    assert not _open(cast, authorised)


@pytest.mark.parametrize("state", ServiceState)
def test_authorization_without_key_service_stores_nothing_and_is_explained(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing, state: ServiceState
) -> None:
    back = _consent(cast, amazon)
    keys.state = state
    assert _complete(cast, back) == Refused(Refusal.KEYS_UNAVAILABLE)
    assert _token_rows(cast) == 0
    keys.state = None
    assert isinstance(_complete(cast, _consent(cast, amazon)), Authorized)
    assert _token_rows(cast) == 1


def test_a_renewal_stands_although_the_former_key_cannot_be_destroyed(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing
) -> None:
    authorised = _connect(cast, amazon)
    back = _consent(cast, amazon)
    real = keys.store

    class OnlyDestroyFails(Failing):
        def _answer(self, requested: str) -> None:
            if requested == "destroy":
                raise ServiceError("the key service does not answer", ServiceState.SEALED)

    with override_settings(KEY_STORE=OnlyDestroyFails(real)):
        assert _complete(cast, back) == Authorized(authorised.connection)
    with (
        as_role("worker"),
        open_connection(cast.alices_shop, authorised.connection, at=clock.now()) as opened,
    ):
        assert opened.access_token()


def test_worker_resumes_after_a_key_service_outage(
    cast: Cast, amazon: EmulatedAmazon, keys: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    authorised = _connect(cast, amazon)
    key = StreamKey(cast.alices_shop, authorised.connection, "orders", "")
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        keys.state = ServiceState.SEALED
        assert run_stream(key, now=clock.now) == 0
        outcome, again = _stream(key)
        assert outcome == Outcome.KEYS_UNAVAILABLE
        assert again <= 16
        assert "the key service does not answer" in caplog.text
        keys.state = None


def _stream(key: StreamKey) -> tuple[str, float]:
    from django.db import connections as databases

    with tenant_scope(key.tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "select last_outcome, extract(epoch from due_at - now()) from ingest_stream where"
            " connection_id = %s and name = %s and marketplace_id = %s",
            [key.connection, key.name, key.marketplace_id],
        )
        outcome, seconds = cursor.fetchone()
    return str(outcome), float(seconds)


def test_callback_without_a_session_redirects_without_code_and_state(database: str) -> None:
    answer = Client().get(
        "/connections/callback/",
        {
            "state": "the-state-4711",
            "spapi_oauth_code": "the-code-4711",
            "selling_partner_id": "A1",
        },
    )
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=%2Fconnections%2F")
    # What comes next has Seller Central as its referrer, never this address: a browser doesn't name
    # an address that redirected it.
    assert answer["Referrer-Policy"] == "same-origin"
