"""Security page §5: personal data has encryption keys of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import combinations, permutations

from django.conf import settings

from theseller.controls.probe_tools.ephemeral_keys import (
    KeyRing,
    can_open,
    ephemeral_keys,
    probe_encryption_context,
)
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Failed, Outcome, Unknown, verdict
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import KeyStoreError, ServiceState
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.purpose_key_identifiers import purpose_identities, without_cache
from theseller.crypto.seal_value import seal
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="pii-separate-key",
    section=5,
    title=gettext_noop("Personal data has a key of its own"),
    statement=gettext_noop(
        "Each purpose (tokens, personal data, backups, signing and the others) has a key that wraps"
        " only its own data keys. What is sealed for one opens under no key of another, and neither"
        " does it when it is called something else. What a feature needs of buyers is sealed under"
        " keys for personal data, and under nothing else."
    ),
    citation="Security page §5; Data Protection Policy 2.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.crypto.key_types:Purpose",
        "theseller.crypto.seal_value:seal",
        "theseller.crypto.file_key_store:FileKeyStore",
    ),
)


def probe(context: ProbeContext) -> Outcome:
    """Seal a message for each purpose and try every other purpose's key.

    The keys are of the real key store. It tries other purposes' encryption contexts, too.
    """
    store = without_cache(context.keys)
    try:
        keys, damaged = ephemeral_keys(context, store)
        shared = [] if damaged else list(_shared(store))
    except KeyStoreError as error:
        if error.state is ServiceState.DAMAGED:
            return Failed("What the key store keeps is damaged, or lies in another key's place.")
        return Unknown(f"The key store did not answer ({error.state.value}), so nothing is known.")
    messages = {
        purpose: seal(key, _place(purpose), Secret(f"thrown away: {purpose}"))
        for purpose, key in keys.items()
    }
    attempts = list(_attempts(store, keys, messages))
    failures = [
        f"The key store can't give a key for {purpose.value}: what it keeps is damaged, or another"
        " purpose's."
        for purpose in damaged
    ]
    failures += shared
    failures += [sentence for sentence in attempts if sentence]
    return verdict(
        len(attempts),
        failures,
        f"{len(attempts)} attempts to open one purpose's message with another's key, or under"
        f" another's name, were refused; the keys of {len(keys)} purposes are different.",
        purposes=len(keys),
        attempts=len(attempts),
    )


def _attempts(
    store: KeyStore, keys: Mapping[Purpose, DataKey], messages: Mapping[Purpose, bytes]
) -> Iterator[str]:
    """Yield, for each attempt, what is wrong, or nothing."""
    for purpose, message in messages.items():
        yield (
            ""
            if can_open(store, _place(purpose), message)
            else f"A message for {purpose.value} does not open where it was sealed."
        )
    for mine, other in permutations(keys, 2):
        own = keys[mine]
        # The other's key in the place of ours: only the material differs.
        swapped = KeyRing(DataKey(own.id, mine, keys[other].material))
        yield (
            f"A message for {mine.value} opens with the key for {other.value}."
            if can_open(swapped, _place(mine), messages[mine])
            else ""
        )
        # Our own key under the other's name: only the purpose differs.
        renamed = KeyRing(DataKey(own.id, other, own.material))
        yield (
            f"A message for {mine.value} opens when it is called {other.value}."
            if can_open(renamed, _place(other), messages[mine])
            else ""
        )
        if Purpose.PII in {mine, other}:
            yield (
                f"The key store opens a message for {mine.value} as {other.value}."
                if can_open(store, _place(other), messages[mine])
                else ""
            )
    for one, two in combinations(keys, 2):
        same = keys[one].material == keys[two].material or keys[one].id == keys[two].id
        yield f"{one.value} and {two.value} have one data key." if same else ""


def _shared(store: KeyStore) -> Iterator[str]:
    for (one, ones), (two, twos) in combinations(purpose_identities(store).items(), 2):
        if ones & twos:
            yield f"One key wraps the keys for {one.value} and for {two.value}."


def _place(purpose: Purpose) -> EncryptionContext:
    return probe_encryption_context(purpose, settings.ENVIRONMENT.kind.value)
