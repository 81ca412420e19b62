"""The way to Amazon and back: what makes a connection, and every way in which none comes of it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections as databases
from django.test import Client
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.emulated_amazon import ALICE, CHARLIE, ConsentRedirect, EmulatedAmazon, emulated_amazon

from theseller.accounts.models import User
from theseller.connections.access_tokens import (
    discard_stale_tokens,
    open_connection,
    with_access_token,
)
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.operations import complete_authorization, disconnect, start_authorization
from theseller.connections.queries import all_connections, connection_view
from theseller.connections.types import Authorized, DisconnectReason, Refusal, Refused
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

US, DE = "ATVPDKIKX0DER", "A1PA6795UKMFR9"
EUROPEAN = "A2ALICEEUROPE1"
SESSION = Secret("alices-browser-session")


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[EmulatedAmazon]:
    with emulated_amazon(tmp_path / "amazon") as running:
        yield running


def _consent(
    cast: Cast,
    amazon: EmulatedAmazon,
    *,
    seller: str = ALICE,
    store: str = US,
    at: datetime | None = None,
) -> ConsentRedirect:
    begun = start_authorization(
        features=["sales", "finances", "stock"],
        marketplace_id=store,
        session_key=SESSION,
        person=cast.alice.id,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=at or clock.now(),
    )
    return amazon.consent(begun.consent_url, seller=seller)


def _complete(
    cast: Cast,
    back: ConsentRedirect,
    *,
    session: Secret = SESSION,
    at: datetime | None = None,
    code: Secret | None = None,
) -> Authorized | Refused:
    return complete_authorization(
        state=back.state,
        code=code or back.code,
        selling_partner_id=back.selling_partner_id,
        session_key=session,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=at or clock.now(),
    )


def _connect(cast: Cast, amazon: EmulatedAmazon) -> Authorized:
    outcome = _complete(cast, _consent(cast, amazon))
    assert isinstance(outcome, Authorized)
    return outcome


def _call(cast: Cast, authorised: Authorized) -> Secret:
    """Get an access token as the worker does around each call."""
    with (
        as_role("worker"),
        open_connection(cast.alices_shop, authorised.connection, at=clock.now()) as opened,
    ):
        return with_access_token(opened, lambda token: token)


def test_a_confirmed_consent_opens_a_connection_whose_token_works(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    authorised = _connect(cast, amazon)
    assert _call(cast, authorised).reveal().startswith("Atza|")
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    assert view.is_open
    assert view.roles == (
        "Finance and Accounting",
        "Amazon Fulfillment",
    )  # the fewest that open all three features


def test_oauth_state_is_accepted_once(cast: Cast, amazon: EmulatedAmazon) -> None:
    back = _consent(cast, amazon)
    assert isinstance(_complete(cast, back), Authorized)
    assert _complete(cast, back) == Refused(Refusal.STATE_USED)


def test_links_from_elsewhere_can_not_use_up_the_allowance_of_a_persons_own_return(
    cast: Cast, amazon: EmulatedAmazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    begun = client.post("/connections/attempts/", {"features": ["sales"], "marketplace": US})
    back = amazon.consent(begun["Location"], seller=ALICE)
    at = clock.now()
    monkeypatch.setattr(
        clock, "now", lambda: at
    )  # On a slow machine the first requests would be forgiven before the last.
    strange = [
        client.get(f"/connections/callback/?state=link-{number}").status_code
        for number in range(40)
    ]
    assert strange[:12] == [302] * 12
    assert (
        strange[-1] == 429
    )  # what is no answer to an attempt of this session is limited by itself
    own = {
        "state": back.state.reveal(),
        "spapi_oauth_code": back.code.reveal(),
        "selling_partner_id": back.selling_partner_id,
    }
    assert client.get("/connections/callback/", own)["Location"] == "/connections/"
    assert client.get("/connections/callback/", own).status_code == 429  # used once


def test_a_state_belongs_to_its_browser_session(cast: Cast, amazon: EmulatedAmazon) -> None:
    assert _complete(cast, _consent(cast, amazon), session=Secret("another browser")) == Refused(
        Refusal.WRONG_SESSION
    )


def test_a_state_that_was_never_given_out_is_refused(cast: Cast, amazon: EmulatedAmazon) -> None:
    back = _consent(cast, amazon)
    assert _complete(cast, ConsentRedirect(Secret("invented"), back.code, ALICE)) == Refused(
        Refusal.STATE_UNKNOWN
    )


def test_a_state_expires_after_ten_minutes(cast: Cast, amazon: EmulatedAmazon) -> None:
    at = clock.now()
    back = _consent(cast, amazon, at=at)
    assert _complete(cast, back, at=at + timedelta(minutes=10)) == Refused(Refusal.EXPIRED)


def test_a_code_expires_after_five_minutes(cast: Cast, amazon: EmulatedAmazon) -> None:
    back = _consent(cast, amazon)
    amazon.control("clock", offset_seconds=301)
    assert _complete(cast, back) == Refused(Refusal.CODE_REJECTED)


def test_a_declined_consent_stores_nothing(cast: Cast, amazon: EmulatedAmazon) -> None:
    back = _consent(cast, amazon)
    outcome = complete_authorization(
        state=back.state,
        code=None,
        selling_partner_id="",
        session_key=SESSION,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    assert outcome == Refused(Refusal.DECLINED)
    with tenant_scope(cast.alices_shop):
        assert all_connections() == ()


def test_authorization_callback_in_another_shop_is_refused(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    back = _consent(cast, amazon)
    outcome = complete_authorization(
        state=back.state,
        code=back.code,
        selling_partner_id=ALICE,
        session_key=SESSION,
        tenant=cast.charlies_shop,
        actor=cast.charlie.actor,
        at=clock.now(),
    )
    assert outcome == Refused(Refusal.STATE_UNKNOWN)


def test_amazon_outage_during_authorization_is_reported_as_unavailable(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    back = _consent(cast, amazon)
    amazon.control("faults", operation="lwa.token", kind="error503", times=None, probability=1.0)
    assert _complete(cast, back) == Refused(Refusal.AMAZON_UNAVAILABLE)


def test_a_revocation_at_amazon_disconnects_the_connection(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    authorised = _connect(cast, amazon)
    amazon.control("revoke", selling_partner_id=ALICE)
    with pytest.raises(ConnectionClosedError):
        _call(cast, authorised)
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    assert view.disconnect_reason is DisconnectReason.REVOKED_AT_AMAZON


def test_an_invalid_client_secret_is_the_operators_problem_and_ends_nothing(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    from theseller.amazon.errors import ClientSecretInvalidError

    authorised = _connect(cast, amazon)
    for _ in range(2):
        amazon.control("rotate_secret")
    amazon.control("clock", offset_seconds=8 * 86400)
    with pytest.raises(ClientSecretInvalidError):
        _call(cast, authorised)
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    assert view.is_open


def test_disconnecting_deletes_the_token_and_destroys_its_key(
    cast: Cast, amazon: EmulatedAmazon, database: str
) -> None:
    authorised = _connect(cast, amazon)
    with tenant_scope(cast.alices_shop), databases["default"].cursor() as cursor:
        cursor.execute(
            "select data_key_id from connections_refresh_token where connection_id = %s",
            [authorised.connection],
        )
        key = cursor.fetchone()[0]
    assert settings.KEY_STORE.exists(key)
    disconnect(
        connection=authorised.connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    assert not settings.KEY_STORE.exists(key)
    with tenant_scope(cast.alices_shop), databases["default"].cursor() as cursor:
        cursor.execute(
            "select count(*) from connections_refresh_token where connection_id = %s",
            [authorised.connection],
        )
        assert cursor.fetchone()[0] == 0
    with pytest.raises(ConnectionClosedError):
        _call(cast, authorised)


def test_a_disconnection_killed_before_its_commit_is_finished_by_the_next_call(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    authorised = _connect(cast, amazon)
    with tenant_scope(cast.alices_shop), databases["default"].cursor() as cursor:
        cursor.execute(
            "select data_key_id from connections_refresh_token where connection_id = %s",
            [authorised.connection],
        )
        settings.KEY_STORE.destroy(cursor.fetchone()[0])
    with pytest.raises(ConnectionClosedError):
        _call(cast, authorised)
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    assert not view.is_open


def test_no_call_leaves_after_a_disconnection_has_committed(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    """Workers call in a tight loop while the seller disconnects: what left, left before the commit."""
    authorised = _connect(cast, amazon)
    left_at: list[datetime] = []
    stop = threading.Event()

    def work() -> None:
        # A thread has connections of its own, and must take the worker's role in them.
        databases["default"] = databases["worker"]
        while not stop.is_set():
            try:
                with open_connection(
                    cast.alices_shop, authorised.connection, at=clock.now()
                ) as opened:
                    with_access_token(opened, lambda token: token)
                    left_at.append(clock.now())
            except ConnectionClosedError:
                return
            finally:
                databases["worker"].close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    while len(left_at) < 10:
        threading.Event().wait(0.005)
    disconnect(
        connection=authorised.connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    committed = clock.now()
    for worker in workers:
        worker.join(60)
    stop.set()
    assert len(left_at) >= 10
    assert max(left_at) <= committed


def test_another_account_of_the_same_region_is_refused_while_one_is_open(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    _connect(cast, amazon)
    again = _consent(cast, amazon)
    assert isinstance(_complete(cast, again), Authorized)  # the same account again: a renewal
    with tenant_scope(cast.alices_shop):
        assert len(all_connections()) == 1
    # In Europe there is a second seller.
    assert isinstance(
        _complete(cast, _consent(cast, amazon, seller=EUROPEAN, store=DE)), Authorized
    )
    assert _complete(cast, _consent(cast, amazon, seller=CHARLIE, store=DE)) == Refused(
        Refusal.ALREADY_CONNECTED
    )


def test_an_access_token_is_deleted_when_it_has_expired_or_is_unused(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    authorised, at = _connect(cast, amazon), clock.now()

    def token(when: datetime) -> Secret:
        with (
            as_role("worker"),
            open_connection(cast.alices_shop, authorised.connection, at=when) as opened,
        ):
            return opened.access_token()

    first = token(at)
    assert token(at + timedelta(minutes=4)) == first
    assert token(at + timedelta(minutes=8)) == first, "it was used four minutes ago"
    assert discard_stale_tokens(at=at + timedelta(minutes=12)) == 0
    assert discard_stale_tokens(at=at + timedelta(minutes=13)) == 1, (
        "it was not used for five minutes"
    )
    second = token(at + timedelta(minutes=13))
    assert second != first
    assert discard_stale_tokens(at=at + timedelta(minutes=17)) == 0
    assert discard_stale_tokens(at=at + timedelta(hours=2)) == 1, "it has expired"


def _in_another_process(cast: Cast, authorised: Authorized, requests: Connection) -> None:
    """As a worker: answer each request with the access token that the next call would carry."""
    while requests.recv():
        requests.send(_call(cast, authorised).reveal())
    databases.close_all()
    os._exit(0)


def test_after_authorizing_again_no_process_uses_the_token_of_before(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    """Use a new access token after a new authorization.

    What the seller allowed since (a role for packing slips) is not in a token of the authorization
    before.
    """
    authorised = _connect(cast, amazon)
    for alias in databases:
        databases[alias].close()
        # PostgreSQL's wrapper: its threads do not survive a fork
        databases[alias].close_pool()  # type: ignore[attr-defined]
    ours, theirs = multiprocessing.Pipe()
    worker = os.fork()
    if worker == 0:
        _in_another_process(cast, authorised, theirs)
    try:
        first = _ask_worker(ours)
        assert _ask_worker(ours) == first
        mine = _call(cast, authorised).reveal()
        assert _connect(cast, amazon) == authorised
        second = _ask_worker(ours)
        assert second not in {first, mine}
        assert _call(cast, authorised).reveal() not in {first, mine}
        assert _ask_worker(ours) == second
    finally:
        ours.send("")
        os.waitpid(worker, 0)


def _ask_worker(worker: Connection) -> str:
    worker.send("next")
    assert worker.poll(60)
    return str(worker.recv())


def _check(cast: Cast, authorised: Authorized) -> str | None:
    with tenant_scope(cast.alices_shop):
        view = connection_view(authorised.connection)
    assert view is not None
    return view.seller_check


def test_authorization_is_confirmed_by_amazons_response(cast: Cast, amazon: EmulatedAmazon) -> None:
    assert _check(cast, _connect(cast, amazon)) == "confirmed"


def test_a_seller_id_that_the_browser_changed_is_refused_and_nothing_is_stored(
    cast: Cast, amazon: EmulatedAmazon, database: str
) -> None:
    back = replace(_consent(cast, amazon), selling_partner_id="A2SOMEBODYELSE")
    assert _complete(cast, back) == Refused(Refusal.OTHER_SELLER)
    with tenant_scope(cast.alices_shop):
        assert all_connections() == ()
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        lines = superuser.execute(
            "select details->>'why' from audit_event where tenant_id = %s and tag ="
            " 'connections:authorisation:refused'",
            [cast.alices_shop],
        ).fetchall()
    assert lines == [("other_seller",)]


def test_renewing_with_another_sellers_code_is_refused_and_leaves_the_connection(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    authorised = _complete(cast, _consent(cast, amazon, seller=EUROPEAN, store=DE))
    assert isinstance(authorised, Authorized)
    theirs = _consent(cast, amazon, seller=CHARLIE, store=DE)
    assert _complete(cast, replace(theirs, selling_partner_id=EUROPEAN)) == Refused(
        Refusal.OTHER_SELLER
    )
    assert _check(cast, authorised) == "confirmed"
    assert _call(cast, authorised).reveal().startswith("Atza|")


def test_an_authorization_of_which_amazon_says_nothing_is_unconfirmed_and_shown_so(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    amazon.control("faults", operation="finances.listTransactions", kind="error503", times=1)
    authorised = _connect(cast, amazon)
    assert _check(cast, authorised) is None
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    assert "Unconfirmed" in client.get("/connections/").content.decode()
    assert _connect(cast, amazon) == authorised
    assert _check(cast, authorised) == "confirmed"
    assert "Confirmed by Amazon" in client.get("/connections/").content.decode()
