"""The search through one demo: what its secrets are, and where each of them may be."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from tests.search import Exact, Excused, Found, Search
from tests.world import World

#: Databases that accept connections; template0 does not, and its files are searched like all others.
DATABASES = ("postgres", "template1", "theseller")

#: Each secret may be in its own file and nowhere else, but for these.
EXCUSED = (
    Excused("state/emulator/application\\.json", "lwa-client-secret", "what the operator registered at the emulated Amazon"),
    Excused(
        "demo\\.log",
        "demo-(cast-password|authenticator-secret)",
        "the demo shows its people's password and Olga's app: they open nothing but the demo",
    ),
)


def deployment_secrets(world: World) -> list[Exact]:
    """Return every secret of the deployment, the root key also as its bytes."""
    found = [
        Exact(path.name, path.read_bytes().strip())
        for path in sorted((world.state / "secrets").iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    root = world.secret("root-key").rpartition(".")[2]
    return [*found, Exact("root key's bytes", base64.urlsafe_b64decode(root))]


def search_everything(world: World, more: Iterable[Exact], *, files: bool = True, database: bool = True) -> Found:
    """Search tables, files, logs and job arguments of a demo for canaries, Amazon's tokens, its own secrets and `more`."""
    secrets = deployment_secrets(world)
    own = [Excused(f"state/secrets/{re.escape(one.name)}", re.escape(one.name), "its own file") for one in secrets]
    own.append(Excused("state/secrets/root-key", "root key's bytes", "its own file"))
    search = Search([*secrets, *more], excused=[*EXCUSED, *own])
    if database:
        search.database(world.superuser, DATABASES)
    if files:
        search.folder(world.root)
        if not world.data.is_relative_to(world.root):
            search.folder(world.data, label="data/")
    return search.found
