"""Rotation of purpose keys, in files or in transit of OpenBao or Vault.

AWS replaces its own keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from django.conf import settings

from theseller.crypto.errors import ServiceError, ServiceState
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.hashicorp_vault_key_rotation import TransitRotation
from theseller.crypto.key_types import Purpose
from theseller.crypto.secret_and_key_config import make_purpose_rotation
from theseller.crypto.timestamped_secrets import creation_time
from theseller.key_rotation.types import ManualRotationError, Run, Step


class PurposeKeys(Protocol):
    """The purpose keys of one key store."""

    def ages(self) -> Mapping[Purpose, datetime | None]:
        """Return when each purpose's oldest key in use was made.

        Only purposes that have a key; None if the time is unknown. In use is a key that may still
        wrap something.
        """

    def make(self, purpose: Purpose) -> None:
        """Make a key that wraps from now on."""

    def rewrap(self, purpose: Purpose) -> int:
        """Wrap by the newest key every data key that an older one wraps.

        Returns:
            How many were wrapped again.
        """

    def retire(self, purpose: Purpose) -> int:
        """Retire the older keys, so that they open nothing any more.

        Returns:
            How many things still need one; then nothing is retired.
        """


def purpose_keys() -> PurposeKeys | None:
    """Return the purpose keys if TheSeller replaces them.

    None if the key service replaces them by itself.
    """
    store = settings.KEY_STORE
    if isinstance(store, FileKeyStore):
        return _InFiles(RotatableKeyStore.of(store))
    transit = make_purpose_rotation(settings.ENVIRONMENT.secret_config, os.environ)
    return None if transit is None else _InTransit(transit)


def purpose_key_steps(run: Run) -> tuple[Step, ...]:
    """Return the steps of the rotation of a purpose key."""
    del run
    return (
        Step("make", _make, "a new purpose key wraps what is made from now on"),
        Step("rewrap", _rewrap, "every data key is wrapped by the new purpose key"),
        Step(
            "retire", _retire, "nothing is under the old purpose key, and it opens nothing any more"
        ),
    )


class _InFiles:
    def __init__(self, store: RotatableKeyStore) -> None:
        self._store = store

    def ages(self) -> Mapping[Purpose, datetime | None]:
        return {
            purpose: creation_time(ids[0]) for purpose, ids in self._store.purpose_keys().items()
        }

    def make(self, purpose: Purpose) -> None:
        self._store.new_purpose_key(purpose)

    def rewrap(self, purpose: Purpose) -> int:
        return self._store.rewrap_data_keys(purpose)

    def retire(self, purpose: Purpose) -> int:
        return self._store.retire_purpose_keys(purpose)


class _InTransit:
    def __init__(self, transit: TransitRotation) -> None:
        self._transit = transit

    def ages(self) -> Mapping[Purpose, datetime | None]:
        return {purpose: self._age(purpose) for purpose in Purpose if purpose is not Purpose.ROOT}

    def make(self, purpose: Purpose) -> None:
        self._transit.rotate(purpose)

    def rewrap(self, purpose: Purpose) -> int:
        return self._transit.rewrap(purpose)

    def retire(self, purpose: Purpose) -> int:
        left = len(self._transit.under_older(purpose))
        if not left:
            self._transit.retire(purpose)
        return left

    def _age(self, purpose: Purpose) -> datetime | None:
        try:
            return self._transit.oldest_made_at(purpose)
        except ServiceError as error:
            if error.state not in {ServiceState.DENIED, ServiceState.NOT_SET_UP}:
                raise
            # Without the policy's line for transit/keys, or without the key, the age is unknown;
            # that is red.
            return None


def _keys() -> PurposeKeys:
    found = purpose_keys()
    if found is None:
        raise ManualRotationError(
            "a key service holds this key: have the service replace it (docs/operate/rotation.md)"
        )
    return found


def _purpose(run: Run) -> Purpose:
    return Purpose(run.secret.split(":", 1)[1])


def _make(run: Run) -> str:
    _keys().make(_purpose(run))
    return ""


def _rewrap(run: Run) -> str:
    run.details["data_keys_rewrapped"] = int(
        run.details.get("data_keys_rewrapped", 0)
    ) + _keys().rewrap(_purpose(run))
    return ""


def _retire(run: Run) -> str:
    keys, purpose = _keys(), _purpose(run)
    keys.rewrap(purpose)  # One that was made while the new key was not known everywhere.
    return "a data key is still under the old purpose key" if keys.retire(purpose) else ""
