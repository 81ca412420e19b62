"""Everything that can go wrong with keys and secrets. No message holds key material, plaintext or ciphertext."""

from __future__ import annotations

from uuid import UUID


class CryptoError(Exception):
    """Base of this package's errors."""


class CannotOpenError(CryptoError):
    """A sealed value is not what was sealed at this place. It never says which check failed: that would be an oracle."""

    def __init__(self) -> None:
        super().__init__("this sealed value cannot be opened at this place")


class InvalidSignatureError(CryptoError):
    """The signature does not belong to this message and public key."""

    def __init__(self) -> None:
        super().__init__("the signature does not fit the message")


class NotCanonicalError(CryptoError):
    """A document cannot be written, or was not written, in the one canonical form that is signed."""


class KeyStoreError(CryptoError):
    """The key store cannot answer: unreachable, damaged or misused. Nothing is known about the key that was asked for."""


class KeyNotFoundError(CryptoError):
    """The store has never held this key. Often the sign of a wrong directory, so it is never taken for `destroyed`."""

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"no key {key_id} in this key store: is it the right store?")
        self.key_id = key_id


class KeyDestroyedError(CryptoError):
    """The key was destroyed on purpose; what was sealed under it is gone for ever."""

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"key {key_id} was destroyed")
        self.key_id = key_id


class WrongEnvironmentError(CryptoError):
    """A key of one environment was offered to another, such as production's to staging."""


class SecretNotFoundError(CryptoError):
    """The provider has no secret of this name."""


class SecretProviderError(CryptoError):
    """The provider cannot give or keep this secret: unreachable, malformed or ambiguous."""


class UnsafePermissionsError(KeyStoreError, SecretProviderError):
    """A file or folder of secrets can be read or changed by somebody else. The message says how to close it."""
