"""Errors of keys and secrets.

No message contains a key, plaintext or ciphertext.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID


class ServiceState(StrEnum):
    """Why a key store or secret provider is unavailable; implies the remedy."""

    UNREACHABLE = (
        "unreachable"  # stopped or unreachable: start it, check address, network and certificate
    )
    SLOW = "slow"  # no response in time: nothing is known, the call may be repeated
    BUSY = "busy"  # rate limited: wait
    SEALED = "sealed"  # running, with its keys locked: unseal it, or enable the key
    DENIED = "denied"  # our credentials are refused: renew them, or widen the policy
    NOT_SET_UP = "not-set-up"  # a mount, key or folder that it needs has not been made
    READ_ONLY = "read-only"  # read-only: change the secret at its source
    DAMAGED = "damaged"  # it returns something else than was stored


class CryptoError(Exception):
    """Base of this package's errors."""


class CannotOpenError(CryptoError):
    """A sealed value does not belong to this context, or was altered.

    It never tells which check failed: that would be an oracle.
    """

    def __init__(self) -> None:
        super().__init__("this sealed value cannot be opened in this context")


class InvalidSignatureError(CryptoError):
    """The signature does not belong to this message and public key."""

    def __init__(self) -> None:
        super().__init__("the signature does not fit the message")


class KeyFileError(CryptoError):
    """A file holds no key of the kind that is needed."""


class NotCanonicalError(CryptoError):
    """A document has no canonical form, or is not in it."""


class _UnavailableError(CryptoError):
    """A key store or secret provider is unavailable; `state` tells why."""

    def __init__(self, message: str, state: ServiceState = ServiceState.DAMAGED) -> None:
        super().__init__(message)
        self.state = state


class KeyStoreError(_UnavailableError):
    """The key store is unavailable, damaged or misused.

    Nothing is known about the requested key.
    """


class KeyNotFoundError(CryptoError):
    """The store never had this key.

    Often the sign of a wrong directory, so it is never treated as destroyed.
    """

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"no key {key_id} in this key store: is it the right store?")
        self.key_id = key_id


class KeyDestroyedError(CryptoError):
    """The key was destroyed on purpose; what it sealed is unreadable for good."""

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"key {key_id} was destroyed")
        self.key_id = key_id


class WrongEnvironmentError(CryptoError):
    """A key of one environment was offered to another."""


class SecretNotFoundError(CryptoError):
    """The provider has no secret of this name."""


class SecretProviderError(_UnavailableError):
    """The provider is unavailable, or the secret is malformed or ambiguous."""


class ServiceError(KeyStoreError, SecretProviderError):
    """The service behind a key store or secret provider is unavailable.

    The message tells what to do and quotes nothing of the call.
    """


class UnsafePermissionsError(KeyStoreError, SecretProviderError):
    """A file or folder of secrets is accessible to other users.

    The message tells how to restrict it.
    """
