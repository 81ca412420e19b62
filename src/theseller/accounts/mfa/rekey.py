"""Replace the key that seals TOTP secrets, and seal each secret again."""

from __future__ import annotations

from django.db import transaction

from theseller.accounts.mfa import totp_secret_sealing
from theseller.accounts.models import Authenticator
from theseller.crypto.key_file_format import KeyRecord
from theseller.edge.database_routing import accounts_database


def second_factor_keys() -> list[KeyRecord]:
    """Return the keys that are not destroyed, oldest first.

    The last one seals.
    """
    return totp_secret_sealing.keys()


def make_key() -> None:
    """Create a key that seals from now on."""
    totp_secret_sealing.new_key()


def reseal_old_secrets() -> int:
    """Seal under the newest key what an older one seals.

    Each row separately, and only if unchanged: a person may have started setup again meanwhile.

    Returns:
        How many secrets are left under an older key.
    """
    newest = totp_secret_sealing.keys()[-1].id
    old = Authenticator.objects.exclude(data_key_id=newest)
    for row, message, key in old.order_by("id").values_list("id", "sealed", "data_key_id"):
        with transaction.atomic(using=accounts_database()):
            fresh, fresh_key = totp_secret_sealing.sealed(
                row, totp_secret_sealing.unsealed(row, bytes(message))
            )
            Authenticator.objects.filter(id=row, data_key_id=key).update(
                sealed=fresh, data_key_id=fresh_key
            )
    return old.values("id").count()
