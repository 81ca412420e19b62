"""Export the state folder after each backup, and at least once a day.

A backup's key is in no export from before it: a host that is lost before the next export takes the
backup along.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.backups.error_translation import as_backup_error
from theseller.backups.queries import newest_finished
from theseller.backups.state_export import Origin, export_state, last_export
from theseller.backups.state_export_format import StateExportError
from theseller.backups.types import BackupError
from theseller.crypto.secret_and_key_config import ProviderKind, SecretConfig, StoreKind
from theseller.retention.retention_limits import BACKUP_HOURS

ACTOR = "process:backups"


def export_state_if_due(*, with_backups: bool, at: datetime) -> Path | None:
    """Export the state folder to the folder of the settings, if that is due.

    Args:
        with_backups: whether this deployment takes backups itself.
        at: the time of the call.

    Returns:
        The new file; None if nothing was due, or if no folder is set.

    Raises:
        BackupError: it could not be written; the message says why. The next call tries again.
    """
    exports, environment = settings.STATE_EXPORTS, settings.ENVIRONMENT
    folder, recipient = exports.folder, exports.recipient
    if folder is None or recipient is None or not environment.secret_config.in_files:
        return None
    with as_backup_error():
        if not _is_due(environment.state, with_backups=with_backups, at=at):
            return None
        if not folder.is_dir():
            raise BackupError(f"the state can't be exported: {folder} is no folder")
        try:
            made = export_state(
                _origin(environment.state, environment.secret_config),
                folder,
                recipient,
                at=at,
                before_publishing=lambda: _record(recipient, at=at),
            )
        except StateExportError as error:
            raise BackupError(f"the state could not be exported: {error}") from None
        return made.path


def _record(recipient: str, *, at: datetime) -> None:
    """Record the export, before it has a name.

    Earlier, one that fails would leave a line each minute.
    """
    with transaction.atomic():
        record(
            Tag.STATE_EXPORTED,
            actor=ACTOR,
            tenant=None,
            subject="state",
            at=at,
            details={"recipient": recipient},
        )


def _is_due(state: Path, *, with_backups: bool, at: datetime) -> bool:
    last = last_export(state)
    if last is None or at - last >= timedelta(hours=BACKUP_HOURS):
        return True
    newest = newest_finished(settings.KEY_STORE) if with_backups else None
    # Not its beginning: an export between that and the making of the backup's key lacks the key.
    ended = newest.finished_at if newest is not None else None
    return ended is not None and ended > last


def _origin(state: Path, choice: SecretConfig) -> Origin:
    names: tuple[str, ...] = ()
    if choice.provider is ProviderKind.FILES:
        folder = state / "secrets"
        names = tuple(sorted(path.name for path in folder.iterdir() if path.name[0] != "."))
    records = () if choice.key_store is StoreKind.FILES else settings.KEY_STORE.list()
    return Origin(
        state, choice.environment, choice.provider.value, choice.key_store.value, names, records
    )
