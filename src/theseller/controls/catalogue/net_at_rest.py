"""Security page §4: storage is encrypted at rest.

Sensitive fields additionally by the application.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.database_page_search import (
    TOKEN_MARKS,
    PageSearch,
    search_database_pages,
)
from theseller.controls.probe_tools.disk_encryption import Encryption, Volume
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.probe_tools.sealed_columns import (
    ColumnInspection,
    can_find_plain_text,
    inspect_sealed_columns,
)
from theseller.controls.probe_tools.table_and_file_search import can_find_in_files
from theseller.controls.types import (
    Control,
    EnforcementKind,
    Failed,
    HostScope,
    Outcome,
    Unknown,
    must_find,
    verdict,
)
from theseller.crypto.secret_and_key_config import ProviderKind, StoreKind
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="net-at-rest",
    section=4,
    title=gettext_noop(
        "Disks are encrypted, and sensitive fields once more, under keys that lie elsewhere"
    ),
    statement=gettext_noop(
        "What could open a seller's account is sealed by the service before the database sees it,"
        " under keys that lie outside the database's folder. The volumes below the database, the"
        " keys and the backups are encrypted besides. Where the machine can't see that, this says"
        " so and is not green, whatever the operator declares."
    ),
    citation="Security page §4; Data Protection Policy 2.4",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=60),
    enforced_by=(
        "theseller.crypto.seal_value:seal",
        "theseller.datamap.types:TableDescriptor",
        "theseller.controls.probe_tools.disk_encryption:Machine",
    ),
    after=(Tag.CONNECTION_AUTHORISED,),
    kind=EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
    hosts=HostScope.ALL,
)

_TO_DO = (
    "Put the folders on a volume whose encryption this machine can see: LUKS, ZFS, fscrypt or"
    " FileVault."
)


def probe(context: ProbeContext) -> Outcome:
    """Check sealed columns, pages on disk, places of keys, and volumes."""
    must_find(can_find_in_files(TOKEN_MARKS, b"Atzr|planted"), "a token in a file of the database")
    must_find(can_find_plain_text(context), "a value that is not sealed")
    columns, pages = inspect_sealed_columns(context), search_database_pages(context)
    volumes = dict(_volumes(context))
    failures = [*columns.failures, *_wrong_pages(pages), *_keys_inside(context), *_plain(volumes)]
    hidden = {
        what: volume
        for what, volume in volumes.items()
        if volume.encryption is Encryption.NOT_VISIBLE
    }
    fields = _fields(columns, pages)
    if hidden and not failures:
        return Unknown(_unseen(hidden, fields))
    if not columns.values and not failures:
        return Unknown(f"No sealed value is stored yet, so nothing is proven of them. {fields}")
    outcome = verdict(
        columns.values + len(volumes),
        failures,
        f"Encrypted: {_names(volumes, 'by')}. {fields}",
        sealed_values=columns.values,
        pages_bytes=pages.size,
        volumes=[f"{what}: {volume.description}" for what, volume in sorted(volumes.items())],
    )
    if columns.unreadable and not isinstance(outcome, Failed):
        return Unknown(
            "No connection of the prober's may read the sealed columns of"
            f" {', '.join(columns.unreadable)}. {fields}"
        )
    return outcome


def _unseen(hidden: dict[str, Volume], fields: str) -> str:
    declared = settings.ENVIRONMENT.volumes_encrypted_by
    # A declaration is shown as one. It changes no status, because it proves nothing.
    said = f'Declared by the operator, not proven by us: "{declared}".' if declared else _TO_DO
    return f"Not known to be encrypted: {_names(hidden, 'on')}. {said} {fields}"


def _fields(columns: ColumnInspection, pages: PageSearch) -> str:
    where = (
        f"no token in {pages.size / 1e6:.0f} MB of the tables' files"
        if pages.readable
        else "the tables' files can't be read from here"
    )
    return (
        f"{columns.values} sealed value(s) in {columns.columns} column(s) are messages of the seal;"
        f" {where}."
    )


def _wrong_pages(pages: PageSearch) -> Iterator[str]:
    if pages.hits:
        yield (
            f"A token of Amazon's is in plain text in {pages.hits} file(s) of the database's"
            " tables."
        )


def _keys_inside(context: ProbeContext) -> Iterator[str]:
    database = context.database_directory
    for what, folder in (("keys", context.keys_directory), ("secrets", context.secrets_directory)):
        if database is not None and folder.resolve().is_relative_to(database.resolve()):
            yield (
                f"The folder of {what} lies inside the database's own folder: one copy would have"
                " both."
            )


def _folders(context: ProbeContext) -> Iterator[tuple[str, Path]]:
    choice = settings.ENVIRONMENT.secret_config
    if context.database_directory is not None:
        yield "the database", context.database_directory
    if choice.key_store is StoreKind.FILES:
        yield "the keys", context.keys_directory
    if choice.provider is ProviderKind.FILES:
        yield "the secrets", context.secrets_directory
    yield "logs and state", context.state
    if context.backups_directory.exists():
        yield "the backups", context.backups_directory


def _volumes(context: ProbeContext) -> Iterator[tuple[str, Volume]]:
    for what, folder in _folders(context):
        yield what, context.machine.volume_of(folder)
    if context.database_directory is None:
        yield "the database", Volume(Encryption.NOT_VISIBLE, "a server whose disk we can't see")
    swap = context.machine.swap()
    if swap is not None:
        yield "swapped memory", swap


def _plain(volumes: dict[str, Volume]) -> Iterator[str]:
    for what, volume in sorted(volumes.items()):
        if volume.encryption is Encryption.PLAIN:
            yield f"Not encrypted: {what}, on {volume.description}."


def _names(volumes: dict[str, Volume], joint: str) -> str:
    kinds: dict[str, list[str]] = {}
    for what, volume in sorted(volumes.items()):
        kinds.setdefault(volume.description, []).append(what)
    return "; ".join(f"{', '.join(names)} {joint} {how}" for how, names in kinds.items())
