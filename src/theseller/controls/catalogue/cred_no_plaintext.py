"""Security page §3: no credential in plain text, in the source or in logs."""

from __future__ import annotations

import re
from datetime import timedelta

from theseller.controls.search import search_files, state_files
from theseller.controls.source import PACKAGE, source_files
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.controls.world import World
from theseller.crypto.files import read_private

CONTROL = Control(
    id="cred-no-plaintext",
    section=3,
    title="Secrets are in the secret store, and in no log, file or source",
    statement=(
        "The service takes its passwords, keys and client secrets from one secret store that only its own user can read. Their values"
        " appear in"
        " no log, in no other file that the service keeps, and nowhere in the program."
    ),
    citation="Security page §3; Data Protection Policy 1.1, 2.4",
    owner="Engineering",
    freshness=timedelta(hours=1),
    enforced_by=("theseller.crypto.providers:FileSecretProvider", "theseller.lib.secret:Secret", "theseller.lib.redaction"),
)

#: Shorter texts would be found by chance. Every secret that the service makes is longer.
_SHORTEST = 16
#: Shown on the demo's own screen; they open nothing but that machine's demo.
_SHOWN = {"demo-cast-password", "demo-authenticator-secret"}


def probe(world: World) -> Outcome:
    """Search the logs, the other files and the program for the very values that the secret store holds now."""
    secrets = _live_secrets(world)
    if not secrets:
        return Unknown("The secret store holds nothing that could be searched for.")
    pattern = re.compile(b"|".join(re.escape(secret) for secret in secrets))
    kept = search_files(state_files(world, without=[world.secrets_directory]), world.state, pattern)
    program = search_files(source_files(), PACKAGE, pattern)
    broken = [f"A live secret lies in {place}." for place in (*kept.hits, *program.hits)]
    if world.secrets_directory.stat().st_mode & 0o077:
        broken.append("The secret store is open to other users of the machine.")
    if kept.skipped and not broken:
        return Unknown(f"{kept.skipped} file(s) of the state folder could not be searched.")
    return verdict(
        len(secrets),
        broken,
        f"{len(secrets)} live secrets were looked for in {kept.things} kept files ({kept.size / 1e6:.1f} MB) and {program.things} files"
        " of the"
        " program; none was found.",
        secrets=len(secrets),
        files=kept.things,
        bytes=kept.size,
        program_files=program.things,
    )


def _live_secrets(world: World) -> list[bytes]:
    if not world.secrets_directory.is_dir():
        return []
    files = [path for path in sorted(world.secrets_directory.iterdir()) if path.is_file() and not path.name.startswith(".")]
    values = [line.strip() for path in files if path.name not in _SHOWN for line in read_private(path).splitlines()]
    return sorted({value for value in values if len(value) >= _SHORTEST})
