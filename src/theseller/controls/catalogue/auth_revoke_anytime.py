"""Security page §2: access can be withdrawn here or at Amazon.

The token is deleted with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.connections.types import DisconnectReason
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.crypto.key_file_format import KeyRecord
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="auth-revoke-anytime",
    section=2,
    title=gettext_noop("You can withdraw access at any time, here or at Amazon"),
    statement=gettext_noop(
        "One step ends a connection: by the seller on the connection page, or by Amazon when access"
        " is revoked in Seller Central. A connection that has ended holds no token and no key that"
        " could open one."
    ),
    citation="Security page §2; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.connections.operations:disconnect",
        "theseller.connections.access_tokens:open_connection",
    ),
    after=(Tag.CONNECTION_AUTHORISED, Tag.CONNECTION_DISCONNECTED),
)

_ENDED = """
select d.connection_id, d.reason, d.data_key_id is not null,
       exists (select from connections_refresh_token t
         where t.tenant_id = d.tenant_id and t.connection_id = d.connection_id)
from connections_disconnection d
"""


def probe(context: ProbeContext) -> Outcome:
    """Search ended connections for a token's row or a live key.

    The reason of the end does not matter.
    """
    ended = context.rows(_ENDED)
    with_token = sum(has_token for *_, has_token in ended)
    records = context.keys.list()
    if ended:
        must_find(records, "any record of the key store")
    with_key = len({connection for connection, *_ in ended} & _connections_with_a_live_key(records))
    failures = (
        [f"{with_token} ended connection(s) still hold a refresh token."] if with_token else []
    )
    if with_key:
        failures.append(f"{with_key} ended connection(s) still have a live key for tokens.")
    reasons = sorted({reason for _, reason, *_ in ended})
    # A connection of imported files had no token, so its end shows nothing of this.
    had_key = sum(had for _, _, had, _ in ended)
    return verdict(
        had_key,
        failures,
        f"None of {len(ended)} ended connection(s) holds a token, and no key that could open one"
        " exists.",
        ended_connections=len(ended),
        ended_at_amazon=sum(
            reason == DisconnectReason.REVOKED_AT_AMAZON for _, reason, *_ in ended
        ),
        reasons_seen=reasons,
    )


def _connections_with_a_live_key(records: Iterable[KeyRecord]) -> set[UUID]:
    # A destroyed key leaves a record of its end; only the key's own file can still open something.
    owners = (record.owner for record in records if not record.destroyed)
    return {
        UUID(owner.removeprefix("connection:"))
        for owner in owners
        if owner.startswith("connection:")
    }
