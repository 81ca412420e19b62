"""Security page §6: the token is deleted when a connection ends.

Calls stop, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, verdict
from theseller.crypto.errors import KeyNotFoundError
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="life-token-now",
    section=6,
    title=gettext_noop("When you disconnect, the token is destroyed at once and calls stop"),
    statement=gettext_noop(
        "Ending a connection deletes its token and destroys the token's key in the same"
        " transaction, after the calls under way have finished. From that moment every process"
        " refuses to call Amazon for it."
    ),
    citation="Security page §6; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.connections.operations:disconnect",
        "theseller.connections.connection_locks",
        "theseller.crypto.file_key_store:FileKeyStore.destroy",
    ),
    after=(Tag.CONNECTION_DISCONNECTED,),
)

#: A disconnection waits up to 50 seconds for a call that is under way (connections.operations),
#: counted from when it was asked for.
_AT_ONCE = timedelta(minutes=2)
_ENDED = """
select d.at, d.data_key_id,
       exists (select from connections_refresh_token t
               where t.tenant_id = d.tenant_id and t.connection_id = d.connection_id
                 and t.sealed_at <= d.at),
       (select max(s.last_attempt_at) from ingest_stream s
         where s.tenant_id = d.tenant_id and s.connection_id = d.connection_id),
       (select max(b.updated_at) from ingest_bucket b
         where b.tenant_id = d.tenant_id and b.connection_id = d.connection_id)
from connections_disconnection d
"""


def probe(context: ProbeContext) -> Outcome:
    """Compare when each ended connection's key was destroyed with its end.

    It also looks for later use of the connection.
    """
    ended = [_End(*row) for row in context.rows(_ENDED)]
    failures = [problem for end in ended for problem in _late(context, end)]
    keys = sum(end.key is not None for end in ended)
    # A connection of imported files had no key, so its end shows nothing of this.
    return verdict(
        keys,
        failures,
        f"{keys} key(s) were destroyed with their connections within"
        f" {int(_AT_ONCE.total_seconds() // 60)} minutes of the request; no stream ran and no call"
        " was granted afterwards.",
        ended_connections=len(ended),
        keys_destroyed=keys,
    )


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a connection; the fields are the columns of `_ENDED`.

    `kept` is whether it still has the token that it had then.
    """

    at: datetime
    key: UUID | None
    kept: bool
    attempt: datetime | None
    grant: datetime | None


def _late(context: ProbeContext, end: _End) -> Iterator[str]:
    if end.kept:
        yield "A connection that ended still holds the token it had."
    ended = end.at
    if end.key is not None:
        destroyed = _destroyed_at(context, end.key)
        if destroyed is None:
            yield "The key of an ended connection's token was not destroyed."
        else:
            # The key is destroyed last before the commit, so nothing may run after that moment.
            ended = max(end.at, destroyed)
            if destroyed > end.at + _AT_ONCE:
                yield (
                    f"A token's key lived on for {int((destroyed - end.at).total_seconds() // 60)}"
                    " minutes after its connection ended."
                )
    if end.attempt is not None and end.attempt > ended:
        yield "A stream tried to call Amazon for a connection that had ended."
    if end.grant is not None and end.grant > ended:
        yield "A call to Amazon was granted for a connection that had ended."


def _destroyed_at(context: ProbeContext, key: UUID) -> datetime | None:
    try:
        return context.keys.record(key).destroyed_at
    except KeyNotFoundError:
        return None
