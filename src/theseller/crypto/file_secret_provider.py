"""The provider of secrets in files, one of mode 0600 for each secret."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from theseller.crypto.errors import SecretNotFoundError, SecretProviderError
from theseller.crypto.private_files import (
    erase,
    erase_unfinished,
    locked,
    private_directory,
    read_private,
    write_private,
)
from theseller.crypto.text_secret_validation import checked_for_storing, checked_name, text_secret
from theseller.lib.secret_type import Secret


class FileSecretProvider:
    """One file of mode 0600 per secret, in a directory of mode 0700.

    Several processes may use it.
    """

    def __init__(self, directory: Path) -> None:
        """Open `directory`, or create it.

        Raises:
            UnsafePermissionsError: other users have access to it.
        """
        self.directory = private_directory(directory)

    def get(self, name: str, /) -> Secret:
        """Return the secret. One line end after it is ignored, as editors add it.

        Raises:
            SecretNotFoundError: there is no such file.
            SecretProviderError: the file is no text, or empty.
            UnsafePermissionsError: other users could read it.
        """
        return text_secret(name, self._read(name), str(self._path(name)))

    def leading_bytes(self, name: str, most: int) -> bytes:
        """Return the first `most` bytes of a secret's file, and read no more.

        Used for the ID of a timestamped secret. Raises as `get` does.
        """
        return self._read(name, most)

    def _read(self, name: str, most: int = -1) -> bytes:
        path = self._path(name)
        try:
            return read_private(path, most)
        except FileNotFoundError:
            raise SecretNotFoundError(
                f"no secret {name!r}: put it into {path} with mode 0600"
            ) from None
        except OSError as error:
            raise SecretProviderError(
                f"secret {name!r}: {path} cannot be read: {error.strerror}"
            ) from None

    def put(self, name: str, secret: Secret) -> None:
        """Store `secret` under `name` atomically, replacing the old one.

        Raises:
            SecretProviderError: it is not text, is empty, or begins or ends with white space, which
                would not survive an editor.
        """
        path = self._path(name)
        content = checked_for_storing(name, secret).reveal_bytes()
        with locked(self.directory):
            write_private(path, content + b"\n")

    def ensure(self, name: str, generate: Callable[[], Secret]) -> Secret:
        """Return the secret; `generate` it if there is none yet.

        All processes get the same one.
        """
        path = self._path(name)
        with contextlib.suppress(SecretNotFoundError):
            return self.get(name)
        with locked(self.directory):
            erase_unfinished(self.directory)
            if not path.exists():  # else another process was faster
                write_private(path, checked_for_storing(name, generate()).reveal_bytes() + b"\n")
        return self.get(name)

    def remove(self, name: str) -> None:
        """Overwrite and remove the secret's file. Idempotent."""
        with locked(self.directory), contextlib.suppress(FileNotFoundError):
            erase(self._path(name))

    def written_at(self, name: str) -> datetime | None:
        """Return when the file was last written; None if there is none."""
        with contextlib.suppress(FileNotFoundError):
            return datetime.fromtimestamp(self._path(name).stat().st_mtime, UTC)
        return None

    def _path(self, name: str) -> Path:
        return self.directory / checked_name(name)
