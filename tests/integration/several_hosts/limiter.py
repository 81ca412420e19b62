"""Take tokens of one SP-API bucket for some seconds, as one of several workers.

Run with the tenant, the connection and the seconds, Django being ready; prints how many were
granted.
"""

from __future__ import annotations

import sys
import time
from uuid import UUID

from theseller.amazon.throttle import BucketKey, Granted
from theseller.ingest.sync.postgres_rate_limiter import PostgresLimiter
from theseller.lib import clock
from theseller.lib.marketplaces import Region


def main() -> None:
    tenant, connection, seconds = UUID(sys.argv[1]), UUID(sys.argv[2]), float(sys.argv[3])
    limiter = PostgresLimiter(tenant, connection)
    key = BucketKey("amzn1.app", "A2ALICEEUROPE1", Region.EU, "getInventorySummaries")
    granted, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        granted += isinstance(limiter.acquire(key, clock.now()), Granted)
    sys.stdout.write(f"{granted}\n")


if __name__ == "__main__":
    main()
