"""Every limit of how long something lives, each with the clause it keeps. The only place where these numbers stand."""

from __future__ import annotations

# Ingest must not fetch what would have to be erased at once, and may not import this room: that limit lives in lib.
from theseller.lib.limits import FACTS_KEPT_DAYS

__all__ = ["FACTS_KEPT_DAYS", "PURGE_DAYS_MAX"]

#: Everything derived from a connection is gone this long after it ends (clauses life-purge-30, aup-deletion-requests).
PURGE_DAYS_MAX = 30
