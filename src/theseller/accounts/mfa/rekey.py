"""Replace the key of second factors while they are in use.

Each secret is re-encrypted.
"""

from __future__ import annotations

from django.db import transaction

from theseller.accounts.mfa import totp_store
from theseller.accounts.models import Authenticator
from theseller.crypto.keyfile import KeyRecord
from theseller.edge.databases import accounts_database


def second_factor_keys() -> list[KeyRecord]:
    """Return the keys that are not destroyed, oldest first.

    The last one seals.
    """
    return totp_store.keys()


def make_key() -> None:
    """Create a key that seals from now on."""
    totp_store.new_key()


def reseal_old_secrets() -> int:
    """Seal under the newest key what an older one seals.

    Each row separately, and only if unchanged: a person may have started setup again meanwhile.

    Returns:
        How many secrets are left under an older key.
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
