"""How old a fact may be when it is taken in."""

from __future__ import annotations

from datetime import datetime, timedelta

from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS


def oldest_kept(at: datetime) -> datetime:
    """Return the instant before which no fact is stored.

    An older fact would have to be erased at once.
    """
    return at - timedelta(days=FACTS_KEPT_DAYS)
