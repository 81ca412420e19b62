"""Security page §3: refresh tokens are sealed with AES-GCM.

The application seals them; the keys are stored apart from the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import (
    CannotOpenError,
    CryptoError,
    KeyDestroyedError,
    KeyNotFoundError,
)
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.seal_value import key_id_of, open_sealed, seal
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop
from theseller.tenancy.tenant_scope import tenant_scope

CONTROL = Control(
    id="cred-token-encryption",
    section=3,
    title=gettext_noop("Refresh tokens are sealed, each under its own key, each to its own row"),
    statement=gettext_noop(
        "A refresh token is stored only as an AES-256-GCM message under a key of that one"
        " connection, bound to its shop, table, row, purpose and kind of deployment. The keys lie"
        " outside the database and outside its backups, and one database role may read the"
        " messages."
    ),
    citation="Security page §3; Data Protection Policy 2.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.crypto.seal_value:seal",
        "theseller.crypto.file_key_store:FileKeyStore",
        "theseller.connections.refresh_token_store:store_token",
    ),
    after=(Tag.CONNECTION_AUTHORISED,),
)

#: Tokens looked at in one run, newest first; each costs a transaction in its shop's scope.
MOST = 500
_READER = "theseller_worker"
_TOKENS = (
    "select tenant_id, connection_id, data_key_id from connections_refresh_token t where not exists"
    " (select from connections_disconnection d where d.tenant_id = t.tenant_id and d.connection_id"
    " = t.connection_id) order by sealed_at desc"
)
_READERS = """
select r.rolname from pg_roles r
where r.rolcanlogin and not r.rolsuper and r.rolname <> 'theseller_migrate' and exists (
    select from pg_roles s
    where pg_has_role(r.oid, s.oid, 'member')
      and has_column_privilege(s.oid, 'connections_refresh_token', 'sealed', 'select'))
order by r.rolname
"""


def probe(context: ProbeContext) -> Outcome:
    """Check each token's key, format and encryption context.

    No message may open in a neighbor's context. It also checks where the keys are, and which roles
    may read the messages.
    """
    tokens = context.rows(_TOKENS)
    # A token that was renewed since we listed it names another key now: so a mismatch is read a
    # second time.
    wrong_keys = list(_wrong_keys(context, tokens)) and list(
        _wrong_keys(context, context.rows(_TOKENS))
    )
    failures = [
        *_wrong_places_for_keys(context),
        *_wrong_readers(context),
        *_self_test(),
        *wrong_keys,
    ]
    for row in tokens[:MOST]:
        failures += _wrong_message(context, *row)
    administrators = len(_declared_readers(context))
    if not failures:
        must_find(_READER in _readers(context), "the role that may read sealed tokens")
        must_find(
            all(_opens_its_own(context, key) for _, _, key in tokens[:1]),
            "a message sealed under the key of a token",
        )
    return verdict(
        len(tokens[:MOST]),
        failures,
        "Each token's message names its own live key, opened at none of its neighbors' places, and"
        " only the worker's role may read it.",
        tokens=len(tokens),
        messages_looked_at=len(tokens[:MOST]),
        moves_refused_by_the_seal=6,
        declared=(
            [
                (
                    f"{administrators} further role(s) administer this database"
                    " (THESELLER_DATABASE_ADMINISTRATORS) and may read the messages."
                )
            ]
            if administrators
            else []
        ),
    )


def _wrong_keys(context: ProbeContext, tokens: list[tuple[UUID, UUID, UUID]]) -> Iterator[str]:
    shared = sum(count - 1 for count in Counter(key for _, _, key in tokens).values())
    if shared:
        yield f"{shared} token(s) share another connection's key."
    for _, connection, key in tokens:
        try:
            record = context.keys.record(key)
        except KeyNotFoundError:
            yield "A token names a key that the key store never held."
            continue
        if record.destroyed:
            yield "A token of an open connection names a destroyed key."
        elif (
            record.purpose is not Purpose.REFRESH_TOKEN
            or record.owner != f"connection:{connection}"
        ):
            yield "A token names a key that was made for something else."


def _wrong_message(
    context: ProbeContext, tenant: UUID, connection: UUID, key: UUID
) -> Iterator[str]:
    """Check one message as the worker, in its shop's scope.

    It is never opened in its own context: only `connections` does that.
    """
    with tenant_scope(tenant, using=context.application):
        row = sql_execution.one(
            databases[context.application],
            "select sealed from connections_refresh_token where tenant_id = %s and connection_id ="
            " %s and data_key_id = %s",
            [tenant, connection, key],
        )
    if row is None:
        return  # Replaced or deleted since we listed it.
    sealed = bytes(row[0])
    try:
        named = key_id_of(sealed)
    except CannotOpenError:
        yield "A stored token is not a sealed message."
        return
    if named != key:
        yield "A stored token is sealed under another key than its row names."
    neighbour = _place(tenant, new_id())
    for place in (neighbour, replace(neighbour, tenant=new_id(), row=str(connection))):
        if _opens(context.keys, place, sealed):
            yield "A stored token opened at another row's place."


def _self_test() -> Iterator[str]:
    """Seal a text with the running program and try it in other contexts.

    It must open in its own context and in no other.
    """
    key, home, text = (
        new_data_key(Purpose.REFRESH_TOKEN),
        _place(new_id(), new_id()),
        Secret("a probe's own words"),
    )
    sealed = seal(key, home, text)
    ring = _Ring(key)
    if text.reveal_bytes() in sealed or open_sealed(ring, home, sealed) != text:
        yield "The seal does not seal."
    moves = (
        replace(home, tenant=new_id()),
        replace(home, table="another_table"),
        replace(home, column="another_column"),
        replace(home, row=str(new_id())),
        replace(home, purpose=Purpose.PII),
        replace(home, environment="elsewhere"),
    )
    yield from (
        "A sealed message opened at a place that it was not sealed to."
        for place in moves
        if _opens(ring, place, sealed)
    )
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    if _opens(ring, home, altered):
        yield "An altered message was opened."


def _opens_its_own(context: ProbeContext, key: UUID) -> bool:
    """Return whether a text sealed under a token's key opens.

    Only then a refusal in a neighbor's context means something.
    """
    try:
        found = context.keys.get(key)
    except (KeyNotFoundError, KeyDestroyedError):
        return not context.rows(
            "select from connections_refresh_token where data_key_id = %s", [key]
        )  # ended since we listed it
    place = _place(new_id(), new_id())
    return _opens(context.keys, place, seal(found, place, Secret("a probe's own words")))


def _opens(keys: object, place: EncryptionContext, sealed: bytes) -> bool:
    try:
        # a key store, or our ring of one
        open_sealed(keys, place, sealed)  # type: ignore[arg-type]
    except CryptoError:
        return False
    return True


def _place(tenant: UUID, connection: UUID) -> EncryptionContext:
    return EncryptionContext(
        tenant,
        "connections_refresh_token",
        "sealed",
        str(connection),
        Purpose.REFRESH_TOKEN,
        settings.ENVIRONMENT.kind.value,
    )


def _wrong_readers(context: ProbeContext) -> Iterator[str]:
    for extra in sorted(_readers(context) - {_READER} - _declared_readers(context)):
        yield f"Database role {extra} may read sealed tokens."


def _readers(context: ProbeContext) -> set[str]:
    return {name for (name,) in context.rows(_READERS)}


def _declared_readers(context: ProbeContext) -> set[str]:
    """Return which declared administrators of the server may read messages."""
    return _readers(context) & set(settings.ENVIRONMENT.database_administrators)


def _wrong_places_for_keys(context: ProbeContext) -> Iterator[str]:
    database = context.database_directory
    for what, folder in (("keys", context.keys_directory), ("secrets", context.secrets_directory)):
        if database is not None and (
            folder.resolve().is_relative_to(database.resolve())
            or database.resolve() == folder.resolve()
        ):
            yield f"The folder of {what} lies inside the database's own folder."
        if folder.exists() and folder.stat().st_mode & 0o077:
            yield f"The folder of {what} is open to other users of the machine."


class _Ring:
    """One key, found by its id."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def get(self, key_id: UUID, /) -> DataKey:
        if key_id != self._key.id:
            raise KeyNotFoundError(key_id)
        return self._key
