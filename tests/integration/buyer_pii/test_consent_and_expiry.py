"""A buyer's data is stored sealed and separately, shown to authorized users, and audited.

It is deleted on its expiry date or on request.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.database import role_dsn
from tests.integration.buyer_pii.conftest import CANARY, RECIPIENT, Shop, connect, sell

from theseller.buyer_pii.consent_withdrawal_completion import reapply_withdrawals
from theseller.buyer_pii.operations import (
    FeatureUnavailableError,
    disable_packing_slips,
    enable_packing_slips,
    open_slips,
    request_slips,
)
from theseller.buyer_pii.queries import orders_to_ship
from theseller.buyer_pii.recipient_encryption import day_owner, open_recipient
from theseller.buyer_pii.recipient_expiry import (
    delete_recipients_without_day_key,
    expire_recipients,
)
from theseller.buyer_pii.store_recipient import FeatureDisabledError, ShippedTooLongAgoError
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.data_keys import connection_keys, destroy_keys
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import KeyDestroyedError
from theseller.crypto.key_types import Purpose
from theseller.erasure import replay
from theseller.erasure.connection_erasure import erase_connection
from theseller.tenancy.tenant_scope import tenant_scope

EXPIRY = datetime(2026, 12, 20, tzinfo=UTC)  # 30 days after NOON's day


def _open_raw(shop: Shop, sealed: bytes, order: str = "111-1") -> object:
    return open_recipient(sealed, tenant=shop.tenant, connection=shop.connection, order=order)


def _sealed(shop: Shop, order: str = "111-1") -> bytes:
    [(sealed,)] = shop.rows(
        "select sealed from pii.recipient where tenant_id = %s and order_id = %s",
        shop.tenant,
        order,
    )
    return bytes(sealed)


def _swept(at: datetime) -> object:
    with as_role("worker"):
        return expire_recipients(at=at)


def test_packing_slips_are_off_by_default_and_need_the_role(cast: Cast) -> None:
    connection = connect(cast.alices_shop)
    with pytest.raises(FeatureUnavailableError):
        enable_packing_slips(
            connection=connection, tenant=cast.alices_shop, actor=cast.alice.actor, at=NOON
        )


def test_recipient_is_not_stored_while_packing_slips_are_disabled(shop: Shop) -> None:
    other = Shop(shop.cast, connect(shop.tenant), shop.database)
    with pytest.raises(FeatureDisabledError):
        other.keep("111-1")
    assert shop.rows(
        "select count(*) from connections_key where connection_id = %s", other.connection
    ) == [(0,)]


def test_a_recipient_is_stored_sealed_and_shown_to_who_asks_with_a_line_in_the_log(
    shop: Shop,
) -> None:
    sell(shop, "111-1")
    assert shop.keep("111-1") == EXPIRY.date()
    [slip] = open_slips(
        ids=["111-1", "111-2"], tenant=shop.tenant, actor=shop.cast.bob.actor, at=NOON
    )
    assert slip.recipient == RECIPIENT
    assert (slip.order.units, slip.expires_on) == (2, EXPIRY.date())
    assert CANARY not in repr(slip)
    events = shop.rows(
        "select tag, actor, subject, details::text from audit_event where tenant_id = %s",
        shop.tenant,
    )
    assert ("vault:recipient:viewed", shop.cast.bob.actor, "order:111-1", "{}") in events
    assert CANARY not in str(events)
    everything = shop.rows("select r::text from pii.recipient r where tenant_id = %s", shop.tenant)
    assert CANARY.encode().hex() not in str(everything)
    assert b"Canary" not in _sealed(shop)


def test_only_the_vault_role_reads_recipients_and_it_reads_nothing_else(shop: Shop) -> None:
    shop.keep("111-1")
    for role in ("web", "worker", "retention", "probe", "backup", "migrate"):
        with (
            psycopg.connect(role_dsn(role, shop.database)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            if role == "migrate":
                connection.execute(
                    "set role theseller_web"
                )  # The owner is bound by row security; it assumes no other role.
            connection.execute("select sealed from pii.recipient")
    with psycopg.connect(role_dsn("pii", shop.database), autocommit=True) as connection:
        for table in (
            "ingest_order_line",
            "accounts_user",
            "connections_refresh_token",
            "vault_consent",
            "audit_event",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select 1 from public.{table}")
        for change in (
            "update pii.recipient set expires_on = expires_on + 1",
            "update pii.day_key set expires_on = expires_on + 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)


def test_the_database_refuses_an_expiry_date_beyond_thirty_days(shop: Shop) -> None:
    shop.keep("111-1")
    with pytest.raises(psycopg.errors.CheckViolation):
        shop.rows(
            "update pii.recipient set expires_on = expires_on + 1 where tenant_id = %s", shop.tenant
        )


def test_fetching_again_keeps_the_expiry_date_and_an_earlier_shipment_advances_it(
    shop: Shop,
) -> None:
    assert shop.keep("111-1") == EXPIRY.date()
    assert shop.keep("111-1", at=NOON + timedelta(days=10)) == EXPIRY.date()
    assert shop.keep("111-2", shipped_at=NOON - timedelta(days=10)) == EXPIRY.date() - timedelta(
        days=10
    )
    with pytest.raises(ShippedTooLongAgoError):
        shop.keep("111-3", shipped_at=NOON - timedelta(days=30))


def test_on_the_expiry_date_the_key_is_destroyed_and_an_old_copy_cannot_be_opened(
    shop: Shop,
) -> None:
    sell(shop, "111-1")
    shop.keep("111-1")
    copy = _sealed(shop)
    _swept(EXPIRY - timedelta(seconds=1))
    assert _open_raw(shop, copy) == RECIPIENT
    # No one can read it from the start of that day on, whether or not the job has run.
    assert not open_slips(ids=["111-1"], tenant=shop.tenant, actor=shop.cast.alice.actor, at=EXPIRY)
    _swept(EXPIRY)
    with pytest.raises(KeyDestroyedError):
        _open_raw(shop, copy)
    assert shop.rows("select count(*) from pii.recipient where tenant_id = %s", shop.tenant) == [
        (0,)
    ]
    assert shop.rows("select count(*) from pii.day_key where expires_on <= %s", EXPIRY.date()) == [
        (0,)
    ]
    assert not [
        one
        for one in settings.KEY_STORE.list()
        if one.owner == day_owner(EXPIRY.date()) and not one.destroyed
    ]
    events = [
        row[0]
        for row in shop.rows(
            "select tag from audit_event where subject = %s order by position",
            f"pii-day:{EXPIRY:%Y-%m-%d}",
        )
    ]
    assert events[-2:] == ["vault:day:end_intended", "vault:day:ended"]
    assert _swept(EXPIRY)


def test_disabling_packing_slips_destroys_the_key_and_every_recipient(shop: Shop) -> None:
    sell(shop, "111-1")
    shop.keep("111-1")
    copy = _sealed(shop)
    done = disable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    )
    assert (done.keys_destroyed, done.rows_erased, done.first) == (1, 1, True)
    with pytest.raises(KeyDestroyedError):
        _open_raw(shop, copy)
    with pytest.raises(FeatureDisabledError):
        shop.keep("111-1")
    assert not open_slips(ids=["111-1"], tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON)
    assert not disable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    ).first


def test_packing_slips_enabled_again_use_a_new_key(shop: Shop) -> None:
    shop.keep("111-1")
    disable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    )
    enable_packing_slips(
        connection=shop.connection,
        tenant=shop.tenant,
        actor=shop.cast.alice.actor,
        at=NOON + timedelta(hours=1),
    )
    assert shop.keep("111-1", at=NOON + timedelta(hours=1))
    assert _open_raw(shop, _sealed(shop)) == RECIPIENT


def test_the_disconnection_destroys_the_key_and_its_certificate_names_it(shop: Shop) -> None:
    shop.keep("111-1")
    copy, key = _sealed(shop), _key(shop)
    disconnect(
        connection=shop.connection,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=shop.tenant,
        actor=shop.cast.alice.actor,
        at=NOON,
    )
    with pytest.raises(KeyDestroyedError):
        _open_raw(shop, copy)
    with pytest.raises(ConnectionClosedError):
        shop.keep("111-2")
    done = erase_connection(connection=shop.connection, tenant=shop.tenant, at=NOON)
    assert done.completed, (done.waiting, done.left)
    for table in ("pii.recipient", "vault_consent", "vault_request", "connections_key"):
        assert shop.rows(f"select count(*) from {table} where tenant_id = %s", shop.tenant) == [
            (0,)
        ]
    [(body,)] = shop.rows(
        "select body from erasure_certificate where subject_id = %s", shop.connection
    )
    assert str(key) in bytes(body).decode()
    assert "pii.recipient" in bytes(body).decode()
    assert _swept(NOON)


def _key(shop: Shop) -> UUID:
    with tenant_scope(shop.tenant):
        [(key, _)] = connection_keys(shop.connection, Purpose.PII)
    return key


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("boundary", ["intended", "key destroyed", "committed"])
def test_interrupted_disabling_of_packing_slips_is_completed_by_the_next_run(
    shop: Shop, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill at each boundary; recurring work converges.

    It is never readable again once the key is destroyed.
    """
    shop.keep("111-1")
    copy = _sealed(shop)
    from theseller.buyer_pii import operations

    def die(*_: object, **__: object) -> object:
        raise _Killed

    original = destroy_keys
    with monkeypatch.context() as patch:
        if boundary == "intended":
            patch.setattr(operations, "withdraw_consent", die)
        elif boundary == "key destroyed":
            patch.setattr(operations, "destroy_keys", lambda *rest: (original(*rest), die()))
        else:
            patch.setattr(operations, "USING", "no such alias")
        with pytest.raises((_Killed, Exception)):
            disable_packing_slips(
                connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
            )
    _swept(NOON)
    left = shop.rows("select count(*) from pii.recipient where tenant_id = %s", shop.tenant)[0][0]
    on = shop.rows(
        "select count(*) from vault_consent where tenant_id = %s and withdrawn_at is null",
        shop.tenant,
    )[0][0]
    if boundary == "intended":  # Nothing was destroyed: it is on still, whole.
        assert (left, on) == (1, 1)
        assert _open_raw(shop, copy) == RECIPIENT
    else:
        assert (left, on) == (0, 0)
        with pytest.raises(KeyDestroyedError):
            _open_raw(shop, copy)


def test_a_row_restored_after_turning_off_is_unreadable_and_deleted(shop: Shop) -> None:
    shop.keep("111-1")
    [row] = shop.rows("select * from pii.recipient where tenant_id = %s", shop.tenant)
    disable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    )
    shop.rows(f"insert into pii.recipient values ({', '.join(['%s'] * len(row))})", *row)
    with pytest.raises(KeyDestroyedError):
        _open_raw(shop, _sealed(shop))
    _swept(NOON)
    assert shop.rows("select count(*) from pii.recipient where tenant_id = %s", shop.tenant) == [
        (0,)
    ]


@pytest.mark.parametrize("orders", [("111-1",), ()])
def test_a_database_restored_from_before_turning_off_is_turned_off_again(
    shop: Shop, orders: tuple[str, ...]
) -> None:
    for order in orders:
        shop.keep(order)
    consents = shop.rows("select * from vault_consent where tenant_id = %s", shop.tenant)
    kept = shop.rows("select * from pii.recipient where tenant_id = %s", shop.tenant)
    disable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    )
    for table, rows in (("vault_consent", consents), ("pii.recipient", kept)):
        shop.rows(f"delete from {table} where tenant_id = %s", shop.tenant)
        for row in rows:
            shop.rows(f"insert into {table} values ({', '.join(['%s'] * len(row))})", *row)
    shop.rows("delete from connections_key where tenant_id = %s", shop.tenant)
    with as_role("worker"):
        assert reapply_withdrawals(at=NOON) >= 1
        expire_recipients(at=NOON)
    with pytest.raises(FeatureDisabledError):
        shop.keep("111-2")
    assert shop.rows("select count(*) from pii.recipient where tenant_id = %s", shop.tenant) == [
        (0,)
    ]


def test_recipients_whose_day_key_is_in_no_export_are_deleted_and_can_be_fetched_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an import of the state folder: its exports have no keys of days."""
    # The journal and the database have what other tests left.
    monkeypatch.setattr(replay, "complete_journal", lambda: None)
    monkeypatch.setattr(replay, "journal", lambda: SimpleNamespace(entries=lambda _kind: ()))
    monkeypatch.setattr(replay, "replay_tenants_and_users", lambda **_at: None)
    expires_on = shop.keep("111-1")
    [(key,)] = shop.rows("select key_id from pii.day_key where expires_on = %s", expires_on)
    with as_role("worker"):
        assert delete_recipients_without_day_key(at=NOON) == 0
    assert _sealed(shop)
    settings.KEY_STORE.destroy(key)
    with pytest.raises(KeyDestroyedError):
        shop.keep("111-2")
    with as_role("worker"):
        replay.replay_erasures(at=NOON)
        assert delete_recipients_without_day_key(at=NOON) == 0, "the replay did not delete it"
    assert shop.keep("111-1") == expires_on
    assert _open_raw(shop, _sealed(shop)) == RECIPIENT


def test_no_key_of_a_connection_outlives_the_limit_of_secrets(shop: Shop) -> None:
    shop.keep("111-1")
    key = _key(shop)
    _swept(datetime.fromtimestamp((key.int >> 80) / 1000, UTC) + timedelta(days=60))
    assert settings.KEY_STORE.exists(key)
    _swept(datetime.fromtimestamp((key.int >> 80) / 1000, UTC) + timedelta(days=62))
    assert not settings.KEY_STORE.exists(key)
    on = shop.rows(
        "select count(*) from vault_consent where tenant_id = %s and withdrawn_at is null",
        shop.tenant,
    )
    assert on == [(1,)]


def test_only_orders_that_the_seller_ships_are_listed_and_requested(shop: Shop) -> None:
    for order, fulfilment, status in (
        ("1", "merchant", "unshipped"),
        ("2", "amazon", "unshipped"),
        ("3", "merchant", "cancelled"),
        ("4", "merchant", "pending"),
    ):
        sell(shop, order, fulfilment=fulfilment, status=status)
    with tenant_scope(shop.tenant):
        assert [one.id for one in orders_to_ship([shop.connection], at=NOON)] == ["1"]
    assert request_slips(
        ids=["1", "2", "3", "4", "5"], tenant=shop.tenant, actor=shop.cast.alice.actor, at=NOON
    ) == {shop.connection: ("1",)}
    assert (
        request_slips(
            ids=["1"], tenant=shop.cast.charlies_shop, actor=shop.cast.charlie.actor, at=NOON
        )
        == {}
    )
    assert not open_slips(
        ids=["1"], tenant=shop.cast.charlies_shop, actor=shop.cast.charlie.actor, at=NOON
    )
