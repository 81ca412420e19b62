"""The search through one demo: what its secrets are, and where each of them may be."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from tests.demo_deployment import Demo
from tests.leak_scanner import AllowedFinding, Exact, LeakScanner, ScanResult

#: Databases that accept connections; template0 does not, and its files are searched like all
#: others.
DATABASES = ("postgres", "template1", "theseller")

#: Each secret may be in its own file and nowhere else, but for these.
ALLOWED = (
    AllowedFinding(
        "state/emulator/application\\.json",
        "lwa-client-secret",
        "what the operator registered at the emulated Amazon",
    ),
    AllowedFinding(
        "demo\\.log",
        "demo-(cast-password|authenticator-secret)",
        "the demo shows its people's password and Olga's app: they open nothing but the demo",
    ),
)


def deployment_secrets(demo: Demo) -> list[Exact]:
    """Return every secret of the deployment, the root key also as its bytes."""
    found = [
        Exact(path.name, path.read_bytes().strip())
        for path in sorted((demo.state / "secrets").iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    root = demo.secret("root-key").rpartition(".")[2]
    return [*found, Exact("root key's bytes", base64.urlsafe_b64decode(root))]


def scan_everything(
    demo: Demo, more: Iterable[Exact], *, files: bool = True, database: bool = True
) -> ScanResult:
    """Search everything that a demo keeps for canaries, tokens, its own secrets and `more`.

    That is tables, files, logs and job arguments; the tokens are Amazon's.
    """
    secrets = deployment_secrets(demo)
    own = [
        AllowedFinding(f"state/secrets/{re.escape(one.name)}", re.escape(one.name), "its own file")
        for one in secrets
    ]
    own.append(AllowedFinding("state/secrets/root-key", "root key's bytes", "its own file"))
    search = LeakScanner([*secrets, *more], excused=[*ALLOWED, *own])
    if database:
        search.database(demo.superuser, DATABASES)
    if files:
        search.folder(demo.root)
        if not demo.data.is_relative_to(demo.root):
            search.folder(demo.data, label="data/")
    return search.found
