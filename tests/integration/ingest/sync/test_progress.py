"""What the progress page says about how far the data is."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from tests.cast import Cast
from tests.conftest import as_role
from tests.integration.ingest.sync.conftest import Worker

from theseller.accounts.models import User
from theseller.ingest.sync import queries
from theseller.ingest.types import Outcome, StreamProgress
from theseller.tenancy.tenant_scope import tenant_scope


def _progress(worker: Worker) -> dict[str, StreamProgress]:
    with tenant_scope(worker.tenant):
        return {stream.name: stream for stream in queries.progress()}


def test_progress_reports_waiting_preparing_and_done(worker: Worker) -> None:
    before = _progress(worker)
    assert list(before) == [
        "orders_history",
        "orders",
        "transactions",
        "settlements",
        "inventory",
        "traffic",
    ]
    assert {stream.step for stream in before.values()} == {"waiting"}
    assert queries.is_running(tuple(before.values()))
    worker.run("orders_history")
    begun = _progress(worker)["orders_history"]
    if begun.step != "done":  # On a slow machine the report may be ready within the first turn.
        assert begun.step == "now"
        assert "preparing" in begun.note
    worker.finish("orders_history")
    done = _progress(worker)["orders_history"]
    assert (done.step, done.percent, done.state, done.note) == ("done", 100, "up to date", "")


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.NEVER_RUN}))
def test_every_sync_outcome_has_a_progress_message(worker: Worker, outcome: Outcome) -> None:
    worker.rows(
        "update ingest_stream set last_outcome = %s, failures_in_row = 5 where name ="
        " 'transactions'",
        outcome.value,
    )
    progress = _progress(worker)["transactions"]
    assert len(progress.note) > 20
    stops = outcome not in {Outcome.THROTTLED, Outcome.WAITING}
    assert progress.step == ("failed" if stops else "now")
    assert "revoke" not in progress.note.casefold()


def test_store_without_an_account_does_not_fail_the_stream_progress(worker: Worker) -> None:
    worker.rows("update ingest_stream set last_outcome = 'role_missing' where name = 'inventory'")
    assert _progress(worker)["inventory"].step == "failed"
    worker.rows(
        "update ingest_stream set last_outcome = 'ok', work_done = 1, last_success_at = now() where"
        " name = 'inventory' and marketplace_id = 'A1F83G8C2ARO7P'"
    )
    assert (_progress(worker)["inventory"].step, _progress(worker)["inventory"].total) == (
        "done",
        1,
    )


def test_orders_freshness_is_empty_until_the_orders_stream_has_finished(worker: Worker) -> None:
    with tenant_scope(worker.tenant):
        assert queries.freshness().orders_until is None
    worker.finish("orders")
    with tenant_scope(worker.tenant):
        assert queries.freshness().orders_until is not None


def _client(person: UUID) -> Client:
    client = Client()
    client.force_login(User.objects.get(id=person))
    return client


def test_progress_page_and_its_htmx_fragment_are_rendered(worker: Worker, cast: Cast) -> None:
    with as_role("web"):
        _look(cast)


def _look(cast: Cast) -> None:
    address = reverse("ingest:progress")
    assert Client().get(address).status_code == 302
    alice, charlie = _client(cast.alice.id), _client(cast.charlie.id)
    page = alice.get(address)
    assert page.status_code == 200
    assert "Order history" in page.text
    assert 'hx-trigger="every 2s"' in page.text
    part = alice.get(address, headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith("<details")
    polled = alice.get(address, headers={"HX-Request": "true", "HX-Trigger": "progress"})
    assert polled.text.lstrip().startswith('<span id="sync-line" hx-swap-oob="true">')
    assert "<html" not in part.text
    other = charlie.get(address)
    assert "Order history" not in other.text
    assert other.status_code == 200
