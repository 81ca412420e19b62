"""The prober's signing key, in a file of its machine."""

from __future__ import annotations

import secrets
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.private_files import read_private, write_private
from theseller.lib.secret_type import Secret


def make_key(path: Path) -> SigningKey:
    """Make a key and write it to a new file with mode 0600.

    Raises:
        CommandError: there is a file already, or no folder.
    """
    if path.exists():
        raise CommandError(f"{path} exists already.", "Name a new file; nothing was changed.")
    if not path.parent.is_dir():
        raise CommandError(f"There is no folder {path.parent}.", "Make it first.")
    seed = Secret(secrets.token_bytes(32))
    write_private(path, seed.reveal_bytes().hex().encode() + b"\n")
    return SigningKey.from_secret(seed)


def read_key(path: Path) -> SigningKey:
    """Read the key from its file.

    Raises:
        CommandError: there is none, or it holds no key.
    """
    try:
        return SigningKey.from_secret(Secret(bytes.fromhex(read_private(path).decode().strip())))
    except FileNotFoundError:
        raise CommandError(f"There is no file {path}.", "theseller prober key FILE") from None
    except ValueError:
        raise CommandError(f"{path} holds no prober's key.", "theseller prober key FILE") from None
