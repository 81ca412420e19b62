"""What a clock that was ahead has dated in the future is dated at the present again."""

from __future__ import annotations

import pytest
from django.db import connections
from tests.cast import Cast
from tests.conftest import as_role

from theseller.config.clock_jumps import correct_future_dates
from theseller.lib import sql_execution

_WRITTEN_AHEAD = """
insert into procrastinate_jobs (queue_name, task_name, priority, args, status, queueing_lock,
    scheduled_at, attempts)
values ('default', 'config.reap', 0, '{}', 'todo', 'config.reap', now() + interval '400 days', 3);
insert into procrastinate_workers (last_heartbeat) values (now() + interval '400 days');
insert into tenancy_host (id, process, name, version, settings, clock_ahead, disk_free, disk_size,
    seen_at)
values (gen_random_uuid(), 'web', 'lost', '1', '{}', 0, 1, 1, now() + interval '400 days')
"""
_LEFT = """
select (select count(*) from procrastinate_jobs where scheduled_at > now()),
       (select count(*) from procrastinate_workers where last_heartbeat > now()),
       (select count(*) from tenancy_host where seen_at > now())
"""


@pytest.fixture
def ahead(cast: Cast) -> None:
    del cast
    with as_role("worker"):
        sql_execution.execute(connections["default"], _WRITTEN_AHEAD)


@pytest.mark.usefixtures("ahead")
def test_jobs_workers_and_hosts_dated_in_the_future_are_dated_now() -> None:
    with as_role("worker"):
        # Tests before this one may have left workers whose clocks they set ahead.
        assert min(sql_execution.one(connections["default"], _LEFT) or (0,)) >= 1
        correct_future_dates()
        assert sql_execution.one(connections["default"], _LEFT) == (0, 0, 0)
