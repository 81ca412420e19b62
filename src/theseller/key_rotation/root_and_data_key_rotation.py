"""Rotate the root key and the data keys of connections and second factors.

Purpose keys have `purpose_key_rotation`, signing keys `signing_key_rotation`.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.accounts.mfa.rekey import make_key, reseal_old_secrets, second_factor_keys
from theseller.connections.rekey_connection import replace_data_key
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.crypto.timestamped_secrets import root_key_ids
from theseller.key_rotation.open_transactions import wait_for_open_transactions
from theseller.key_rotation.secret_replacement_steps import SETTLE, secret_provider, writable
from theseller.key_rotation.types import ManualRotationError, Run, Step
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret

_CONNECTION = "connection:"
#: Sees which key each token names, over all tenants, and nothing else of it.
PROBE_DATABASE = "probe"


def rotatable() -> RotatableKeyStore | None:
    """Return the key store if TheSeller replaces its root and purpose keys.

    None if a key service has them.
    """
    store = settings.KEY_STORE
    return RotatableKeyStore.of(store) if isinstance(store, FileKeyStore) else None


def root_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the root key."""
    del run
    if not writable():
        check = Step(
            "retire", _nothing_under_old_roots, "nothing is under the old root key: remove its line"
        )
        return (
            Step(
                "rewrap",
                _rewrap_purposes,
                "every purpose key is wrapped by the first root key",
            ),
            SETTLE,
            check,
        )
    return (
        Step("add", _add_root, "a new root key is the first, the old one the second"),
        Step("rewrap", _rewrap_purposes, "every purpose key is wrapped by the new root key"),
        SETTLE,
        Step("retire", _retire_roots, "nothing is under the old root key, and it is removed"),
    )


def connection_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of a connection's data key."""
    del run
    return (
        Step("reseal", _reseal, "the token is re-encrypted under a new key"),
        Step("settle", _wait_for_readers, "no transaction is left that may have read the old row"),
        Step("retire", _destroy_superseded, "the old key is destroyed"),
    )


def second_factor_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of the key of second factors."""
    del run
    return (
        Step("make", _make_second_factor, "a new key seals what is sealed from now on"),
        Step(
            "settle",
            _wait_for_sealers,
            "no transaction is left that may still seal under the old key",
        ),
        Step("reseal", _reseal_second_factors, "every app's secret is sealed under the new key"),
        Step("drain", _wait_for_sealers, "no transaction is left that may have read an old row"),
        Step("retire", _destroy_second_factor, "nothing is under the old key, and it is destroyed"),
    )


def tokens(*, using: str = PROBE_DATABASE) -> dict[UUID, tuple[UUID, UUID]]:
    """Return (tenant, data key) of each connection that has a token.

    The data key is the one that the token's row names.
    """
    return {
        row[0]: (row[1], row[2])
        for row in sql_execution.rows(
            databases[using],
            "select connection_id, tenant_id, data_key_id from connections_refresh_token order"
            " by 1",
        )
    }


def _store() -> RotatableKeyStore:
    store = rotatable()
    if store is None:
        raise ManualRotationError(
            "a key service holds this key: have the service replace it (docs/operate/rotation.md)"
        )
    return store


def _environment() -> str:
    return str(settings.ENVIRONMENT.kind.value)


def _add_root(run: Run) -> str:
    text, known = secret_provider().get(ROOT_KEY_NAME), run.details.get("former_root")
    ids = root_key_ids(text, _environment())
    if known is None:
        run.details["former_root"] = ids[0].hex
    if known is None or ids[0].hex == known:
        secret_provider().put(
            ROOT_KEY_NAME, Secret(f"{new_root_key(_environment()).reveal()}\n{text.reveal()}")
        )
    return ""


def _rewrap_purposes(run: Run) -> str:
    run.details["purpose_keys_rewrapped"] = (
        int(run.details.get("purpose_keys_rewrapped", 0)) + _store().rewrap_purpose_keys()
    )
    return ""


def _nothing_under_old_roots(run: Run) -> str:
    del run
    store = _store()
    store.rewrap_purpose_keys()  # One that was made while the new root was not known everywhere.
    old = root_key_ids(secret_provider().get(ROOT_KEY_NAME), _environment())[1:]
    return (
        "a purpose key is still under the old root key" if sum(map(store.under_root, old)) else ""
    )


def _retire_roots(run: Run) -> str:
    waits = _nothing_under_old_roots(run)
    if not waits:
        first = secret_provider().get(ROOT_KEY_NAME).reveal().split("\n", 1)[0].strip()
        secret_provider().put(ROOT_KEY_NAME, Secret(first))
    return waits


def _connection(run: Run) -> UUID:
    return UUID(run.secret.split(":", 1)[1])


def _reseal(run: Run) -> str:
    found = tokens().get(_connection(run))
    if found is not None:
        replace_data_key(connection=_connection(run), tenant=found[0], actor=run.actor, at=run.at)
    return ""


def _superseded(run: Run) -> list[UUID]:
    """Return the connection's keys that no token names.

    Destroyed keys are left out.
    """
    connection = _connection(run)
    named = tokens().get(connection)
    return [
        one.id
        for one in settings.KEY_STORE.list()
        if one.owner == f"{_CONNECTION}{connection}"
        and not one.destroyed
        and (named is None or one.id != named[1])
    ]


def _wait_for_readers(run: Run) -> str:
    # Listed before the wait: a key whose token's transaction is open now is named, or abandoned,
    # after it.
    superseded = [key.hex for key in _superseded(run)]
    waits = wait_for_open_transactions(run)
    if not waits:
        run.details["superseded"] = " ".join(superseded)
    return waits


def _destroy_superseded(run: Run) -> str:
    still = set(_superseded(run))
    for text in str(run.details.get("superseded", "")).split():
        if UUID(hex=text) in still:
            settings.KEY_STORE.destroy(UUID(hex=text))
    return ""


def _make_second_factor(run: Run) -> str:
    if "former_second_factor" not in run.details:
        run.details["former_second_factor"] = second_factor_keys()[-1].id.hex
    if second_factor_keys()[-1].id.hex == run.details["former_second_factor"]:
        make_key()
    return ""


def _wait_for_sealers(run: Run) -> str:
    return wait_for_open_transactions(run)


def _reseal_second_factors(run: Run) -> str:
    del run
    left = reseal_old_secrets()
    return f"{left} secret(s) of apps are still under the old key" if left else ""


def _destroy_second_factor(run: Run) -> str:
    waits = _reseal_second_factors(run)
    if not waits:
        for one in second_factor_keys()[:-1]:
            settings.KEY_STORE.destroy(one.id)
    return waits
