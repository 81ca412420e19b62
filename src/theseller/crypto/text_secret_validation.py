"""Secrets as texts: generate one, and check its name and its text.

Secrets are texts, so that a file, a variable and a vault can hold the same ones.
"""

from __future__ import annotations

import contextlib
import re
import secrets

from theseller.crypto.errors import SecretProviderError
from theseller.lib.secret_type import Secret
from theseller.lib.state_file_names import SECRET_NAME

_NAME = re.compile(SECRET_NAME)


def new_text_secret() -> Secret:
    """Return a new secret of 256 random bits, as 43 URL-safe characters."""
    return Secret(secrets.token_urlsafe(32))


def checked_name(name: str) -> str:
    """Return `name` if it is a valid name of a secret.

    Raises:
        ValueError: it is not.
    """
    if len(name) > 64 or not _NAME.fullmatch(name):
        raise ValueError(
            "a secret's name is up to 64 lower-case letters and digits, in words joined by hyphens"
        )
    return name


def text_secret(name: str, content: bytes, origin: str) -> Secret:
    """Return the content found at `origin` as a secret.

    One line end after it is ignored, as editors add it.

    Raises:
        SecretProviderError: it is no text, is empty, or begins or ends with white space.
    """
    secret = Secret(content.removesuffix(b"\n").removesuffix(b"\r"))
    return _checked(name, secret, f"{origin} does not hold one secret")


def checked_for_storing(name: str, secret: Secret) -> Secret:
    """Return `secret` if it can be stored under `name`.

    Raises:
        SecretProviderError: `text_secret` would refuse it.
    """
    return _checked(name, secret, "it cannot be stored")


def _checked(name: str, secret: Secret, what: str) -> Secret:
    text: str | None = None
    with contextlib.suppress(ValueError):
        text = secret.reveal()
    if text is None:
        raise SecretProviderError(
            f"secret {name!r}: {what}: it is not UTF-8 text; encode bytes as base64"
        )
    if not text.strip():
        raise SecretProviderError(f"secret {name!r}: {what}: it is empty")
    if text != text.strip():
        raise SecretProviderError(f"secret {name!r}: {what}: it begins or ends with white space")
    return secret
