"""Amazon's token buckets in PostgreSQL, shared by every worker.

One statement decides and takes, so no two can take the same token. The arithmetic is that of
`amazon/throttle.py`, in SQL. A decision has a short transaction of its own: inside the transaction
of a call the bucket would stay locked for as long as Amazon takes to answer, and a rollback would
give back a token that Amazon has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from typing_extensions import override

from theseller.amazon.spapi_operations import OPERATIONS
from theseller.amazon.throttle import BucketKey, Granted, Limiter, NotBefore
from theseller.connections import connection_locks
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope

#: A header outside of these bounds is a mistake, not a plan (see `amazon/throttle.py`).
_SLOWEST, _FASTEST = 0.0005, 1000.0
#: The most tokens of debt after refusals: a storm must not lock a seller out for long.
_MOST_DEBT = 4
_SECONDS_A_DAY = 24 * 60 * 60
#: A bucket that is dated later than this was written by a clock that was ahead.
_SKEW = timedelta(minutes=1)

# A refused decision writes nothing: the update's WHERE fails and only the second arm answers, from
# the statement's snapshot; it estimates the wait. A worker whose clock is behind never takes back
# what another's clock has refilled.
# A bucket that is dated in the future was used under a clock that was ahead: it begins again now.
_BEGIN_AGAIN = """
update ingest_bucket set updated_at = %(at)s
where tenant_id = %(tenant)s and key = %(key)s
  and updated_at > %(at)s::timestamptz + interval '1 minute'
"""
_ACQUIRE = """
with taken as (
    insert into ingest_bucket as b (tenant_id, key, connection_id, tokens, rate, burst, updated_at)
    values (%(tenant)s, %(key)s, %(connection)s, %(burst)s - 1, %(rate)s, %(burst)s, %(at)s)
    on conflict (tenant_id, key) do update
    set tokens = least(b.burst, b.tokens
            + greatest(extract(epoch from %(at)s::timestamptz - b.updated_at), 0) * b.rate) - 1,
        updated_at = greatest(b.updated_at, %(at)s::timestamptz)
    where least(b.burst, b.tokens
            + greatest(extract(epoch from %(at)s::timestamptz - b.updated_at), 0) * b.rate)
        >= 1 - 1e-6
    returning 1)
select null::double precision, null::double precision, null::timestamptz from taken
union all
select b.tokens, b.rate, b.updated_at from ingest_bucket b
where b.tenant_id = %(tenant)s and b.key = %(key)s and not exists (select from taken)
"""
_SEED = """
insert into ingest_bucket (tenant_id, key, connection_id, tokens, rate, burst, updated_at)
values (%(tenant)s, %(key)s, %(connection)s, %(burst)s, %(rate)s, %(burst)s, %(at)s)
on conflict (tenant_id, key) do nothing
"""
_REFILLED = (
    "least(burst, tokens + greatest(extract(epoch from %(at)s::timestamptz - updated_at), 0) *"
    " rate)"
)
_LEARN = f"""
update ingest_bucket
set tokens = {_REFILLED}, updated_at = greatest(updated_at, %(at)s::timestamptz), rate = %(rate)s
where tenant_id = %(tenant)s and key = %(key)s and rate <> %(rate)s
"""  # of this module's own parts  # noqa: S608
_GIVE_BACK = """
update ingest_bucket set tokens = least(burst, tokens + 1)
where tenant_id = %(tenant)s and key = %(key)s
"""
_PENALISE = f"""
update ingest_bucket
set tokens = case when {_REFILLED} > 1e-6 then 0
        else greatest({_REFILLED} - 1, -least(burst, {_MOST_DEBT})) end,
    updated_at = greatest(updated_at, %(at)s::timestamptz)
where tenant_id = %(tenant)s and key = %(key)s
"""  # noqa: S608


class PostgresLimiter(Limiter):
    """The limiter of one connection.

    Call it outside of any tenant scope: it opens its own. `hold` keeps the connection from ending
    meanwhile, or raises ConnectionClosedError: a bucket is never changed after the end, so that the
    buckets prove that no request was made any more.
    """

    def __init__(
        self,
        tenant: UUID,
        connection: UUID,
        *,
        using: str = "default",
        hold: Callable[[UUID], object] = connection_locks.lock_shared,
    ) -> None:
        self._tenant = tenant
        self._connection = connection
        self._using = using
        self._hold = hold

    @override
    def acquire(self, key: BucketKey, at: datetime) -> Granted | NotBefore:
        """Take a token of the bucket, or return the instant to wait for.

        Raises:
            ConnectionClosedError: the connection has ended.
        """
        parameters = self._parameters(key, at)
        with tenant_scope(self._tenant, using=self._using):
            self._hold(self._connection)
            if key.operation in settings.REPORTS_PER_DAY:  # The setting may be another one now.
                sql_execution.execute(connections[self._using], _LEARN, parameters)
            row = sql_execution.one(connections[self._using], _ACQUIRE, parameters)
        if (
            row is None
            # Another worker made the bucket in this very moment, later than this statement's
            # snapshot.
        ):
            return NotBefore(at + timedelta(milliseconds=50))
        tokens, rate, updated_at = row
        if rate is None:
            return Granted()
        if updated_at > at + _SKEW:
            self._begin_again(key, at)
            updated_at = at
        missing = max(1 - tokens, 1e-6)
        return NotBefore(updated_at + timedelta(microseconds=ceil(missing / rate * 1_000_000)))

    def give_back(self, key: BucketKey, at: datetime) -> None:
        """Give back a token of the bucket: what it was taken for was not done.

        Raises:
            ConnectionClosedError: the connection has ended.
        """
        with tenant_scope(self._tenant, using=self._using):
            self._hold(self._connection)
            parameters = self._parameters(key, at)
            sql_execution.execute(connections[self._using], _GIVE_BACK, parameters)

    @override
    def observe(
        self, key: BucketKey, rate_header: str | None, *, throttled: bool, at: datetime
    ) -> None:
        """Store the rate that an answer of Amazon states, and a throttling.

        A connection that has ended is ignored. Nothing is stored without a rate and a throttling.
        """
        rate = _rate(rate_header)
        if rate is None and not throttled:
            return
        with (
            suppress(connection_locks.ConnectionClosedError),
            tenant_scope(self._tenant, using=self._using),
            connections[self._using].cursor() as cursor,
        ):
            self._hold(self._connection)
            parameters = self._parameters(key, at)
            cursor.execute(_SEED, parameters)
            if rate is not None:
                cursor.execute(_LEARN, parameters | {"rate": rate})
            if throttled:
                cursor.execute(_PENALISE, parameters)

    def _begin_again(self, key: BucketKey, at: datetime) -> None:
        with tenant_scope(self._tenant, using=self._using):
            self._hold(self._connection)
            sql_execution.execute(connections[self._using], _BEGIN_AGAIN, self._parameters(key, at))

    def _parameters(self, key: BucketKey, at: datetime) -> dict[str, Any]:
        rate, burst = _plan(key.operation)
        return {
            "tenant": self._tenant,
            "connection": self._connection,
            # A connection has one seller and one region: two of a seller's connections in a region
            # are one after the other.
            "key": f"{key.application}|{self._connection}|{key.operation}"[:200],
            "rate": rate,
            "burst": float(burst),
            "at": at,
        }


def _plan(name: str) -> tuple[float, int]:
    """Return rate and burst of an operation, or of a rationed report type."""
    a_day = settings.REPORTS_PER_DAY.get(name)
    if a_day is not None:
        return a_day / _SECONDS_A_DAY, 1
    return OPERATIONS[name].rate, OPERATIONS[name].burst


def _rate(header: str | None) -> float | None:
    try:
        rate = float(header) if header is not None else 0.0
    except ValueError:
        return None
    return rate if _SLOWEST <= rate <= _FASTEST else None


@dataclass(slots=True)
class PrepaidLimiter(Limiter):
    """Limiter that lets calls through that were granted beforehand.

    A grant is taken before the transaction of its call begins, and what was observed is kept until
    the transaction has ended. A second call of the same step (after an access token was refused)
    finds no grant: the step is repeated at once, with its own grant.
    """

    limiter: Limiter
    _granted: set[BucketKey] = field(default_factory=set)
    _observed: list[tuple[BucketKey, str | None, bool, datetime]] = field(default_factory=list)

    def pay(self, key: BucketKey, at: datetime) -> NotBefore | None:
        """Take one token now, for one call later; None if it was granted."""
        answer = self.limiter.acquire(key, at)
        if isinstance(answer, NotBefore):
            return answer
        self._granted.add(key)
        return None

    @override
    def acquire(self, key: BucketKey, at: datetime) -> Granted | NotBefore:
        """Use up the grant of `key`; without one, return that it may retry now."""
        if key not in self._granted:
            return NotBefore(at)
        self._granted.discard(key)
        return Granted()

    @override
    def observe(
        self, key: BucketKey, rate_header: str | None, *, throttled: bool, at: datetime
    ) -> None:
        """Keep what was observed until `reporting` ends."""
        self._observed.append((key, rate_header, throttled, at))

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Pass on what was observed inside, after the transaction inside.

        However the transaction ended.
        """
        try:
            yield
        finally:
            observed, self._observed = self._observed, []
            for key, rate_header, throttled, at in observed:
                self.limiter.observe(key, rate_header, throttled=throttled, at=at)
