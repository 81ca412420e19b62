"""The clock of database, web and worker jumps, and jumps back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.faults.own_clock import OwnClock, own_clock
from tests.integration.faults.running import PATIENCE, Running, running

from theseller.postgres.os_processes import wait_until

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def clock() -> Iterator[OwnClock]:
    with own_clock() as made:
        yield made


@pytest.fixture(scope="module")
def site(clock: OwnClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("faults"), clock.variables) as found:
        yield found


@pytest.fixture
def served(site: Running) -> Running:
    site.start()
    site.readiness("ready")
    site.recurs()
    return site


@pytest.mark.parametrize("seconds", [3600, 400 * 86400], ids=["an hour", "a year"])
def test_recurring_jobs_continue_after_jumps_of_the_clock(
    served: Running, clock: OwnClock, seconds: int
) -> None:
    clock.set_ahead(seconds)
    assert wait_until(lambda: served.logged("worker", "clock_jumped") % 2 == 1, PATIENCE)
    served.recurs()
    served.readiness("ready")
    if seconds > 2 * 86400:
        assert wait_until(lambda: served.logged("worker", "deletions_by_age_delayed") > 0, PATIENCE)
    clock.set_ahead(0)
    assert wait_until(lambda: served.logged("worker", "clock_jumped") % 2 == 0, PATIENCE)
    served.recurs()
    served.readiness("ready")
    assert (served.worker.poll(), served.web.poll()) == (None, None)
