"""Digests of the transactions that were read in the last days.

A transaction whose text is the same as when its lines were stored is not decoded and compared
again. A digest is true for as long as the stored lines are those of its text: whatever deletes or
moves lines of transactions deletes their digests, in the same transaction. It also depends on what
else decides how a text is stored: the version of the program, the connection, the seller and its
stores.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from theseller.ingest.facts.bulk_writer import Bulk
from theseller.lib.code_version import code_version

#: Older transactions are not read again: three days are, and the time between two reads.
KEPT = timedelta(days=4)
_BYTES = 32


def digests_of(texts: Iterable[tuple[str | None, bytes]], *, context: str) -> dict[str, bytes]:
    """Return a digest of each transaction by its id.

    Left out are transactions without an id, and those of which `texts` says different things.
    """
    key = blake2b(context.encode(), digest_size=32, key=code_version().encode()).digest()
    found: dict[str, set[bytes]] = {}
    for name, text in texts:
        if name:
            found.setdefault(name, set()).add(blake2b(text, digest_size=_BYTES, key=key).digest())
    return {name: next(iter(some)) for name, some in found.items() if len(some) == 1}


def text_digest(text: bytes) -> bytes:
    """Return a digest of `text` as this program reads it."""
    return blake2b(text, digest_size=_BYTES, key=code_version().encode()).digest()


def read_before(bulk: Bulk, connection: UUID, digests: Mapping[str, bytes]) -> set[str]:
    """Return the transactions that are stored as `digests` say."""
    if not digests:
        return set()
    found = bulk.rows(
        "select source_key, digest from ingest_transaction_digest where tenant_id = %(tenant)s and"
        " connection_id = %(connection)s and source_key = any(%(keys)s)",
        connection=connection,
        keys=list(digests),
    )
    return {key for key, digest in found if bytes(digest) == digests[key]}


def store_digests(
    bulk: Bulk, connection: UUID, digests: Mapping[str, tuple[bytes, datetime]]
) -> None:
    """Store digests of transactions, with the instants they were posted."""
    if digests:
        keys = sorted(digests)
        bulk.run(
            """
            insert into ingest_transaction_digest (tenant_id, connection_id, source_key, digest,
                posted_at)
            select %(tenant)s, %(connection)s, n.*
            from unnest(%(keys)s::text[], %(digests)s::bytea[], %(posted)s::timestamptz[])
              as n (source_key, digest, posted_at)
            order by n.source_key
            on conflict (tenant_id, connection_id, source_key) do update
            set digest = excluded.digest, posted_at = excluded.posted_at
            """,
            connection=connection,
            keys=keys,
            digests=[digests[key][0] for key in keys],
            posted=[digests[key][1] for key in keys],
        )


def delete_digests(bulk: Bulk, connection: UUID, keys: Collection[str]) -> None:
    """Delete the digests of transactions whose lines changed."""
    if keys:
        bulk.run(
            "delete from ingest_transaction_digest where tenant_id = %(tenant)s and connection_id ="
            " %(connection)s and source_key = any(%(keys)s)",
            connection=connection,
            keys=sorted(keys),
        )


def delete_all_digests(bulk: Bulk) -> None:
    """Delete every digest of the tenant."""
    bulk.run("delete from ingest_transaction_digest where tenant_id = %(tenant)s")


def delete_older_digests(bulk: Bulk, connection: UUID, than: datetime) -> None:
    """Delete the digests of transactions that are not read again."""
    bulk.run(
        "delete from ingest_transaction_digest where tenant_id = %(tenant)s and connection_id ="
        " %(connection)s and posted_at < %(than)s",
        connection=connection,
        than=than,
    )
