"""The line of the sync: how far, what is paused, and an estimate only where there is ground for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from theseller.connections.types import ConnectionView, Origin
from theseller.ingest.sync.sync_summary import summarize
from theseller.ingest.types import StreamProgress
from theseller.lib.marketplaces import Region

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def _stream(
    done: int,
    total: int = 19,
    step: str = "now",
    name: str = "orders_history",
    checked: datetime | None = None,
) -> StreamProgress:
    return StreamProgress(
        name, "Order history", done, total, 100 * done // total, step, "", "", checked, None, None
    )


def _connection(
    minutes: float, *, renewed: float | None = None, number: int = 1, origin: Origin = Origin.LWA
) -> ConnectionView:
    """Return an open connection made `minutes` ago and authorized again `renewed` minutes ago."""
    created = AT - timedelta(minutes=minutes)
    authorized = created if renewed is None else AT - timedelta(minutes=renewed)
    return ConnectionView(
        UUID(int=1),
        UUID(int=number),
        origin,
        Region.NA,
        "A1",
        (),
        (),
        (),
        created,
        authorized,
        AT + timedelta(days=365),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("minutes", "done", "left"),
    [
        (10, 10, "9 minutes"),  # nine of nineteen months at a minute each
        (1, 15, "1 minute"),  # sixteen seconds
        (55, 9, "61 minutes"),  # not "2 hours"
        (99, 10, "89 minutes"),
        (100, 10, "2 hours"),
        (600, 1, "180 hours"),
    ],
)
def test_remaining_time_is_extrapolated_from_the_completed_share(
    minutes: float, done: int, left: str
) -> None:
    assert summarize([_stream(done)], [_connection(minutes)], AT).left == left


def test_remaining_time_is_that_of_the_slowest_stream() -> None:
    streams = [_stream(18), _stream(1, 2, name="money")]
    assert summarize(streams, [_connection(30)], AT).left == "30 minutes"


def test_imported_files_do_not_change_the_remaining_time() -> None:
    views = [_connection(10), _connection(5000, number=2, origin=Origin.FILES)]
    assert summarize([_stream(10)], views, AT).left == "9 minutes"


@pytest.mark.parametrize(
    "views",
    [
        pytest.param(
            [_connection(600, renewed=1)], id="renewed a minute ago: most of it had arrived before"
        ),
        pytest.param(
            [_connection(1, number=2), _connection(5000)],
            id="a second region: the other one's history is no pace of this one",
        ),
        pytest.param([_connection(0.2)], id="twelve seconds show no pace"),
        pytest.param([_connection(60 * 49)], id="interrupted: it began days ago"),
        pytest.param([], id="no connection"),
    ],
)
def test_nothing_is_estimated_without_data(views: list[ConnectionView]) -> None:
    assert summarize([_stream(10)], views, AT).left == ""


def test_nothing_is_estimated_before_every_stream_has_begun() -> None:
    assert (
        summarize(
            [_stream(10), _stream(0, step="waiting", name="money")], [_connection(10)], AT
        ).left
        == ""
    )


def test_a_paused_stream_is_named_and_is_not_waited_for() -> None:
    found = summarize([_stream(10), _stream(1, step="failed", name="money")], [_connection(10)], AT)
    assert (found.left, found.failed) == ("9 minutes", ("Order history",))


def test_progress_of_a_running_stream_is_at_most_99_percent() -> None:
    assert summarize([_stream(19, step="now")], [_connection(10)], AT).percent == 99
    assert summarize([_stream(19, step="done")], [_connection(10)], AT).percent == 100
    assert summarize([], [_connection(10)], AT).percent == 0


def test_checked_at_is_latest_of_all_streams() -> None:
    streams = [
        _stream(19, step="done", checked=AT - timedelta(days=6)),
        _stream(2, 2, "done", checked=AT - timedelta(minutes=3)),
        _stream(1),
    ]
    assert summarize(streams, [], AT).checked_at == AT - timedelta(minutes=3)
    assert summarize([_stream(1)], [], AT).checked_at is None
