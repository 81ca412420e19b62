"""Check the last export of the state folder, and what changed since."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from theseller.backups.state_export import last_export
from theseller.cli.deployment_secrets import given_secrets, own_secrets, secret_config
from theseller.cli.doctor_findings import Finding
from theseller.cli.errors import CommandError
from theseller.config.environment import InvalidSettingError
from theseller.config.state_export_settings import EXPORT_KEY, read_export_days, read_export_key
from theseller.crypto.errors import CryptoError
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.secret_and_key_config import (
    ProviderKind,
    SecretConfig,
    StoreKind,
    make_key_store,
    make_secret_provider,
)
from theseller.datamap.non_table_objects import is_exported_owner
from theseller.lib import clock
from theseller.lib.ids import creation_time
from theseller.retention.retention_limits import BACKUP_HOURS

_NAME = "state export"
_ADVICE = "Run `theseller state export` by a timer: docs/operate/disaster-recovery.md."
#: A backup has a key of its own: what changed longer ago than two backups are apart is in no export
#: that is made as often as backups.
_CHANGED_MAX = timedelta(hours=BACKUP_HOURS + 2)


@dataclass(frozen=True, slots=True)
class Changes:
    """When keys and secrets changed since an export."""

    made: tuple[datetime, ...]
    destroyed: tuple[datetime, ...]
    secrets: tuple[datetime, ...]

    @property
    def oldest(self) -> datetime | None:
        """When the first of them changed; None if nothing did."""
        return min((*self.made, *self.destroyed, *self.secrets), default=None)


def examine_state_export(state: Path) -> Finding:
    """Check that a new host could open everything with the last export."""
    try:
        choice = secret_config(state)
        if not choice.in_files:
            return Finding(
                _NAME,
                f"not needed: secrets are in {choice.provider} and keys in {choice.key_store}",
                checked=False,
            )
        return _judged(choice, state, at=clock.now())
    except (CommandError, CryptoError, InvalidSettingError) as error:
        return Finding(_NAME, str(error), failed=True, advice=_ADVICE)


def changes_since(
    last: datetime, keys: Iterable[KeyRecord], written: Iterable[datetime]
) -> Changes:
    """Return what changed since an export.

    Args:
        last: when the export was made.
        keys: all keys of the key store.
        written: when each secret was written.
    """
    records = [one for one in keys if is_exported_owner(one.owner)]
    return Changes(
        tuple(
            made for one in records if not one.destroyed and (made := creation_time(one.id)) > last
        ),
        tuple(one.destroyed_at for one in records if one.destroyed_at and one.destroyed_at > last),
        tuple(at for at in written if at > last),
    )


def _judged(choice: SecretConfig, state: Path, *, at: datetime) -> Finding:
    days, last = read_export_days(os.environ), last_export(state)
    if last is None:
        without = "" if read_export_key(os.environ) else f", and {EXPORT_KEY} is not set"
        return Finding(
            _NAME, f"never: with this host the keys are lost{without}", failed=True, advice=_ADVICE
        )
    keys: tuple[KeyRecord, ...] = ()
    if choice.key_store is StoreKind.FILES:
        keys = make_key_store(choice, make_secret_provider(choice, os.environ), os.environ).list()
    found = changes_since(last, keys, _written(choice))
    old = at - last > timedelta(days=days)
    behind = found.oldest is not None and at - found.oldest > _CHANGED_MAX
    return Finding(
        _NAME,
        f"{_hours(at - last)} old; since then {len(found.made)} key(s) made,"
        f" {len(found.destroyed)} destroyed, {len(found.secrets)} secret(s) written",
        failed=old or behind,
        advice=f"What changed since is lost with this host. {_ADVICE}",
    )


def _written(choice: SecretConfig) -> Iterator[datetime]:
    """Yield when each secret that is in a file was written."""
    if choice.provider is not ProviderKind.FILES:
        return
    provider = make_secret_provider(choice, os.environ)
    for name in (*own_secrets(choice), *given_secrets(choice)):
        if (at := provider.written_at(name)) is not None:
            yield at


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:.0f} h"
