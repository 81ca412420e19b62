"""Where the deployment's own secrets come from: the root key, database passwords, Amazon's client secret.

They are texts, so that a file, a variable and a vault can hold the same ones. Providers never print, cache or invent a secret.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from theseller.crypto.errors import SecretNotFoundError, SecretProviderError
from theseller.crypto.files import erase_unfinished, locked, private_directory, read_private, write_private
from theseller.lib.secret import Secret

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class SecretProvider(Protocol):
    """Gives a secret by its name, such as ``root-key``: lower-case words joined by hyphens."""

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: the provider has none of this name.
            SecretProviderError: it cannot say, or what it has is no secret text.
        """


def new_text_secret() -> Secret:
    """Return a fresh secret of 256 random bits as 43 letters, digits, hyphens and underscores."""
    return Secret(secrets.token_urlsafe(32))


class FileSecretProvider:
    """One file of mode 0600 for each secret, in a directory of mode 0700. Several processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`, made if it is missing. Raises UnsafePermissionsError if others can look into it."""
        self.directory = private_directory(directory)

    def get(self, name: str, /) -> Secret:
        """Return the secret; one line end after it does not count, since editors add one.

        Raises:
            SecretNotFoundError: there is no such file.
            SecretProviderError: the file is no text, or empty.
            UnsafePermissionsError: others could read it.
        """
        path = self._path(name)
        try:
            content = read_private(path)
        except FileNotFoundError:
            raise SecretNotFoundError(f"no secret {name!r}: put it into {path} with mode 0600") from None
        except OSError as error:
            raise SecretProviderError(f"secret {name!r}: {path} cannot be read: {error.strerror}") from None
        return _text_secret(name, content, str(path))

    def put(self, name: str, secret: Secret) -> None:
        """Keep `secret` under `name`, replacing what was there; after a crash it is the old one or the new one.

        Raises:
            SecretProviderError: it is not text, is empty, or begins or ends with white space, which would not survive an editor.
        """
        path = self._path(name)
        content = _checked_for_keeping(name, secret).reveal_bytes()
        with locked(self.directory):
            write_private(path, content + b"\n")

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret, made by `generate` if there is none yet. All processes get the same one."""
        path = self._path(name)
        with contextlib.suppress(SecretNotFoundError):
            return self.get(name)
        with locked(self.directory):
            erase_unfinished(self.directory)
            if not path.exists():  # else another process was faster
                write_private(path, _checked_for_keeping(name, generate()).reveal_bytes() + b"\n")
        return self.get(name)

    def _path(self, name: str) -> Path:
        return self.directory / _checked_name(name)


class EnvironmentSecretProvider:
    """Secrets from variables: ``root-key`` is in THESELLER_ROOT_KEY, or in the file that THESELLER_ROOT_KEY_FILE names.

    The file form is how Docker and systemd hand secrets over; who may read such a file is their business, not checked here.
    """

    def __init__(self, environment: Mapping[str, str], prefix: str = "THESELLER_") -> None:
        """Read from `environment` (`os.environ`, as a rule)."""
        self._environment = environment
        self._prefix = prefix

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: neither variable is set.
            SecretProviderError: both are, or the file cannot be read, or the value is empty or no text.
        """
        variable = self._prefix + _checked_name(name).upper().replace("-", "_")
        path = self._environment.get(variable + "_FILE")
        if variable in self._environment and path is not None:
            raise SecretProviderError(f"both {variable} and {variable}_FILE are set: keep one")
        if path is not None:
            return _text_secret(name, _read_given_file(variable + "_FILE", Path(path)), f"the file of {variable}_FILE")
        if variable not in self._environment:
            raise SecretNotFoundError(f"no secret {name!r}: set {variable}, or {variable}_FILE to the path of a file that holds it")
        return _text_secret(name, self._environment[variable].encode(errors="surrogateescape"), variable)


def _read_given_file(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SecretProviderError(f"the file that {variable} names cannot be read: {error.strerror}") from None


def _checked_name(name: str) -> str:
    if len(name) > 64 or not _NAME.fullmatch(name):
        raise ValueError("a secret's name is up to 64 lower-case letters and digits, in words joined by hyphens")
    return name


def _text_secret(name: str, content: bytes, origin: str) -> Secret:
    secret = Secret(content.removesuffix(b"\n").removesuffix(b"\r"))
    return _checked(name, secret, f"{origin} does not hold one secret")


def _checked_for_keeping(name: str, secret: Secret) -> Secret:
    return _checked(name, secret, "it cannot be kept")


def _checked(name: str, secret: Secret, what: str) -> Secret:
    text: str | None = None
    with contextlib.suppress(ValueError):
        text = secret.reveal()
    if text is None:
        raise SecretProviderError(f"secret {name!r}: {what}: it is not UTF-8 text; encode bytes as base64")
    if not text.strip():
        raise SecretProviderError(f"secret {name!r}: {what}: it is empty")
    if text != text.strip():
        raise SecretProviderError(f"secret {name!r}: {what}: it begins or ends with white space")
    return secret
