"""Access reviews: everything on the page, by an operator who did not do it, every two weeks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from tests.cast import Cast, create_cast
from tests.database import test_server, wait_for_open_transactions
from tests.operators import OperatorUser, create_operator, operator_client
from tests.sabotage.databases import own_database

from theseller.accounts.types import Operator
from theseller.audit.event_types import Tag
from theseller.lib import clock
from theseller.operators.shop_access import queries
from theseller.operators.shop_access.operations import close_access, confirm_review, open_access
from theseller.operators.shop_access.types import (
    EVENT_LABELS,
    AccessEvent,
    AccessRefusedError,
    OpenSession,
    ReviewState,
    SessionEnd,
)
from theseller.postgres.os_processes import wait_until

REASON = "The seller asks why the figures of Monday are too low"


@pytest.fixture
def database() -> Iterator[str]:
    """A database for each test: a review speaks of the whole deployment."""
    with own_database("reviews") as name:
        yield name


@pytest.fixture
def shop(database: str) -> Cast:
    return create_cast(at=clock.now())


@pytest.fixture
def operator(database: str) -> OperatorUser:
    return create_operator()


def _operator(operator: OperatorUser) -> Operator:
    return Operator(operator.id, "Olga")


def _open(operator: OperatorUser, tenant: UUID) -> OpenSession:
    return open_access(
        actor=_operator(operator),
        tenant=tenant,
        reason=REASON,
        ticket="SUP-1",
        minutes=30,
        at=clock.now(),
    )


def events_to_review() -> tuple[AccessEvent, ...]:
    wait_for_open_transactions()
    return queries.events_to_review()


def review_state() -> ReviewState:
    wait_for_open_transactions()
    return queries.review_state()


def test_a_review_covers_what_was_shown_and_not_the_reviewer_s_own_acts(
    shop: Cast, operator: OperatorUser
) -> None:
    at = clock.now()
    oskar = create_operator(name="Oskar")
    opened = _open(operator, shop.alices_shop)
    first = events_to_review()
    assert first[-1].tag == Tag.ACCESS_OPENED
    close_access(
        session=opened.id,
        tenant=shop.alices_shop,
        ended=SessionEnd.LEFT,
        actor=_operator(operator).actor,
        at=at,
    )
    _open(oskar, shop.alices_shop)
    done = confirm_review(
        actor=Operator(oskar.id, "Oskar"),
        until=first[-1].position,
        note="Asked for in SUP-1.",
        at=at,
    )
    assert done.events == len(first) - sum(
        one.actor in {f"user:{oskar.id}", f"operator:{oskar.id}"} for one in first
    )
    left = events_to_review()
    assert [one.tag for one in left if one.actor == f"operator:{operator.id}"] == [
        Tag.ACCESS_CLOSED
    ], "what came later was not on the page"
    with pytest.raises(AccessRefusedError, match="has changed"):
        confirm_review(
            actor=Operator(oskar.id, "Oskar"), until=(left[-1].position[0] + 1, 1), note="x", at=at
        )
    confirm_review(
        actor=Operator(oskar.id, "Oskar"), until=left[-1].position, note="Closed.", at=at
    )
    own = events_to_review()
    assert {one.actor for one in own} <= {f"operator:{oskar.id}", f"user:{oskar.id}"}
    with pytest.raises(AccessRefusedError, match="your own actions"):
        confirm_review(actor=Operator(oskar.id, "Oskar"), until=own[-1].position, note="x", at=at)
    confirm_review(actor=_operator(operator), until=own[-1].position, note="Oskar's.", at=at)
    assert events_to_review() == ()


def test_single_operator_review_is_audited_as_covering_own_accesses(
    shop: Cast, operator: OperatorUser, database: str
) -> None:
    _open(operator, shop.alices_shop)
    browser = operator_client(operator)
    page = browser.get("/operate/reviews/").content.decode()
    assert "You are the only operator" in page
    until = events_to_review()[-1].position
    answer = browser.post("/operate/reviews/", {"until": f"{until[0]}:{until[1]}", "note": ""})
    assert answer.status_code == 422
    assert (
        browser.post(
            "/operate/reviews/", {"until": f"{until[0]}:{until[1]}", "note": "Looked at it all."}
        ).status_code
        == 302
    )
    assert events_to_review() == ()
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        row = superuser.execute(
            "select details ->> 'covers_own' from audit_event order by position desc limit 1"
        ).fetchone()
    assert row == ("true",)
    assert "Looked at it all." in browser.get("/operate/reviews/").content.decode()


def test_reviews_are_due_every_two_weeks(shop: Cast, operator: OperatorUser) -> None:
    at = clock.now()
    begun = review_state()
    assert begun.oldest_pending_at is not None
    assert begun.due_at == begun.oldest_pending_at + timedelta(days=14)
    confirm_review(
        actor=_operator(operator), until=events_to_review()[-1].position, note="All of it.", at=at
    )
    state = review_state()
    assert (state.last_at, state.oldest_pending_at, state.due_at) == (
        at,
        None,
        at + timedelta(days=14),
    )
    assert not state.overdue(at + timedelta(days=14))
    assert state.overdue(at + timedelta(days=14, seconds=1))
    # A quiet fortnight is confirmed too.
    confirm_review(
        actor=_operator(operator),
        until=(0, 0),
        note="Nothing happened.",
        at=at + timedelta(days=13),
    )
    assert review_state().due_at == at + timedelta(days=27)


def test_access_review_lists_exactly_the_events_with_a_label(
    database: str,
) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        row = superuser.execute(
            "select prosrc from pg_proc where proname = 'access_to_review'"
        ).fetchone()
    assert row is not None
    assert set(re.findall(r"'([a-z_]+:[a-z_]+:[a-z_]+)'", str(row[0]))) == {
        tag.value for tag in Tag
    } & set(EVENT_LABELS)
    assert set(EVENT_LABELS) <= {tag.value for tag in Tag}


def test_access_review_page_shows_the_reason_of_an_access_session(
    shop: Cast, operator: OperatorUser
) -> None:
    # The page shows the oldest 500 events, which those of other tests may be.
    while len(waiting := events_to_review()) > queries.EVENTS_SHOWN // 2:
        confirm_review(
            actor=_operator(create_operator()),
            until=waiting[-1].position,
            note="Events of other tests.",
            at=clock.now(),
        )
    _open(operator, shop.alices_shop)
    client = operator_client(operator)
    # An event is shown once every transaction that began before it has ended, in any database of
    # the server; tests of other workers have such transactions.
    assert wait_until(
        lambda: REASON in client.get("/operate/reviews/").content.decode(), 60, step=0.5
    )
    assert "opened an access session" in client.get("/operate/reviews/").content.decode()
