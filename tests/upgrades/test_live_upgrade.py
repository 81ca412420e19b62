"""The release before serves while this one migrates, and comes back afterwards, on a live load.

Its code is that of the commit that `numbered.json` names. What this release brings, and one more
migration with every kind of change that is allowed, must not cost it a request or a row.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from tests.upgrades.live_load import (
    EXPORT,
    IMPORT,
    LIVE_SKU,
    Done,
    Load,
    percentile,
    sign_in,
)
from tests.upgrades.numbered import numbered
from tests.upgrades.old_code import source_of
from tests.upgrades.two_versions import PATIENCE, Version, later_source

from theseller.audit.event_types import Tag
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_processes import wait_until
from theseller.postgres.server_folders import conninfo
from theseller.tenancy.schema_release import RELEASE

#: Number of the order that is there before the load, which begins with 0.
FIRST = 9_999_999

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]


@dataclass(slots=True)
class Upgrade:
    """Two versions on one state folder, and the load on the socket that they share."""

    before: Version
    after: Version
    shared: socket.socket
    rate: float
    steps: list[tuple[float, str]] = field(default_factory=list)
    downloads: int = 0
    _begun: float = field(default_factory=time.monotonic)

    def step(self, name: str, seconds: float = 0.0) -> None:
        """Note that something is done, and let the load go on for a while."""
        self.steps.append((round(time.monotonic() - self._begun, 1), name))
        time.sleep(seconds)

    @contextmanager
    def load(self) -> Iterator[None]:
        """Send requests for the block: none may fail, and each row that one made is there."""
        # The release before has this name for `demo-accounts`.
        people = json.loads(self.before.run("seed", "--json"))
        alice = next(one for one in people if one["name"] == "Alice")
        port = self.shared.getsockname()[1]
        load = Load(port, sign_in(port, alice["email"], alice["password"]), self.rate)
        # Without figures, which a worker computes, there is nothing to download.
        with self.before.working():
            assert load.send_file(FIRST) == ""
            assert wait_until(lambda: load.get(EXPORT) == "", PATIENCE, step=0.5)
        self.downloads = self._downloads()
        self._begun = time.monotonic()
        load.start()
        yield
        done = load.stop()
        sys.stdout.write(report(done, self.steps))
        assert [one for one in done if one.fault] == [], self.before.tail() + self.after.tail()
        sent = Counter(one.path for one in done)
        assert sent[EXPORT]
        assert sent[IMPORT]
        exports = self._downloads() - self.downloads
        orders = self.rows(
            "select count(distinct order_id) from ingest_order_line where sku = %s", LIVE_SKU
        )
        assert (exports, orders) == (sent[EXPORT], [(1 + sent[IMPORT],)])

    def _downloads(self) -> int:
        """Return how many downloads are in the audit log."""
        ((number,),) = self.rows(
            "select count(*)::int from audit_event where tag = %s", Tag.DATA_EXPORTED
        )
        return int(str(number))

    def rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        password = FileSecretProvider(self.before.state / "secrets").get("db-superuser").reveal()
        with psycopg.connect(conninfo(self.before.state, SUPERUSER, password)) as database:
            return database.execute(query.encode(), values or None).fetchall()

    def runs_on(self) -> list[tuple[object, ...]]:
        """Return the release of the schema, and whether its unknown migration is applied."""
        return self.rows(
            "select schema_release, exists (select from django_migrations where name ="
            " '9999_later') from guard.deployment"
        )


@pytest.fixture
def upgrade(request: pytest.FixtureRequest) -> Iterator[Upgrade]:
    """Make a database with the release before; `param`: requests a second, processes of the web."""
    rate, processes = request.param
    folder = Path(tempfile.mkdtemp(prefix="ts-live-"))
    folder.chmod(0o711)
    last = numbered()[-1]
    assert last.release == RELEASE - 1
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        before = Version("before", source_of(last.commit, folder), folder / "state", processes)
        after = Version("after", later_source(folder), folder / "state", processes)
        stack.enter_context(before.with_database())
        before.run("migrate", "--quiet")
        shared = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        yield Upgrade(before, after, shared, rate)


@pytest.mark.parametrize("upgrade", [(5.0, 1)], indirect=True)
def test_release_before_serves_through_a_migration_and_starts_again_after_it(
    upgrade: Upgrade,
) -> None:
    """The short variant: few requests, no worker, and of this release nothing but `migrate`."""
    before, after = upgrade.before, upgrade.after
    with ExitStack() as load:
        with before.serving(upgrade.shared):
            load.enter_context(upgrade.load())
            after.run("migrate", "--quiet")
            upgrade.step("migrated")
        upgrade.step("stopped")
        with before.serving(upgrade.shared):
            upgrade.step("release before serves again", 1)
            load.close()
    assert upgrade.runs_on() == [(RELEASE, True)]


@pytest.mark.parametrize("upgrade", [(50.0, 2)], indirect=True)
def test_upgrade_and_rollback_lose_no_request_and_no_row(upgrade: Upgrade) -> None:
    before, after, shared = upgrade.before, upgrade.after, upgrade.shared
    with ExitStack() as load, ExitStack() as old, ExitStack() as new:
        old.enter_context(before.serving(shared))
        old.enter_context(before.working())
        load.enter_context(upgrade.load())
        upgrade.step("release before serves", 10)
        after.run("migrate", "--quiet")
        upgrade.step("migrated", 10)
        new.enter_context(after.serving(shared))
        upgrade.step("this release serves beside it")
        old.close()
        new.enter_context(after.working())
        upgrade.step("release before is stopped", 15)
        old.enter_context(before.serving(shared))
        upgrade.step("release before serves beside this one")
        new.close()
        old.enter_context(before.working())
        upgrade.step("this release is stopped", 15)
        old.close()
        upgrade.step("everything is stopped")
        old.enter_context(before.serving(shared))
        upgrade.step("release before serves after a pause", 5)
        load.close()
    assert upgrade.runs_on() == [(RELEASE, True)]


def report(done: list[Done], steps: list[tuple[float, str]]) -> str:
    """Return the figures of a load, and what happened when."""
    failed = [one for one in done if one.fault]
    took = ", ".join(
        f"{name} {percentile(done, share):.3f} s"
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("longest", 1.0))
    )
    lines = [f"{len(done)} requests, {len(failed)} failed, {took}"]
    lines += [f"{at:8.1f} s  {name}" for at, name in steps]
    return "\n".join(["", *lines, *(str(one) for one in failed[:10]), ""])
