"""Writing of what the heads of settlements state: period and payout."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.amazon.reports import SettlementSummary
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_age_limit import oldest_kept


def store_settlement_total(
    bulk: Bulk, summary: SettlementSummary, connection: UUID, at: datetime
) -> int:
    """Store what the head of a settlement states.

    Unless it is older than facts are kept.

    Returns:
        1 if it was not stored like this before, else 0.
    """
    first, last = sorted((summary.starts_at, summary.ends_at))
    if last < oldest_kept(at):
        return 0
    return bulk.run(
        """
        insert into ingest_settlement as s (tenant_id, settlement_id, connection_id, currency,
            total_amount, starts_at, ends_at, deposited_at, recorded_at)
        values (%(tenant)s, %(number)s, %(connection)s, %(currency)s, %(total)s, %(first)s,
            %(last)s, %(deposited_at)s, %(at)s)
        on conflict (tenant_id, settlement_id) do update
        set connection_id = excluded.connection_id, currency = excluded.currency,
            total_amount = excluded.total_amount, starts_at = excluded.starts_at,
            ends_at = excluded.ends_at, deposited_at = excluded.deposited_at,
            recorded_at = excluded.recorded_at
        where (s.connection_id, s.currency, s.total_amount, s.starts_at, s.ends_at, s.deposited_at)
            is distinct from (excluded.connection_id, excluded.currency, excluded.total_amount,
                excluded.starts_at, excluded.ends_at, excluded.deposited_at)
        """,
        number=summary.settlement_id,
        connection=connection,
        currency=summary.currency,
        total=summary.total_amount,
        first=first,
        last=last,
        deposited_at=summary.deposited_at,
        at=at,
    )
