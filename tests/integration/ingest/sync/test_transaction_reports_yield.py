"""Rows of an imported transaction report yield to what the stream of transactions reads."""

from __future__ import annotations

from datetime import timedelta

from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import EmulatedAmazon
from tests.integration.ingest.sync.conftest import SMALL_SELLER, UK, Worker, connect

from theseller.amazon.reports import Options, ReportType
from theseller.emulator.reports.document_rendering import midnight, render
from theseller.emulator.reports.types import ReportOrder
from theseller.emulator.world.sellers import SELLERS
from theseller.emulator.world.world_queries import World
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.lib import clock

_COUNTING = (
    "select count(*) from ingest_ledger_line where source = 'transaction_report' and state <>"
    " 'elsewhere'"
)


def test_rows_of_a_file_count_until_the_stream_has_read_their_time(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    now = clock.now()
    connection = connect(cast, amazon, ["finances"])
    first, last = (midnight((now - timedelta(days=back)).date()) for back in (60, -1))
    text = render(
        World(7),
        ReportOrder(
            SELLERS[SMALL_SELLER], ReportType.TRANSACTIONS.value, first, last, now, (UK,),
            {"language": "en"},
        ),
    )  # fmt: skip
    assert text
    done = import_report(
        [text.encode()], Options(), tenant=cast.alices_shop, actor=cast.alice.actor, at=now
    )
    assert done.status is ImportStatus.IMPORTED
    with as_role("worker"):
        plan(cast.alices_shop, connection, at=clock.now())
        worker = Worker(cast.alices_shop, connection, amazon)
        worker.set_cursor("transactions", pending=[0])
        [(before,)] = worker.rows(_COUNTING)
        assert before > 50
        worker.finish("transactions")
        assert worker.rows(_COUNTING) == [(0,)]
        [(lines,)] = worker.rows(
            "select count(*) from ingest_ledger_line where source = 'finances'"
        )
        assert lines > 50
