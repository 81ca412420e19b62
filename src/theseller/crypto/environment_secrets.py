"""Secrets from the process environment.

Variables, files that variables name, systemd credentials, and a bundle.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from theseller.crypto.errors import SecretNotFoundError, SecretProviderError, ServiceState
from theseller.crypto.text_secret_validation import checked_name, text_secret
from theseller.lib.secret_type import Secret

#: All secrets in one variable: base64 of a JSON object of names and texts, as `write_bundle` makes
#: it.
BUNDLE = "SECRETS"
#: The folder in which systemd puts a service's credentials (systemd.exec(5), ``LoadCredential=``).
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"


class EnvironmentSecretProvider:
    """Secrets from one of four sources; duplicates are refused.

    For ``root-key``: the variable THESELLER_ROOT_KEY; the file that THESELLER_ROOT_KEY_FILE names;
    the credential ``root-key`` in $CREDENTIALS_DIRECTORY; the bundle in THESELLER_SECRETS or in the
    file that THESELLER_SECRETS_FILE names. Permissions of such files are up to what provides them
    (Docker, systemd) and not checked here. Read-only.
    """

    def __init__(self, environment: Mapping[str, str], prefix: str = "THESELLER_") -> None:
        """Read from `environment` (usually `os.environ`) at each call."""
        self._environment = environment
        self._prefix = prefix

    def get(self, name: str, /) -> Secret:
        """Return the secret.

        Raises:
            SecretNotFoundError: no source has it.
            SecretProviderError: two have it, or a file cannot be read, is empty or no text.
        """
        found = list(self._sources(checked_name(name)))
        if len(found) > 1:
            raise SecretProviderError(
                f"secret {name!r}: both {found[0][0]} and {found[1][0]} are set: keep one"
            )
        if not found:
            variable = self._variable(name)
            raise SecretNotFoundError(
                f"no secret {name!r}: set {variable}, or {variable}_FILE to the path of a file that"
                f" holds it, or put it into {self._prefix}{BUNDLE} or systemd's credentials"
            )
        where, read = found[0]
        return text_secret(name, read(), where)

    def put(self, name: str, secret: Secret) -> None:  # noqa: ARG002
        """Refuse: the environment is read-only here."""
        self._read_only(name)

    # - the same
    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:  # noqa: ARG002
        """Return the secret; a missing one cannot be generated here.

        Raises:
            SecretProviderError: there is none, or two sources have it.
        """
        try:
            return self.get(name)
        except SecretNotFoundError:
            self._read_only(name)

    def remove(self, name: str) -> None:
        """Refuse, as `put` does."""
        self._read_only(name)

    def written_at(self, name: str) -> datetime | None:
        """Return the secret file's modification time; None for a variable."""
        path = self._file_of(checked_name(name))
        return (
            None
            if path is None or not path.exists()
            else datetime.fromtimestamp(path.stat().st_mtime, UTC)
        )

    def _sources(self, name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Yield the name of each source that has the secret, and its reader."""
        variable = self._variable(name)
        value, path, credential = (
            self._environment.get(variable),
            self._environment.get(variable + "_FILE"),
            self._credential(name),
        )
        if value is not None:
            yield variable, partial(value.encode, errors="surrogateescape")
        if path is not None:
            yield (
                f"the file of {variable}_FILE",
                partial(_read_given, variable + "_FILE", Path(path)),
            )
        if credential is not None and credential.exists():
            yield (
                f"the credential {name}",
                partial(_read_given, f"${CREDENTIALS_DIRECTORY}/{name}", credential),
            )
        bundled = self._bundle().get(name)
        if bundled is not None:
            yield f"the bundle in {self._prefix}{BUNDLE}", bundled.reveal_bytes

    def _file_of(self, name: str) -> Path | None:
        path = self._environment.get(self._variable(name) + "_FILE")
        return self._credential(name) if path is None else Path(path)

    def _credential(self, name: str) -> Path | None:
        folder = self._environment.get(CREDENTIALS_DIRECTORY)
        return None if not folder else Path(folder) / name

    def _bundle(self) -> dict[str, Secret]:
        variable = self._prefix + BUNDLE
        text, path = self._environment.get(variable), self._environment.get(variable + "_FILE")
        if text is not None and path is not None:
            raise SecretProviderError(f"both {variable} and {variable}_FILE are set: keep one")
        if path is not None:
            return read_bundle(
                Secret(_read_given(variable + "_FILE", Path(path))), f"the file of {variable}_FILE"
            )
        return (
            {}
            if text is None
            else read_bundle(Secret(text.encode(errors="surrogateescape")), variable)
        )

    def _variable(self, name: str) -> str:
        return self._prefix + name.upper().replace("-", "_")

    def _read_only(self, name: str) -> NoReturn:
        raise SecretProviderError(
            f"secret {name!r} comes from the environment, which we can't change: set"
            f" {self._variable(name)} there (`theseller secrets bundle` prints a whole set for"
            f" {self._prefix}{BUNDLE})",
            ServiceState.READ_ONLY,
        )


def write_bundle(secrets: Mapping[str, Secret]) -> Secret:
    """Return secrets as the text of the bundle variable. It is not encrypted."""
    texts = {checked_name(name): secret.reveal() for name, secret in secrets.items()}
    return Secret(base64.b64encode(json.dumps(texts, sort_keys=True).encode()))


def read_bundle(bundle: Secret, origin: str) -> dict[str, Secret]:
    """Parse what `write_bundle` wrote.

    Raises:
        SecretProviderError: it is something else; `origin` names its source.
    """
    found: object = None
    try:
        found = json.loads(base64.b64decode(bundle.reveal_bytes().strip(), validate=True))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SecretProviderError(
            f"{origin} holds no bundle of secrets: it is base64 of a JSON object of names and"
            " texts, as `theseller secrets bundle` prints it"
        )
    return {str(name): Secret(value) for name, value in found.items()}


def _read_given(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SecretProviderError(
            f"the file that {variable} names cannot be read: {error.strerror}"
        ) from None
