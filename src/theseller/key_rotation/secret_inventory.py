"""Every secret of this deployment, with its age.

A secret of the provider that is not listed in `_TEXT_SECRETS` is unclassified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from theseller.accounts.mfa.rekey import second_factor_keys
from theseller.audit import signing_keys as audit_log
from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.crypto.errors import SecretProviderError
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.root_keys import ROOT_KEY_NAME
from theseller.crypto.timestamped_secrets import creation_time, root_key_ids
from theseller.key_rotation import secret_ages
from theseller.key_rotation.database_role_sign_in import ROLES
from theseller.key_rotation.purpose_key_rotation import purpose_keys
from theseller.key_rotation.queries import last_rotations, steps_under_way
from theseller.key_rotation.root_and_data_key_rotation import PROBE_DATABASE, rotatable, tokens
from theseller.key_rotation.secret_replacement_steps import secret_provider, writable
from theseller.key_rotation.signing_key_rotation import signing_records
from theseller.key_rotation.types import PROBE_OWNER, SecretEntry, SecretKind, SecretState
from theseller.lib.policy_time_limits import SECRET_DAYS_MAX
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.retention.readable_backups import BACKUP_OWNER

#: Secrets are replaced this long before they are too old, so that a week's trouble makes none late.
LEAD = timedelta(days=7)
OPERATIONS = "Operations"
#: How a secret is replaced; `%(name)s` is its name.
_AUTOMATIC = gettext_noop("automatic: theseller rotate %(name)s")
_READ_ONLY = gettext_noop(
    "by hand: the secret provider is read-only (docs/operate/rotation.md): replace it there and"
    " restart: %(name)s"
)
_AMAZON = gettext_noop(
    "by hand: Developer Central > application > LWA credentials > Rotate; save the new secret in a"
    " file of mode 0600; theseller rotate lwa-client-secret --new-from-file FILE; delete the file"
)
_MAIL = gettext_noop(
    "by hand: change it at the mail service; theseller secrets put --replace %(name)s; theseller"
    " rotate --created-on DATE %(name)s"
)
_OIDC = gettext_noop(
    "by hand: make a new one at the identity provider; theseller secrets put --replace %(name)s;"
    " theseller rotate --created-on DATE %(name)s"
)
_SERVICE = gettext_noop(
    "by hand: have the key service replace it (docs/operate/rotation.md), then theseller rotate"
    " --created-on DATE %(name)s"
)
_DEMO = gettext_noop("not needed: it opens this machine's demo only")
#: What another service issues is replaced there.
_BY_HAND = {
    SecretKind.CLIENT_SECRET: _AMAZON,
    SecretKind.MAIL_PASSWORD: _MAIL,
    SecretKind.OIDC_SECRET: _OIDC,
}
_TEXT_SECRETS = {
    "django-session-key": SecretKind.SESSION_KEY,
    "tenant-ticket-key": SecretKind.TICKET_KEY,
    "lwa-client-secret": SecretKind.CLIENT_SECRET,
    "oidc-client-secret": SecretKind.OIDC_SECRET,
    "smtp-password": SecretKind.MAIL_PASSWORD,
    **dict.fromkeys(ROLES, SecretKind.DATABASE_PASSWORD),
}
#: Passwords of roles that sign in to the embedded server only.
_EMBEDDED_ONLY = {"db-superuser", "db-backup"}
#: Opens only the demo on this machine, and is printed on its screen.
_DEMO_ONLY = {"demo-cast-password", "demo-authenticator-secret"}


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    kind: SecretKind
    made_at: datetime | None
    how: str
    owner: str = OPERATIONS

    @property
    def automatic(self) -> bool:
        return self.how == _AUTOMATIC


def inventory(
    *, at: datetime, using: str = PROBE_DATABASE, connection_keys: Mapping[UUID, UUID] | None = None
) -> tuple[SecretEntry, ...]:
    """Return every secret, by kind and name.

    Reads over all tenants as the probe does.

    Args:
        at: the instant that states are computed for.
        using: the database connection.
        connection_keys: the data key of each connection, for callers that can't read all tenants;
            by default from the tokens' rows.

    Raises:
        SecretProviderError: the provider does not answer; nothing is returned then.
        KeyStoreError: the key store does not answer; nothing is returned then.
    """
    last, under_way = last_rotations(using=using), steps_under_way(using=using)
    if connection_keys is None:
        connection_keys = {
            connection: key for connection, (_tenant, key) in tokens(using=using).items()
        }
    found = [
        *_keys(using, connection_keys),
        *_text_secrets(using),
        *_credentials(using),
        *_unclassified(using, connection_keys),
    ]
    return tuple(_entry(one, at, last.get(one.name), under_way.get(one.name)) for one in found)


def find_entry(name: str, *, at: datetime) -> SecretEntry | None:
    """Return one secret of the inventory."""
    return next((one for one in inventory(at=at) if one.name == name), None)


def secret_names() -> tuple[str, ...]:
    """Return the names of the secrets that a deployment may have.

    They are the same for every provider.
    """
    return (ROOT_KEY_NAME, *_TEXT_SECRETS)


def maximum_age() -> timedelta:
    """Return how old a secret may get: what is configured, up to the limit."""
    return timedelta(days=min(settings.ROTATION_DAYS, SECRET_DAYS_MAX))


def readable(name: str) -> Secret:
    """Return the secret whose age can be noted.

    A placeholder for what a key service holds.
    """
    return (
        secret_or_none(secret_provider(), name) or secret_ages.UNREADABLE
        if ":" not in name
        else secret_ages.UNREADABLE
    )


def state_of(made: datetime | None, at: datetime) -> SecretState:
    """Return the state of a secret made at `made`.

    A time in the future is no known age: a clock is wrong.
    """
    if made is None or made > at + timedelta(days=1):
        return SecretState.UNKNOWN
    if at > made + maximum_age():
        return SecretState.OVERDUE
    return (
        SecretState.DUE
        if at >= made + maximum_age() - min(LEAD, maximum_age() / 4)
        else SecretState.FRESH
    )


def _entry(
    found: _Found, at: datetime, rotated_at: datetime | None, step: str | None
) -> SecretEntry:
    demo = found.name in _DEMO_ONLY and settings.ENVIRONMENT.kind.value == "demo"
    return SecretEntry(
        name=found.name,
        kind=found.kind,
        owner=found.owner,
        made_at=found.made_at,
        due_at=found.made_at + maximum_age() if found.made_at and not demo else None,
        state=SecretState.EXEMPT if demo else state_of(found.made_at, at),
        automatic=found.automatic,
        how=marked(_DEMO) if demo else marked(found.how, name=found.name),
        rotated_at=rotated_at,
        under_way="" if step is None else step or "begun",
    )


def _keys(using: str, connection_keys: Mapping[UUID, UUID]) -> Iterator[_Found]:
    store = rotatable()
    if store is not None:
        ids = root_key_ids(secret_provider().get(ROOT_KEY_NAME), settings.ENVIRONMENT.kind.value)
        yield _Found(
            ROOT_KEY_NAME,
            SecretKind.ROOT_KEY,
            creation_time(ids[0]) if ids else None,
            _how_replaced(),
        )
    else:
        name = "service-root-key"
        yield _Found(
            name,
            SecretKind.ROOT_KEY,
            secret_ages.age_of(name, secret_ages.UNREADABLE, using=using),
            _SERVICE,
        )
    above = purpose_keys()
    # While one is being replaced, the oldest that still wraps something is the age that counts.
    for purpose, made in sorted(above.ages().items()) if above is not None else ():
        yield _Found(f"purpose-key:{purpose.value}", SecretKind.PURPOSE_KEY, made, _AUTOMATIC)
    signing = signing_records()
    if signing:
        yield _Found(
            "certificate-key", SecretKind.CERTIFICATE_KEY, creation_time(signing[-1].id), _AUTOMATIC
        )
    audit = audit_log.signing_records()
    if audit:
        yield _Found("audit-key", SecretKind.AUDIT_KEY, creation_time(audit[-1].id), _AUTOMATIC)
    second_factors = second_factor_keys()
    if second_factors:
        # The oldest: while it is being replaced, it may still seal something.
        yield _Found(
            "second-factor-key",
            SecretKind.SECOND_FACTOR_KEY,
            creation_time(second_factors[0].id),
            _AUTOMATIC,
        )
    for connection, key in connection_keys.items():
        yield _Found(
            f"connection-key:{connection}",
            SecretKind.CONNECTION_KEY,
            creation_time(key),
            _AUTOMATIC,
        )


def _text_secrets(using: str) -> Iterator[_Found]:
    for name, kind in _TEXT_SECRETS.items():
        if name in _EMBEDDED_ONLY and settings.ENVIRONMENT.database_url:
            # On an external server the superuser is not ours, and no backup role signs in.
            continue
        there, made = secret_ages.age_in(secret_provider(), name, using=using)
        if there:
            yield _Found(name, kind, made, _BY_HAND.get(kind) or _how_replaced())


def _credentials(using: str) -> Iterator[_Found]:
    choice = settings.ENVIRONMENT.secret_config
    for used, name in (
        ("vault" in {choice.provider, choice.key_store}, "vault-credentials"),
        ("aws" in {choice.provider, choice.key_store}, "aws-credentials"),
    ):
        if used:
            yield _Found(
                name,
                SecretKind.SERVICE_CREDENTIAL,
                secret_ages.age_of(name, secret_ages.UNREADABLE, using=using),
                _SERVICE,
            )


def _unclassified(using: str, connection_keys: Mapping[UUID, UUID]) -> Iterator[_Found]:
    provider = secret_provider()
    names = (
        {path.name for path in provider.directory.iterdir()}
        if isinstance(provider, FileSecretProvider)
        else set()
    )
    for name in sorted(_stem(name) for name in names if not name.startswith(".")):
        if name not in _TEXT_SECRETS and name != ROOT_KEY_NAME:
            yield _Found(
                name,
                SecretKind.OTHER,
                _age_or_none(name, using),
                gettext_noop("by hand, then --created-on DATE %(name)s"),
            )
    ours = (*signing_records(), *second_factor_keys(), *audit_log.signing_records())
    named = {*connection_keys.values(), *(one.id for one in ours)}
    for one in settings.KEY_STORE.list():
        if one.destroyed or one.id in named or one.owner.startswith("connection:"):
            continue
        kind, name, how = _unreplaced_key(one.owner)
        yield _Found(f"{name}:{one.id}", kind, creation_time(UUID(str(one.id))), how)


def _unreplaced_key(owner: str) -> tuple[SecretKind, str, str]:
    """Return (kind, name, end) of a key that is never replaced.

    What it encrypts ends before the key is old.
    """
    if owner.startswith(BACKUP_OWNER):
        return (
            SecretKind.BACKUP_KEY,
            "backup-key",
            gettext_noop("destroyed by the worker when its backup ends, within 28 days: %(name)s"),
        )
    if owner == PROBE_OWNER:
        return (
            SecretKind.PROBE_KEY,
            "probe-key",
            gettext_noop("renewed by the controls each month: %(name)s"),
        )
    if owner.startswith("mail-day:"):
        return (
            SecretKind.MAIL_KEY,
            "mail-key",
            gettext_noop("destroyed by the worker three days after its day: %(name)s"),
        )
    if owner.startswith(("pii-day:", "connection-pii:")):
        return (
            SecretKind.OTHER,
            "recipient-key",
            gettext_noop(
                "destroyed by the worker on its day, within 61 days, or when packing slips are"
                " turned off: %(name)s"
            ),
        )
    return SecretKind.OTHER, "data-key", gettext_noop("by the package that created it: %(name)s")


def _age_or_none(name: str, using: str) -> datetime | None:
    try:
        return secret_ages.age_in(secret_provider(), name, using=using)[1]
    except (SecretProviderError, ValueError):
        return None  # Not a secret of ours by its name or form; it is listed all the same.


def _stem(name: str) -> str:
    return name.removesuffix(NEXT_SUFFIX).removesuffix(PREVIOUS_SUFFIX)


def _how_replaced() -> str:
    return _AUTOMATIC if writable() else _READ_ONLY
