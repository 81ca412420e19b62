"""The pages of packing slips: who sees them, and what each state says.

Only one page, requested by POST, shows anything of a buyer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client, override_settings
from tests.cast import NOON, PASSWORD, Cast
from tests.integration.buyer_pii.conftest import CANARY, RECIPIENT, Shop, connect, sell

from theseller.accounts.models import User
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.buyer_pii import operations, order_list_page
from theseller.buyer_pii.enqueue_fetch import JOB
from theseller.buyer_pii.operations import (
    MAX_SLIPS_PER_REQUEST,
    enable_packing_slips,
    request_slips,
)
from theseller.buyer_pii.packing_slip_agreement_terms import TERMS, TERMS_VERSION
from theseller.buyer_pii.recipient_encryption import open_recipient
from theseller.buyer_pii.tasks import fetch_recipients
from theseller.buyer_pii.types import Gift, Recipient, RequestOutcome
from theseller.connections.operations import connection_for_files
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

LIST, ASK, PRINT = "/packing-slips/", "/packing-slips/requests/", "/packing-slips/print/"


def browser(person: UUID, *, checks: bool = False, fresh: bool = False) -> Client:
    """Return a signed-in browser; a `fresh` one has given the password just now."""
    client = Client(enforce_csrf_checks=checks)
    client.force_login(User.objects.get(pk=person))
    if fresh:
        session = client.session
        session["password_at"] = clock.now().isoformat()
        session.save()
    return client


class Page(Protocol):
    @property
    def content(self) -> bytes: ...


def text(answer: Page) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def today(role: None, cast: Cast, database: str) -> Shop:
    """Return Alice's shop with packing slips on since a moment ago: pages go by the machine's clock."""
    shop = Shop(cast, connect(cast.alices_shop), database)
    enable_packing_slips(
        connection=shop.connection, tenant=shop.tenant, actor=cast.alice.actor, at=clock.now()
    )
    return shop


def _ship(shop: Shop, *orders: str) -> None:
    for order in orders:
        sell(shop, order, at=clock.now())


def _keep(shop: Shop, *orders: str) -> None:
    """Sell these orders and hold their recipients, as after the worker's run."""
    _ship(shop, *orders)
    for order in orders:
        shop.keep(order, at=clock.now())


def _requests(shop: Shop) -> dict[str, str | None]:
    return dict(
        shop.rows("select order_id, outcome from vault_request where tenant_id = %s", shop.tenant)
    )


def _access_log(shop: Shop) -> list[tuple[str, str]]:
    found = shop.rows(
        "select actor, subject from audit_event where tenant_id = %s and tag ="
        " 'vault:recipient:viewed' order by position",
        shop.tenant,
    )
    return [(row[0], row[1]) for row in found]


def test_packing_slips_page_without_restricted_role_says_unavailable(cast: Cast) -> None:
    connect(cast.alices_shop)
    shown = text(browser(cast.alice.id).get(LIST))
    assert "not available in this deployment" in shown
    assert "THESELLER_RESTRICTED_ROLES" in shown
    assert "To ship" not in shown  # no place in the navigation either


def test_while_off_the_owner_sees_the_terms_and_an_analyst_the_owners(
    role: None, cast: Cast
) -> None:
    connection = connect(cast.alices_shop)
    assert f"/packing-slips/{connection}/on/" in text(browser(cast.alice.id).get(LIST))
    shown = text(browser(cast.bob.id).get(LIST))
    assert "Only an owner of this shop" in shown
    assert "/on/" not in shown


def test_a_shop_with_imported_files_only_and_an_empty_shop_get_different_pages(
    role: None, cast: Cast
) -> None:
    assert "No Amazon account is connected" in text(browser(cast.alice.id).get(LIST))
    with tenant_scope(cast.alices_shop):
        connection_for_files(Region.NA, tenant=cast.alices_shop, at=NOON)
    client = browser(cast.alice.id)
    assert "Imported files contain no recipients" in text(client.get(LIST))
    assert "To ship" not in text(client.get("/connections/"))


def test_packing_slips_page_without_orders_says_that_none_is_waiting(today: Shop) -> None:
    sell(today, "111-9", fulfilment="amazon", at=clock.now())
    shown = text(browser(today.cast.bob.id).get(LIST))
    assert "No order is waiting to be shipped by you" in shown
    assert "111-9" not in shown
    assert "Nothing was shipped" in text(browser(today.cast.bob.id).get(LIST + "?shipped=1"))


def test_packing_slip_navigation_is_shown_to_permitted_roles_only(today: Shop) -> None:
    viewer = create_user(
        email=f"vera.{new_id().hex[-12:]}@example.com",
        name="Vera",
        password=Secret(PASSWORD),
        at=NOON,
    )
    add_member(
        person=viewer, role=MemberRole.VIEWER, tenant=today.tenant, actor="process:test", at=NOON
    )
    for page in ("/", "/connections/", "/data/"):
        assert "To ship" in text(browser(today.cast.bob.id).get(page)), page
        assert "To ship" not in text(browser(viewer).get(page)), page
        assert "To ship" not in text(browser(today.cast.charlie.id).get(page)), page
    assert "turn them on or off" in text(browser(today.cast.alice.id).get("/data/"))
    assert 'href="/packing-slips/"' in text(browser(today.cast.bob.id).get("/data/"))
    assert "/packing-slips/" not in text(browser(viewer).get("/data/"))
    for path in (
        LIST,
        f"/packing-slips/{today.connection}/on/",
        f"/packing-slips/{today.connection}/off/",
    ):
        assert browser(viewer).get(path).status_code == 403
    for path in (ASK, PRINT):
        assert browser(viewer).post(path, {"order": "111-1"}).status_code == 403


def test_a_request_is_audited_and_enqueues_one_job(today: Shop) -> None:
    _ship(today, "111-1", "111-2")
    client = browser(today.cast.bob.id)
    answer = client.post(ASK, {"order": ["111-1", "111-2", "111-404"]}, follow=True)
    shown = text(answer)
    assert "2 slips requested" in shown
    assert "1 order is left out" in shown
    assert shown.count("Requested from Amazon") == 2
    assert _requests(today) == {"111-1": None, "111-2": None}
    client.post(ASK, {"order": ["111-1"]})
    jobs = today.rows(
        "select task_name from procrastinate_jobs where args ->> 'connection' = %s",
        str(today.connection),
    )
    assert jobs == [(JOB,)]
    assert fetch_recipients.name == JOB


def test_a_stored_recipient_is_not_requested_again(today: Shop) -> None:
    _keep(today, "111-1")
    shown = text(browser(today.cast.bob.id).post(ASK, {"order": "111-1"}, follow=True))
    assert "1 slip is here already" in shown
    assert _requests(today) == {}


@pytest.mark.parametrize("path", [ASK, PRINT])
def test_no_order_too_many_orders_and_an_invalid_number_are_refused_with_a_message(
    today: Shop, path: str
) -> None:
    _keep(today, "111-1")
    client = browser(today.cast.bob.id)
    many = [f"111-{number}" for number in range(1, MAX_SLIPS_PER_REQUEST + 3)]
    for chosen, shown in (
        ([], "Select at least one"),
        (many, "deselect 2 of them"),
        (["111-1", "1\x00"], "no order number"),
    ):
        answer = client.post(path, {"order": chosen})
        assert (answer.status_code, shown in text(answer)) == (422, True), shown
        assert CANARY not in answer.content.decode()
    assert 'value="111-1" checked' in text(client.post(path, {"order": many}))
    assert _requests(today) == {}
    assert _access_log(today) == []


@pytest.mark.parametrize("outcome", [*RequestOutcome, None])
def test_each_slip_request_outcome_has_a_message(
    today: Shop, outcome: RequestOutcome | None
) -> None:
    _ship(today, "111-1")
    request_slips(ids=["111-1"], tenant=today.tenant, actor=today.cast.bob.actor, at=clock.now())
    if outcome:
        today.rows(
            "update vault_request set outcome = %s, done_at = now() where tenant_id = %s",
            outcome.value,
            today.tenant,
        )
    if outcome is RequestOutcome.FETCHED:
        today.keep("111-1", at=clock.now())
    shown = text(browser(today.cast.bob.id).get(LIST))
    words = {
        RequestOutcome.FETCHED: (
            f"Stored; destroyed on {clock.now() + timedelta(days=30):%b %-d, %Y}"
        ),
        RequestOutcome.NOT_YOURS: "Your shop does not ship this order itself",
        RequestOutcome.TOO_OLD: "It shipped at least 30 days ago",
        RequestOutcome.NOT_GIVEN: "your authorization lacks the role “Direct-to-Consumer Shipping”",
        RequestOutcome.NOT_FOUND: "Amazon no longer has this order",
        RequestOutcome.ROLE_MISSING: "the role “Direct-to-Consumer Shipping” is missing",
        RequestOutcome.SWITCHED_OFF: "turned off meanwhile",
        RequestOutcome.AMAZON_FAILED: "Amazon did not respond",
        None: "Requested from Amazon",
    }
    assert words[outcome] in shown
    assert ('hx-trigger="every 3s"' in shown) is (outcome is None)
    assert ("Print it" in shown) is (outcome is RequestOutcome.FETCHED)


def test_long_lists_have_pages_and_what_is_done_comes_back_to_its_page(
    today: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_list_page, "ORDERS_PER_PAGE", 2)
    now = clock.now()
    for number in range(5):
        sell(today, f"111-{number}", at=now - timedelta(hours=number))
    client = browser(today.cast.bob.id)
    pages_of_orders = [
        re.findall(r'value="(111-\d)"', text(client.get(f"{LIST}?page={page}")))
        for page in (1, 2, 3, 4)
    ]
    assert pages_of_orders == [
        ["111-4", "111-3"],
        ["111-2", "111-1"],
        ["111-0"],
        [],
    ]  # the longest waiting first
    assert "This page does not exist" in text(client.get(f"{LIST}?page=4"))
    for odd in ("0", "-1", "x", "²", "99999"):
        assert 'value="111-4"' in text(client.get(LIST, {"page": odd})), odd
    assert client.post(ASK, {"order": "111-2", "page": "2"})["Location"] == f"{LIST}?page=2"
    shown = text(client.get(f"{LIST}?page=2"))
    assert 'hx-get="/packing-slips/?page=2"' in shown
    assert re.findall(r'rel="(prev|next)" href="([^"]*)"', shown) == [
        ("prev", LIST),
        ("next", f"{LIST}?page=3"),
    ]


def test_slip_page_htmx_request_gets_only_the_states(today: Shop) -> None:
    _ship(today, "111-1")
    request_slips(ids=["111-1"], tenant=today.tenant, actor=today.cast.bob.actor, at=clock.now())
    answer = browser(today.cast.bob.id).get(LIST, headers={"HX-Request": "true"})
    assert "hx-swap-oob" in text(answer)
    assert "<html" not in text(answer)
    assert "HX-Request" in answer["Vary"]


def test_print_page_shows_slips_and_names_the_missing_orders(today: Shop) -> None:
    _keep(today, "111-1")
    _ship(today, "111-2")
    answer = browser(today.cast.bob.id).post(PRINT, {"order": ["111-1", "111-2"]})
    shown = text(answer)
    assert answer.status_code == 200
    for line in (
        *RECIPIENT.lines,
        RECIPIENT.phone,
        "Alice&#x27;s shop",
        "111-1",
        "BRUSH-1",
        f"For you, {CANARY}",
        "Ship by",
    ):
        assert line in shown
    assert shown.count('class="paper"') == 1
    assert "No slip is stored for 111-2" in shown
    assert answer["Cache-Control"] == "private, no-store"
    assert "data-print" in shown
    assert "<script>" not in shown
    assert _access_log(today) == [
        (today.cast.bob.actor, "order:111-1"),
        (today.cast.bob.actor, "order:111-2"),
    ]


def test_a_gift_message_is_escaped(today: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _keep(today, "111-1")
    monkeypatch.setattr(
        operations,
        "open_recipient",
        lambda *rest, **named: _with_markup(open_recipient(*rest, **named)),
    )
    shown = text(browser(today.cast.bob.id).post(PRINT, {"order": "111-1"}))
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown


def _with_markup(recipient: Recipient) -> Recipient:
    return replace(
        recipient,
        lines=("<script>alert(1)</script>",),
        gifts=(Gift("404", "<script>alert(2)</script>"),),
    )


def test_no_other_page_holds_anything_of_a_buyer(today: Shop) -> None:
    _keep(today, "111-1")
    today.rows(
        "update vault_request set outcome = 'fetched', done_at = now() where tenant_id = %s",
        today.tenant,
    )
    client = browser(today.cast.alice.id, fresh=True)
    others = [LIST, LIST + "?shipped=1", LIST + "?tick=first",
        f"/packing-slips/{today.connection}/off/", "/data/", "/connections/", "/",
             "/activity/", "/products/", "/security/"]  # fmt: skip
    for page in others:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert CANARY not in answer.content.decode(), page
        assert "no-store" in answer["Cache-Control"], page
    exported = b"".join(client.post("/data/export/"))
    assert CANARY.encode() not in exported
    assert CANARY in client.post(PRINT, {"order": "111-1"}).content.decode()


def test_printing_needs_a_post_with_the_csrf_token(today: Shop) -> None:
    _keep(today, "111-1")
    assert browser(today.cast.bob.id).get(PRINT, {"order": "111-1"}).status_code == 405
    for path in (ASK, PRINT, f"/packing-slips/{today.connection}/off/"):
        assert (
            browser(today.cast.alice.id, checks=True).post(path, {"order": "111-1"}).status_code
            == 403
        )
    assert _access_log(today) == []
    assert _requests(today) == {}
    assert today.rows("select count(*) from pii.recipient where tenant_id = %s", today.tenant) == [
        (1,)
    ]


def test_another_shop_gets_nothing_and_leaves_no_access_log_entry(today: Shop) -> None:
    _keep(today, "111-1")
    charlie = browser(today.cast.charlie.id, fresh=True)
    own = Shop(today.cast, connect(today.cast.charlies_shop), today.database)
    enable_packing_slips(
        connection=own.connection,
        tenant=today.cast.charlies_shop,
        actor=today.cast.charlie.actor,
        at=clock.now(),
    )
    answer = charlie.post(PRINT, {"order": "111-1"})
    assert (answer.status_code, CANARY in answer.content.decode()) == (422, False)
    charlie.post(ASK, {"order": "111-1"})
    for page in (
        f"/packing-slips/{today.connection}/on/",
        f"/packing-slips/{today.connection}/off/",
    ):
        assert charlie.get(page).status_code == 404
        assert charlie.post(page, {"agree": "yes", "terms": TERMS_VERSION}).status_code == 404
    assert _access_log(today) == []
    assert _requests(today) == {}
    assert today.rows("select count(*) from pii.recipient where tenant_id = %s", today.tenant) == [
        (1,)
    ]


def test_access_log_entry_is_committed_before_a_recipient_is_read(
    today: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep(today, "111-1")
    seen: list[list[tuple[str, str]]] = []

    def looked(*rest: Any, **named: Any) -> Recipient:  # noqa: ANN401
        seen.append(_access_log(today))  # by another connection, so what it sees is committed
        return open_recipient(*rest, **named)

    monkeypatch.setattr(operations, "open_recipient", looked)
    assert browser(today.cast.alice.id).post(PRINT, {"order": "111-1"}).status_code == 200
    assert seen == [[(today.cast.alice.actor, "order:111-1")]]


def test_only_the_owner_sees_the_access_log(today: Shop) -> None:
    _keep(today, "111-1", "111-2")
    browser(today.cast.bob.id).post(PRINT, {"order": ["111-1", "111-2"]})
    browser(today.cast.alice.id).post(PRINT, {"order": ["111-2"]})
    shown = text(browser(today.cast.alice.id).get("/packing-slips/looks/"))
    assert re.findall(r"<p>\s*<b>(\w+)</b>", shown) == ["Alice", "Bob"]
    assert "2 orders" in shown
    assert "111-1, 111-2" in shown
    assert CANARY not in shown
    assert browser(today.cast.bob.id).get("/packing-slips/looks/").status_code == 403
    assert "No access" in text(browser(today.cast.charlie.id).get("/packing-slips/looks/"))


def test_nothing_is_shown_after_the_expiry_date(today: Shop) -> None:
    _ship(today, "111-1")
    today.keep(
        "111-1", shipped_at=clock.now() - timedelta(days=30), at=clock.now() - timedelta(days=1)
    )
    answer = browser(today.cast.bob.id).post(PRINT, {"order": "111-1"})
    assert answer.status_code == 422
    assert CANARY not in answer.content.decode()
    assert "Ready" not in text(browser(today.cast.bob.id).get(LIST))


def test_disabled_packing_slips_page_shows_no_recipient_and_what_was_destroyed(today: Shop) -> None:
    _keep(today, "111-1", "111-2")
    off = f"/packing-slips/{today.connection}/off/"
    assert "second-factor" in browser(today.cast.alice.id).post(off)["Location"]
    alice = browser(today.cast.alice.id, fresh=True)
    assert "2</span> recipients are stored" in text(alice.get(off))
    shown = text(alice.post(off, follow=True))
    assert "1 key destroyed, 2 recipients erased" in shown
    assert "Packing slips are off" in shown
    assert today.rows("select count(*) from pii.recipient where tenant_id = %s", today.tenant) == [
        (0,)
    ]
    answer = browser(today.cast.bob.id).post(PRINT, {"order": "111-1"})
    assert (answer.status_code, CANARY in answer.content.decode()) == (422, False)
    assert "were off already" in text(alice.post(off, follow=True))
    assert alice.get(off).status_code == 302


def test_turning_on_needs_an_owner_with_a_fresh_proof_who_accepted_the_terms(
    role: None, cast: Cast, database: str
) -> None:
    shop = Shop(cast, connect(cast.alices_shop), database)
    on = f"/packing-slips/{shop.connection}/on/"

    def state() -> int:
        return int(
            shop.rows("select count(*) from vault_consent where tenant_id = %s", shop.tenant)[0][0]
        )

    agreed = {"agree": "yes", "terms": TERMS_VERSION}
    assert browser(cast.bob.id, fresh=True).post(on, agreed).status_code == 403
    unproven = browser(cast.alice.id)
    assert all(said in text(unproven.get(on)) for _, said in TERMS), (
        "reading the terms needs no password"
    )
    assert "second-factor" in unproven.post(on, agreed)["Location"]
    assert state() == 0
    alice = browser(cast.alice.id, fresh=True)
    words = text(alice.get(on))
    for what, said in TERMS:
        assert what in words
        assert said in words
    assert alice.post(on, {"terms": TERMS_VERSION}).status_code == 422
    stale = alice.post(on, {"agree": "yes", "terms": "packing-slips-0"})
    assert (stale.status_code, "have changed since you opened" in text(stale)) == (422, True)
    assert state() == 0
    assert "Packing slips are on" in text(alice.post(on, agreed, follow=True))
    assert shop.rows(
        "select terms, given_by from vault_consent where tenant_id = %s", shop.tenant
    ) == [(TERMS_VERSION, cast.alice.actor)]
    assert alice.get(on).status_code == 302


def test_where_the_role_was_taken_away_what_is_ready_can_be_printed_and_ended(today: Shop) -> None:
    _keep(today, "111-1")
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, restricted_roles=())):
        client = browser(today.cast.alice.id, fresh=True)
        shown = text(client.get(LIST))
        assert "Nothing new can be fetched" in shown
        assert "Request packing slips" not in shown
        assert CANARY in client.post(PRINT, {"order": "111-1"}).content.decode()
        assert "1 recipient erased" in text(
            client.post(f"/packing-slips/{today.connection}/off/", follow=True)
        )
