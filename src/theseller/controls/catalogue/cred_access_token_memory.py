"""Security page §3: access tokens live in a process's memory only."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import connections as databases

from theseller.amazon.lwa import AccessToken
from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.probe_tools.table_and_file_search import (
    NO_LOGS,
    can_find_in_files,
    can_find_in_tables,
    log_files,
    search_files,
    search_tables,
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
from theseller.lib import sql_execution
from theseller.lib.core_dump_and_memory_limits import core_dumps_disabled
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="cred-access-token-memory",
    section=3,
    title=gettext_noop("Access tokens exist in memory only, and only while they are valid"),
    statement=gettext_noop(
        "The short-lived tokens that calls carry are held in the memory of the process that calls,"
        " by a type that refuses to be printed, logged, copied out or stored. They are in no table,"
        " job, session, log or file, and a crash of the worker leaves no image of memory."
    ),
    citation="Security page §3; Data Protection Policy 2.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.lib.secret_type:Secret",
        "theseller.connections.access_tokens:OpenConnection",
        "theseller.lib.redaction",
        "theseller.lib.core_dump_and_memory_limits",
    ),
    after=(Tag.CONNECTION_AUTHORISED,),
    hosts=HostScope.ALL,
)

#: What every token of Amazon's begins with: `Atza|` for access, `Atzr|` for refresh. Also as JSON
#: and addresses write the bar.
_IN_TABLES = r"Atz[ar](\||%7C|\\u007c)"
_IN_FILES = re.compile(rb"Atz[ar](?:\||%7C|\\u007[cC])[\w.~+/=%-]")


#: Shaped like a token of Amazon's and worth nothing.
_PLANTED = b"Atza|IwEBIplanted"


def probe(context: ProbeContext) -> Outcome:
    """Search stored data for tokens, and check that a token is not printed.

    It also checks that this process writes no core dumps.
    """
    must_find(can_find_in_files(_IN_FILES, _PLANTED), "a token in a file")
    must_find(can_find_in_tables(context, _IN_TABLES, _PLANTED.decode()), "a token in a table")
    must_find(_IN_FILES.search(_unpacked(_planted_session())), "a token in a browser session")
    tables = search_tables(context, _IN_TABLES)
    logs = search_files(log_files(context), context.state, _IN_FILES)
    sessions, in_sessions = _search_sessions(context)
    files = search_files(
        state_files(context), context.state, _IN_FILES, secrets=context.secrets_directory
    )
    failures = [f"A token of Amazon's lies in {place}." for place in (*tables.hits, *files.hits)]
    failures += (
        [f"A token of Amazon's lies in {in_sessions} browser session(s)."] if in_sessions else []
    )
    failures += _talkative()
    if not core_dumps_disabled():
        failures.append(
            "A crash of this process would write its memory to the disk: core dumps are on."
        )
    if files.skipped and not failures:
        return Unknown(f"{files.skipped} file(s) of the state folder could not be searched.")
    summary = (
        f"No token in {tables.rows} rows of {tables.items} tables, {sessions} sessions and"
        f" {files.items} files ({files.size / 1e6:.1f} MB, of that {logs.size / 1e6:.2f} MB of"
        " logs)"
    )
    if not (logs.size and tables.rows) and not failures:
        return Unknown(f"{summary}. {NO_LOGS if not logs.size else 'The tables hold no row.'}")
    return verdict(
        tables.rows + files.items,
        failures,
        f"{summary}; this process writes no memory image.",
        tables=tables.items,
        columns=tables.size,
        rows=tables.rows,
        log_bytes=logs.size,
        sessions=sessions,
        files=files.items,
        bytes=files.size,
    )


def _search_sessions(context: ProbeContext) -> tuple[int, int]:
    """Search every session for a token; return sessions and hits.

    Django stores sessions compressed, so that a plain search would not find anything.
    """
    stored = [
        row[0]
        for row in sql_execution.rows(
            databases[context.application], "select session_data from django_session"
        )
    ]
    return len(stored), sum(bool(_IN_FILES.search(_unpacked(text))) for text in stored)


def _unpacked(text: str) -> bytes:
    payload = text.lstrip(".").split(":", 1)[0]
    try:
        packed = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return zlib.decompress(packed) if text.startswith(".") else packed
    except (ValueError, binascii.Error, zlib.error):
        return text.encode()  # Not packed as Django packs: the stored text is searched as it is.


def _planted_session() -> str:
    packed = base64.urlsafe_b64encode(zlib.compress(_PLANTED + b" " * 100)).decode().rstrip("=")
    return f".{packed}:1abc:signature"


def _talkative() -> Iterator[str]:
    """Yield a finding for each way in which a token's value is output."""
    word = "probe-4711"
    token = AccessToken(Secret(word), _ANY_INSTANT)
    said = f"{token!r} {token} {token.token!r} {token.token} {token.token:>40} {[token.token]}"
    if word in said:
        yield "A token shows itself when it is printed."
    ways: dict[str, Callable[[], object]] = {
        "pickled": lambda: token.token.__reduce_ex__(4),
        "written as JSON": lambda: json.dumps(token.token),
    }
    for what, leave in ways.items():
        try:
            leave()
        except TypeError:
            continue
        yield f"A token lets itself be {what}."


_ANY_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
