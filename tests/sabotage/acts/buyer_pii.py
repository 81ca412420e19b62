"""Acts against the vault of §5.

Expiry dates that pass unnoticed, keys that outlive them, features that are off and can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.test import override_settings
from tests.conftest import as_role
from tests.sabotage.saboteurs import Tools, breaks

from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.operations import disable_packing_slips, enable_packing_slips
from theseller.buyer_pii.store_recipient import store_recipient
from theseller.buyer_pii.types import Recipient
from theseller.connections.data_keys import destroy_keys
from theseller.crypto.key_types import Purpose
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

ORDER = "111-0000000-0000001"
_RECIPIENT = Recipient(("No one in particular",), "US", "", (), None)


@contextmanager
def _kept(tools: Tools) -> Iterator[tuple[UUID, UUID]]:
    """Turn the feature on for Alice's open connection and keep one recipient; turn it off afterwards."""
    tenant, connection = tools.deployment.cast.alices_shop, tools.deployment.open
    environment = replace(
        settings.ENVIRONMENT, restricted_roles=(RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,)
    )
    with override_settings(ENVIRONMENT=environment):
        enable_packing_slips(
            connection=connection, tenant=tenant, actor="process:test", at=clock.now()
        )
        with as_role("worker"):
            store_recipient(
                _RECIPIENT,
                order=ORDER,
                connection=connection,
                shipped_at=None,
                tenant=tenant,
                actor="process:test",
                at=clock.now(),
            )
        try:
            yield tenant, connection
        finally:
            disable_packing_slips(
                connection=connection, tenant=tenant, actor="process:test", at=clock.now()
            )
            tools.superuser.execute("delete from pii.recipient where tenant_id = %s", [tenant])


@breaks("pii-30-days", "keeps a buyer's record past its day")
def _past(tools: Tools) -> Iterator[None]:
    with _kept(tools) as (tenant, _):
        tools.superuser.execute(
            "update pii.recipient set fetched_at = fetched_at - interval '40 days', expires_on ="
            " expires_on - 40 where tenant_id = %s",
            [tenant],
        )
        yield


@breaks("pii-30-days", "moves the day of a buyer's record a week later")
def _later(tools: Tools) -> Iterator[None]:
    with _kept(tools) as (tenant, _):
        tools.superuser.execute(
            "alter table pii.recipient drop constraint recipient_expires_in_time"
        )
        tools.superuser.execute(
            "update pii.recipient set expires_on = expires_on + 7 where tenant_id = %s", [tenant]
        )
        yield
        tools.superuser.execute("delete from pii.recipient where tenant_id = %s", [tenant])
        tools.superuser.execute(
            "alter table pii.recipient add constraint recipient_expires_in_time check"
            " (expires_on <="
            " (least(shipped_at, fetched_at) at time zone 'UTC' + interval '30 days')::date)"
        )


@breaks("pii-30-days", "keeps the key of a day after that day")
def _alive(_tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.PII, "pii-day:2026-01-31")
    yield
    settings.KEY_STORE.destroy(key.id)


@breaks("pii-30-days", "puts the file of a past day's key back from a copy")
def _put_back(_tools: Tools) -> Iterator[None]:
    keys = Path(settings.ENVIRONMENT.state) / "keys"
    key = settings.KEY_STORE.create(Purpose.PII, "pii-day:2026-02-28")
    file, tombstone = keys / "data" / f"{key.id}.json", keys / "destroyed" / f"{key.id}.json"
    copy = file.read_bytes()
    settings.KEY_STORE.destroy(key.id)
    buried = tombstone.read_bytes()
    tombstone.unlink()
    file.write_bytes(copy)
    file.chmod(0o600)
    yield
    file.unlink()
    tombstone.write_bytes(buried)
    tombstone.chmod(0o600)


@breaks("pii-30-days", "turns the feature off without destroying its key")
def _off_and_readable(tools: Tools) -> Iterator[None]:
    with _kept(tools) as (tenant, connection):
        tools.superuser.execute(
            "update vault_consent set withdrawn_at = now(), withdrawn_by = 'process:test' where"
            " tenant_id = %s",
            [tenant],
        )
        yield
        with tenant_scope(tenant):
            destroy_keys(connection, Purpose.PII)


@breaks(
    "pii-default-none",
    "turns a feature on that needs buyers' data where the application holds no role for it",
)
def _without_the_role(tools: Tools) -> Iterator[None]:
    with (
        _kept(tools),
        override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, restricted_roles=())),
    ):
        yield
