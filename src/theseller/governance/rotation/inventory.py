"""Every secret that this deployment has, with its age. What is not listed in `_TEXTS` and lies in the provider is listed as unclassified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from theseller.accounts.mfa.rekey import second_factor_keys
from theseller.audit import keys as audit_log
from theseller.crypto.cached_value import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.crypto.errors import SecretProviderError
from theseller.crypto.keys import ROOT_KEY_NAME
from theseller.crypto.providers import FileSecretProvider
from theseller.crypto.timestamped_secrets import creation_time, root_key_ids
from theseller.governance.rotation import ages
from theseller.governance.rotation.database import ROLES
from theseller.governance.rotation.keys import LOOKER, rotatable, signing_records, tokens
from theseller.governance.rotation.purposes import purpose_keys
from theseller.governance.rotation.queries import last_rotations, steps_under_way
from theseller.governance.rotation.secrets import keeper, writable
from theseller.governance.rotation.types import PROBE_OWNER, Entry, Kind, State
from theseller.lib.limits import SECRET_DAYS_MAX
from theseller.lib.secret import Secret
from theseller.retention.backup_keys import BACKUP_OWNER

#: Secrets are replaced this long before they are too old, so that a week's trouble makes none late.
LEAD = timedelta(days=7)
OPERATIONS = "Operations"
_MACHINE = "automatic: theseller rotate "
_READ_ONLY = "by hand: the secret provider only gives (docs/operate/rotation.md): replace it where it is kept and restart: "
_AMAZONS = (
    "by hand: Developer Central > application > LWA credentials > Rotate; save the new secret in a file of mode 0600;"
    " theseller rotate lwa-client-secret --new-from-file FILE; delete the file"
)
_SERVICE = "by hand: have the key service replace it (docs/operate/rotation.md), then theseller rotate --note-age "
_TEXTS = {
    "django-session-key": Kind.SESSION_KEY,
    "tenant-ticket-key": Kind.TICKET_KEY,
    "lwa-client-secret": Kind.CLIENT_SECRET,
    **dict.fromkeys(ROLES, Kind.DATABASE_PASSWORD),
}
#: Passwords of roles that sign in to the embedded server only.
_EMBEDDED_ONLY = {"db-superuser", "db-backup"}
#: Opens only the demo on this machine, and is printed on its screen.
_DEMO_ONLY = {"demo-cast-password", "demo-authenticator-secret"}


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    kind: Kind
    made_at: datetime | None
    how: str
    owner: str = OPERATIONS

    @property
    def by_machine(self) -> bool:
        return self.how == _MACHINE


def inventory(*, at: datetime, using: str = LOOKER, held: Mapping[UUID, UUID] | None = None) -> tuple[Entry, ...]:
    """Return every secret, by kind and name. Reads over all tenants as the probe does.

    `held`: the data key of each connection, from whoever can't read over all tenants; by default what the tokens' rows name.

    Raises:
        SecretProviderError, KeyStoreError: provider or store cannot answer; then nothing is known, and nothing is said.
    """
    last, under_way = last_rotations(using=using), steps_under_way(using=using)
    if held is None:
        held = {connection: key for connection, (_tenant, key) in tokens(using=using).items()}
    found = [*_keys(using, held), *_texts(using), *_credentials(using), *_unclassified(using, held)]
    return tuple(_entry(one, at, last.get(one.name), under_way.get(one.name)) for one in found)


def one_entry(name: str, *, at: datetime) -> Entry | None:
    """Return one secret of the inventory."""
    return next((one for one in inventory(at=at) if one.name == name), None)


def secret_names() -> tuple[str, ...]:
    """Return the names of the secrets that a deployment may have, whichever provider keeps them."""
    return (ROOT_KEY_NAME, *_TEXTS)


def longest_life() -> timedelta:
    """Return how old a secret may get: what was configured, and never more than the cap."""
    return timedelta(days=min(settings.ROTATION_DAYS, SECRET_DAYS_MAX))


def readable(name: str) -> Secret:
    """Return the secret whose age can be noted; a stand-in for what a key service holds."""
    return secret_or_none(keeper(), name) or ages.UNREADABLE if ":" not in name else ages.UNREADABLE


def state_of(made: datetime | None, at: datetime) -> State:
    """Return how a secret made then stands now. One from the future has no known age: a clock is wrong."""
    if made is None or made > at + timedelta(days=1):
        return State.UNKNOWN
    if at > made + longest_life():
        return State.OVERDUE
    return State.DUE if at >= made + longest_life() - min(LEAD, longest_life() / 4) else State.FRESH


def _entry(found: _Found, at: datetime, rotated_at: datetime | None, step: str | None) -> Entry:
    demo = found.name in _DEMO_ONLY and settings.ENVIRONMENT.kind.value == "demo"
    how = found.how if found.kind is Kind.CLIENT_SECRET or demo else found.how + found.name
    return Entry(
        name=found.name,
        kind=found.kind,
        owner=found.owner,
        made_at=found.made_at,
        due_at=found.made_at + longest_life() if found.made_at and not demo else None,
        state=State.EXEMPT if demo else state_of(found.made_at, at),
        by_machine=found.by_machine,
        how="not needed: it opens this machine's demo only" if demo else how,
        rotated_at=rotated_at,
        under_way="" if step is None else step or "begun",
    )


def _keys(using: str, held: Mapping[UUID, UUID]) -> Iterator[_Found]:
    store = rotatable()
    if store is not None:
        ids = root_key_ids(keeper().get(ROOT_KEY_NAME), settings.ENVIRONMENT.kind.value)
        yield _Found(ROOT_KEY_NAME, Kind.ROOT_KEY, creation_time(ids[0]) if ids else None, _how_text())
    else:
        name = "service-root-key"
        yield _Found(name, Kind.ROOT_KEY, ages.age_of(name, ages.UNREADABLE, using=using), _SERVICE)
    above = purpose_keys()
    # While one is being replaced, the oldest that still wraps something is the age that counts.
    for purpose, made in sorted(above.ages().items()) if above is not None else ():
        yield _Found(f"purpose-key:{purpose.value}", Kind.PURPOSE_KEY, made, _MACHINE)
    signing = signing_records()
    if signing:
        yield _Found("certificate-key", Kind.CERTIFICATE_KEY, creation_time(signing[-1].id), _MACHINE)
    audit = audit_log.signing_records()
    if audit:
        yield _Found("audit-key", Kind.AUDIT_KEY, creation_time(audit[-1].id), _MACHINE)
    second_factors = second_factor_keys()
    if second_factors:
        # The oldest: while it is being replaced, it may still seal something.
        yield _Found("second-factor-key", Kind.SECOND_FACTOR_KEY, creation_time(second_factors[0].id), _MACHINE)
    for connection, key in held.items():
        yield _Found(f"connection-key:{connection}", Kind.CONNECTION_KEY, creation_time(key), _MACHINE)


def _texts(using: str) -> Iterator[_Found]:
    for name, kind in _TEXTS.items():
        if name in _EMBEDDED_ONLY and settings.ENVIRONMENT.database_url:
            continue  # On an external server the superuser is not ours, and no backup role signs in.
        there, made = ages.age_in(keeper(), name, using=using)
        if there:
            yield _Found(name, kind, made, _AMAZONS if kind is Kind.CLIENT_SECRET else _how_text())


def _credentials(using: str) -> Iterator[_Found]:
    choice = settings.ENVIRONMENT.secret_config
    for used, name in (
        ("vault" in {choice.provider, choice.key_store}, "vault-credentials"),
        ("aws" in {choice.provider, choice.key_store}, "aws-credentials"),
    ):
        if used:
            yield _Found(name, Kind.SERVICE_CREDENTIAL, ages.age_of(name, ages.UNREADABLE, using=using), _SERVICE)


def _unclassified(using: str, held: Mapping[UUID, UUID]) -> Iterator[_Found]:
    provider = keeper()
    names = {path.name for path in provider.directory.iterdir()} if isinstance(provider, FileSecretProvider) else set()
    for name in sorted(_stem(name) for name in names if not name.startswith(".")):
        if name not in _TEXTS and name != ROOT_KEY_NAME:
            yield _Found(name, Kind.OTHER, _age_or_none(name, using), "by hand, then --note-age ")
    ours = (*signing_records(), *second_factor_keys(), *audit_log.signing_records())
    named = {*held.values(), *(one.id for one in ours)}
    for one in settings.KEY_STORE.list():
        if one.destroyed or one.id in named or one.owner.startswith("connection:"):
            continue
        kind, name, how = _of_a_kind(one.owner)
        yield _Found(f"{name}:{one.id}", kind, creation_time(UUID(str(one.id))), how)


def _of_a_kind(owner: str) -> tuple[Kind, str, str]:
    """Return kind, name and end of a key that is never replaced, because what it serves ends before it is old."""
    if owner.startswith(BACKUP_OWNER):
        return Kind.BACKUP_KEY, "backup-key", "destroyed by the worker when its backup ends, within 28 days: "
    if owner == PROBE_OWNER:
        return Kind.PROBE_KEY, "probe-key", "renewed by the controls each month: "
    if owner.startswith(("pii-day:", "connection-pii:")):
        return Kind.OTHER, "recipient-key", "destroyed by the worker on its day, within 61 days, or when packing slips are turned off: "
    return Kind.OTHER, "data-key", "by the room that made it: "


def _age_or_none(name: str, using: str) -> datetime | None:
    try:
        return ages.age_in(keeper(), name, using=using)[1]
    except (SecretProviderError, ValueError):
        return None  # Not a secret of ours by its name or form; it is listed all the same.


def _stem(name: str) -> str:
    return name.removesuffix(NEXT_SUFFIX).removesuffix(PREVIOUS_SUFFIX)


def _how_text() -> str:
    return _MACHINE if writable() else _READ_ONLY
