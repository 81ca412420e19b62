"""Replace the key of second factors while they are in use, by re-encrypting each secret."""

from __future__ import annotations

from django.db import transaction

from theseller.accounts.mfa import totp_store
from theseller.accounts.models import Authenticator
from theseller.crypto.keyfile import KeyRecord
from theseller.edge.databases import accounts_database


def second_factor_keys() -> list[KeyRecord]:
    """Return the living keys, oldest first; the last one seals."""
    return totp_store.keys()


def make_key() -> None:
    """Make a key that seals from now on."""
    totp_store.new_key()


def reseal_old_secrets() -> int:
    """Seal under the newest key what an older one seals; return how many secrets are left under an older one.

    Each row separately, and only if unchanged: a person may have started setup again meanwhile.
    """
    newest = totp_store.keys()[-1].id
    old = Authenticator.objects.exclude(data_key_id=newest)
    for row, message, key in old.order_by("id").values_list("id", "sealed", "data_key_id"):
        with transaction.atomic(using=accounts_database()):
            fresh, fresh_key = totp_store.sealed(row, totp_store.unsealed(row, bytes(message)))
            Authenticator.objects.filter(id=row, data_key_id=key).update(
                sealed=fresh, data_key_id=fresh_key
            )
    return old.values("id").count()
