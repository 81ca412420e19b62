"""Security page §3: no credential in plain text, in the source or in logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.probe_tools.table_and_file_search import (
    NO_LOGS,
    can_find_in_files,
    log_files,
    search_files,
    state_files,
)
from theseller.controls.types import (
    Control,
    HostScope,
    Outcome,
    Unknown,
    must_find,
    verdict,
)
from theseller.crypto.cached_secrets import NEXT_SUFFIX, PREVIOUS_SUFFIX, secret_or_none
from theseller.crypto.private_files import read_private
from theseller.crypto.secret_and_key_config import ProviderKind
from theseller.key_rotation.secret_inventory import secret_names
from theseller.lib.code_version import PACKAGE, source_files
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="cred-no-plaintext",
    section=3,
    title=gettext_noop("Secrets are in the secret store, and in no log, file or source"),
    statement=gettext_noop(
        "The service takes its passwords, keys and client secrets from one secret store that only"
        " its own user can read. Their values appear in no log, in no other file that the service"
        " keeps, and nowhere in the program."
    ),
    citation="Security page §3; Data Protection Policy 1.1, 2.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.crypto.file_secret_provider:FileSecretProvider",
        "theseller.lib.secret_type:Secret",
        "theseller.lib.redaction",
    ),
    hosts=HostScope.ALL,
)

#: Shorter texts would be found by chance. Every secret that the service makes is longer.
_SHORTEST = 16
#: Shown on the demo's own screen; they open nothing but that machine's demo.
_SHOWN = {"demo-cast-password", "demo-authenticator-secret"}


def probe(context: ProbeContext) -> Outcome:
    """Search logs, other files and the program for the present secrets."""
    secrets = _live_secrets(context)
    if not secrets:
        return Unknown("The secret provider gave no secret that could be searched for.")
    pattern = re.compile(b"|".join(re.escape(secret) for secret in secrets))
    must_find(can_find_in_files(pattern, secrets[0]), "a secret in a file")
    logs = search_files(log_files(context), context.state, pattern)
    kept = search_files(
        state_files(context, without=[context.secrets_directory]), context.state, pattern
    )
    program = search_files(source_files(), PACKAGE, pattern)
    failures = [f"A live secret lies in {place}." for place in (*kept.hits, *program.hits)]
    if context.secrets_directory.is_dir() and context.secrets_directory.stat().st_mode & 0o077:
        failures.append("The secret store is open to other users of the machine.")
    if kept.skipped and not failures:
        return Unknown(f"{kept.skipped} file(s) of the state folder could not be searched.")
    summary = (
        f"{len(secrets)} live secrets were looked for in {kept.items} stored files"
        f" ({kept.size / 1e6:.1f} MB, of that {logs.size / 1e6:.2f} MB of logs) and {program.items}"
        " files of the program; none was found."
    )
    if not (logs.size and program.size) and not failures:
        return Unknown(f"{summary} {NO_LOGS}")
    return verdict(
        kept.items + program.items,
        failures,
        summary,
        secrets=len(secrets),
        files=kept.items,
        bytes=kept.size,
        log_bytes=logs.size,
        program_files=program.items,
    )


def _live_secrets(context: ProbeContext) -> list[bytes]:
    """Return the values of the present secrets, line by line.

    Of every secret that the service knows by name, and of every file of the provider. Short lines
    are left out.
    """
    lines = [
        line.strip()
        for content in (*_known(), *_in_files(context))
        for line in content.splitlines()
    ]
    return sorted({line for line in lines if len(line) >= _SHORTEST})


def _known() -> Iterator[bytes]:
    for name in secret_names():
        for form in (name, name + NEXT_SUFFIX, name + PREVIOUS_SUFFIX):
            secret = secret_or_none(settings.SECRETS, form)
            if secret is not None:
                yield secret.reveal_bytes()


def _in_files(context: ProbeContext) -> Iterator[bytes]:
    if (
        settings.ENVIRONMENT.secret_config.provider is not ProviderKind.FILES
        or not context.secrets_directory.is_dir()
    ):
        return
    for path in sorted(context.secrets_directory.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.name not in _SHOWN:
            yield read_private(path)
