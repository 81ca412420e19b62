"""Traffic by its stream: equal to Amazon's books, restated days, denied and failed reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import ROLES, EmulatedAmazon, emulated_amazon
from tests.integration.ingest.sync.conftest import DE, SMALL_SELLER, UK, Worker, connect

from theseller.accounts.models import User
from theseller.amazon.reports import Options
from theseller.emulator.reports.sales_and_traffic import TrafficWriter
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.ingest.sync import queries
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.ingest.sync.streams.traffic import TRIES
from theseller.ingest.types import StreamProgress
from theseller.lib import clock
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import tenant_scope

NAME = "traffic"
#: Amazon's patience is tested elsewhere: here it makes as many reports as are requested.
RATE_SCALE = 1e9


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[EmulatedAmazon]:
    with emulated_amazon(tmp_path / "amazon", rate_scale=RATE_SCALE) as running:
        yield running


def _writer(store: str, at: datetime) -> TrafficWriter:
    seller = SELLERS[SMALL_SELLER]
    return TrafficWriter(World(7), seller, seller.store(store), at)


def _books(store: str, days: list[date], at: datetime) -> dict[tuple[date, str], tuple[int, ...]]:
    """Return sessions, page views, units and hundredths of sales by day and ASIN; "" is the store."""
    found: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for day in days:
        found[day, ""]  # A day without a sale is a row with zeros.
        for product, tally in _writer(store, at)._products(day).items():
            for asin in ("", product.asin):
                row = (tally.sessions, tally.page_views, tally.units, tally.sales)
                found[day, asin] = [a + b for a, b in zip(found[day, asin], row, strict=True)]
    return {key: tuple(row) for key, row in found.items()}


def _stored(worker: Worker, store: str) -> dict[tuple[date, str], tuple[int, ...]]:
    return {
        (day, asin): tuple(figures)
        for day, asin, *figures in worker.rows(
            "select local_day, asin, sessions, page_views, units_ordered,"
            " (ordered_sales * 100)::bigint from ingest_traffic_day where marketplace_id = %s",
            store,
        )
    }


def _day(back: int, store: str = UK) -> date:
    return local_day(store, clock.now() - timedelta(hours=6)) - timedelta(days=back)


def _narrow(worker: Worker, tasks: list[str], store: str = UK) -> None:
    worker.set_cursor(NAME, store, day=str(_day(0, store)), fresh=[], pending=tasks)


def _restate(worker: Worker, store: str = UK) -> None:
    """Let the store's next day begin: its newest four days are requested again."""
    worker.set_cursor(NAME, store, day=str(_day(1, store)))
    worker.pass_time(NAME, store)
    worker.run(NAME, store)
    worker.finish(NAME, store, turns=60)


def _progress(worker: Worker) -> StreamProgress:
    with tenant_scope(worker.tenant):
        return next(one for one in queries.progress() if one.name == NAME)


def _client(person: UUID) -> Client:
    client = Client()
    client.force_login(User.objects.get(id=person))
    return client


def test_first_steps_plan_the_history_and_request_newest_days_first(worker: Worker) -> None:
    worker.run(NAME, UK)
    stream = worker.stream(NAME, UK)
    assert stream["work_total"] == len(stream["cursor"]["pending"]) == 564
    assert list(stream["cursor"]["open"]) == [f"{_day(30)}/{_day(1)}"]
    assert worker.requests_of("createReport") == 1, "one in a quarter of an hour"
    again = datetime.fromisoformat(stream["cursor"]["next"]) - clock.now()
    assert timedelta(minutes=14) < again <= timedelta(minutes=15, seconds=1)


def test_traffic_equals_amazon_s_books_for_each_day_and_product(worker: Worker) -> None:
    for store in (UK, DE):
        days = [_day(back, store) for back in range(1, 7)]
        _narrow(worker, [f"{days[-1]}/{days[0]}", *map(str, days)], store)
        worker.finish(NAME, store, turns=60)
        stored, books = _stored(worker, store), _books(store, days, clock.now())
        assert stored == books
        assert len(stored) > len(days) + 3
        assert worker.stream(NAME, store)["fresh_until"] is not None
    assert worker.rows("select count(*) from ingest_drift") == [(0,)]
    documents = worker.rows(
        "select count(*), count(distinct source_key) from ingest_document where report_type ="
        " 'GET_SALES_AND_TRAFFIC_REPORT' and origin = 'pulled'"
    )
    assert documents == [(14, 14)]
    assert _progress(worker).name == NAME


def test_a_restated_day_replaces_the_day(worker: Worker) -> None:
    days = [_day(back) for back in range(1, 5)]
    _narrow(worker, [str(day) for day in days])
    worker.finish(NAME, UK, turns=60)
    before = _stored(worker, UK)
    worker.amazon.control("clock", days=5)
    _restate(worker)
    after, later = _stored(worker, UK), clock.now() + timedelta(days=5)
    assert after == _books(UK, days, later)
    assert after != before, "Amazon counts a tenth of the sessions later"
    assert worker.rows("select count(*) from ingest_document where origin = 'pulled'") == [(4,)]


@pytest.mark.parametrize("file_first", [True, False])
def test_a_file_and_the_stream_count_a_day_once(
    worker: Worker, cast: Cast, *, file_first: bool
) -> None:
    day = _day(5)
    text = _writer(UK, clock.now()).text(day, day, asin_granularity="CHILD").encode() + b"\n"

    def upload() -> None:
        with as_role("web"):
            done = import_report(
                [text],
                Options(),
                tenant=worker.tenant,
                actor=cast.alice.actor,
                at=clock.now(),
            )
            assert done.status is ImportStatus.IMPORTED

    if file_first:
        upload()
    _narrow(worker, [str(day)])
    worker.finish(NAME, UK)
    if not file_first:
        upload()
    assert _stored(worker, UK) == _books(UK, [day], clock.now())


def test_a_day_that_is_cancelled_twice_has_no_data(worker: Worker) -> None:
    _narrow(worker, [str(_day(3)), str(_day(4))])
    worker.amazon.control(
        "faults", operation="reports.createReport", kind="cancelled_report", times=2
    )
    for _ in range(2):
        worker.pass_time(NAME, UK)
        worker.set_cursor(NAME, UK, pending=[str(_day(3))])
        worker.run(NAME, UK)
        worker.pass_time(NAME, UK)
        worker.run(NAME, UK)
    cursor = worker.stream(NAME, UK)["cursor"]
    assert (cursor["pending"], cursor["parked"]) == ([], {})
    assert _stored(worker, UK) == {}
    _narrow(worker, [str(_day(4))])
    worker.finish(NAME, UK)
    assert _stored(worker, UK) == _books(UK, [_day(4)], clock.now())


def test_a_failed_report_waits_while_others_go_on_and_is_given_up_at_last(worker: Worker) -> None:
    worker.amazon.control("faults", operation="reports.createReport", kind="fatal_report", times=1)
    days = [_day(3), _day(4)]
    _narrow(worker, [str(day) for day in days])
    worker.finish(NAME, UK, turns=40)
    assert _stored(worker, UK) == _books(UK, days, clock.now())
    worker.amazon.control("faults", operation="reports.createReport", kind="fatal_report")
    before = worker.requests_of("createReport")
    _narrow(worker, [str(_day(5))])
    worker.finish(NAME, UK, turns=60)
    assert worker.requests_of("createReport") == before + TRIES
    assert not any(day == _day(5) for day, _ in _stored(worker, UK))


def test_progress_says_how_many_reports_there_are_and_when_it_ends(worker: Worker) -> None:
    worker.run(NAME, UK)
    worker.rows("delete from ingest_stream where name = %s and marketplace_id <> %s", NAME, UK)
    found = _progress(worker)
    assert found.step == "now"
    assert found.state == "0 of 564 reports"
    assert "At most 96 reports a day" in found.note
    assert "in about 7 days" in found.note  # 564 ÷ (96 − 4)
    assert not queries.is_running([found]), "no page waits for days"
    with override_settings(REPORTS_PER_DAY={"GET_SALES_AND_TRAFFIC_REPORT": 4}):
        assert "use them up" in _progress(worker).note


def test_without_the_role_the_page_says_so_and_nothing_else_stops(
    cast: Cast, tmp_path: Path
) -> None:
    roles = tuple(role for role in ROLES if role != "Brand Analytics")
    with emulated_amazon(tmp_path / "other", roles=roles, rate_scale=RATE_SCALE) as amazon:
        connection = connect(cast, amazon, ["sales", "traffic"])
        worker = Worker(cast.alices_shop, connection, amazon)
        with as_role("worker"):
            plan(cast.alices_shop, connection, at=clock.now())
            worker.set_cursor("orders_history", pending=[0])
            for _, _, store in worker.rows(
                "select name, connection_id, marketplace_id from ingest_stream where name = %s",
                NAME,
            ):
                # The others begin one a minute, as createReport has tokens.
                worker.rows("update ingest_stream set due_at = now() where last_attempt_at is null")
                worker.rows(
                    "update ingest_bucket set tokens = burst where key like %s", "%|createReport"
                )
                assert worker.run(NAME, store) == 0
            assert {
                (outcome, tries)
                for outcome, tries in worker.rows(
                    "select last_outcome, failures_in_row from ingest_stream where name = %s", NAME
                )
            } == {("role_missing", 1)}, "a denied report uses up none of those allowed"
            worker.finish("orders_history")
        with as_role("web"):
            page = _client(cast.alice.id).get("/traffic/").text
            sync = _client(cast.alice.id).get(reverse("ingest:progress")).text
    assert "Traffic can’t be read at present" in page
    for text in (page, sync):
        assert "need the role Brand Analytics" in text


def test_traffic_page_without_data_has_a_heading_and_says_why(worker: Worker, cast: Cast) -> None:
    with as_role("web"):
        reading = _client(cast.alice.id).get("/traffic/").text
        other = _client(cast.charlie.id).get("/traffic/").text
    assert "<h1>Traffic</h1>" in reading
    assert "Traffic is being read from Amazon" in reading
    assert "<h1>Traffic</h1>" in other
    assert "No connection reads traffic" in other
    worker.rows(
        "update ingest_stream set work_done = work_total, last_outcome = 'ok', last_success_at ="
        " now() where name = %s",
        NAME,
    )
    with as_role("web"):
        assert "Amazon reported no traffic" in _client(cast.alice.id).get("/traffic/").text
