"""Fast conversion of many instants to marketplace-local days.

One comparison replaces a time zone conversion.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from theseller.lib.marketplaces import Marketplace

_Seam = tuple[datetime, date, date]


class LocalDays:
    """Cache of the instants at which a store's local day changes.

    An entry per store and UTC day; the cache is cleared when it has `size` entries.
    """

    def __init__(self, size: int = 20_000) -> None:
        self._seams: dict[tuple[str, date], _Seam] = {}
        self._size = size

    def day(self, marketplace: Marketplace, instant: datetime) -> date:
        """Return what `marketplace.local_day(instant)` returns.

        `instant` must be in UTC.
        """
        key = (marketplace.id, instant.date())
        seam = self._seams.get(key)
        if seam is None:
            seam = self._remember(key, marketplace)
        return seam[2] if instant >= seam[0] else seam[1]

    def _remember(self, key: tuple[str, date], marketplace: Marketplace) -> _Seam:
        if len(self._seams) >= self._size:
            self._seams.clear()
        start = datetime(key[1].year, key[1].month, key[1].day, tzinfo=UTC)
        first = marketplace.local_day(start)
        last = marketplace.local_day(start + timedelta(days=1, microseconds=-1))
        # A local day begins at local midnight; that instant lies within this UTC day, or the day
        # does not change in it.
        change = (
            datetime(last.year, last.month, last.day, tzinfo=marketplace.zone).astimezone(UTC)
            if last != first
            else start
        )
        seam = (change, first, last)
        self._seams[key] = seam
        return seam
