"""Operators see nothing of a shop outside an access session.

A session is for one shop, read only, with a reason, an hour at most, audited and reviewed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, connections
from django.test import Client
from tests.cast import Cast, create_cast
from tests.conftest import as_role
from tests.database import role_dsn, test_server
from tests.operators import (
    OperatorUser,
    create_operator,
    operator_client,
    revoke_operator,
    signed_in_client,
)
from tests.sabotage.databases import own_database

from theseller.accounts.models import User
from theseller.accounts.operations import add_member
from theseller.accounts.types import MemberRole, Operator
from theseller.audit.event_types import Tag
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.operators.shop_access.operations import (
    close_access,
    close_expired,
    open_access,
    record_view,
)
from theseller.operators.shop_access.queries import current_session, sessions, sessions_of_tenant
from theseller.operators.shop_access.types import AccessRefusedError, OpenSession, SessionEnd
from theseller.tenancy.tenant_scope import tenant_scope

REASON = "The seller asks why the figures of Monday are too low"
FORM = {"ticket": "SUP-1234", "reason": REASON, "minutes": "30"}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database of its own: what ends sessions and what lists them speaks of the whole deployment."""
    with own_database("access") as name:
        yield name


@pytest.fixture
def shop(database: str) -> Cast:
    return create_cast(at=clock.now())


@pytest.fixture
def operator(database: str) -> OperatorUser:
    return create_operator()


def _operator(operator: OperatorUser) -> Operator:
    return Operator(operator.id, "Olga")


def _open(
    operator: OperatorUser, tenant: UUID, *, at: datetime | None = None, minutes: int = 30
) -> OpenSession:
    return open_access(
        actor=_operator(operator),
        tenant=tenant,
        reason=REASON,
        ticket="SUP-1",
        minutes=minutes,
        at=at or clock.now(),
    )


def _log(database: str, *people: OperatorUser) -> list[tuple[str, str, object, object]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, actor, tenant_id, details from audit_event where tag like"
            " 'governance:access:%%' and subject in (select 'access:' || id from"
            " governance_access_session where operator = any(%s)) order by position",
            [[one.id for one in people]],
        ).fetchall()


def test_operator_without_an_access_session_sees_no_shop(
    shop: Cast, operator: OperatorUser
) -> None:
    browser = operator_client(operator)
    for page in ("/", "/products/", "/days/2026-11-01/", "/connections/", "/activity/"):
        answer = browser.get(page)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/no-shop/"), page
    assert browser.post(f"/memberships/{shop.alices_shop}/").status_code == 404


def test_access_session_is_read_only_and_audits_each_page(
    shop: Cast, operator: OperatorUser, database: str
) -> None:
    browser = operator_client(operator)
    answer = browser.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    page = browser.get("/?metric=sales&from=2026-11-01")
    assert page.status_code == 200
    said = page.content.decode()
    assert "You are viewing Alice&#x27;s shop as an operator" in said
    assert browser.get("/connections/").status_code == 200
    for method, address in (
        ("get", "/activity/"), ("get", "/imports/"), ("post", "/imports/"),
        ("get", "/connections/new/"), ("post", "/connections/attempts/"),
    ):  # fmt: skip
        assert getattr(browser, method)(address).status_code in {403, 405}, address
    assert browser.post("/").status_code in {403, 405}
    tags = [(tag, actor, tenant) for tag, actor, tenant, _ in _log(database, operator)]
    assert tags[0] == (Tag.ACCESS_OPENED, f"operator:{operator.id}", shop.alices_shop)
    assert set(tags[1:]) == {(Tag.ACCESS_VIEWED, f"operator:{operator.id}", shop.alices_shop)}
    pages = [
        details["page"]
        for tag, _, _, details in _log(database, operator)[1:]
        if isinstance(details, dict)
    ]
    assert pages == ["/?from&metric", "/connections/"]
    assert "2026-11-01" not in str(_log(database, operator)), (
        "addresses are written without their values"
    )
    assert REASON not in str(_log(database, operator)), "the reason may name a person"


def test_operator_access_session_cannot_download_files(
    shop: Cast, operator: OperatorUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.http import HttpRequest, HttpResponse

    from theseller.accounts.authorization import tenant_permission_required
    from theseller.accounts.types import Permission, TenantContext

    def export(_request: HttpRequest, _context: TenantContext) -> HttpResponse:
        return HttpResponse(
            "a,b", headers={"Content-Disposition": 'attachment; filename="days.csv"'}
        )

    from theseller.analytics import urls

    browser = operator_client(operator)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    monkeypatch.setattr(
        urls.urlpatterns[1],
        "callback",
        tenant_permission_required(Permission.DASHBOARD_READ)(export),
    )
    assert browser.get("/products/?format=csv").status_code == 403
    alice = Client()
    alice.force_login(User.objects.get(pk=shop.alice.id))
    assert alice.get("/products/?format=csv").status_code == 200


def test_access_session_is_valid_only_in_the_browser_that_opened_it(
    shop: Cast, operator: OperatorUser
) -> None:
    first, second = operator_client(operator), operator_client(operator)
    first.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    assert first.get("/").status_code == 200
    assert second.get("/").headers["Location"] == "/no-shop/"
    assert signed_in_client(operator).get("/").headers["Location"] == "/no-shop/"


def test_access_session_ends_on_leave_expiry_and_removal_of_the_operator(
    shop: Cast, operator: OperatorUser, database: str
) -> None:
    browser = operator_client(operator)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    opened = current_session(operator.id, at=clock.now())
    assert opened is not None
    assert browser.post(f"/operate/access/{new_id()}/close/").status_code == 404
    assert browser.post(f"/operate/access/{opened.id}/close/").status_code == 302
    assert browser.get("/").headers["Location"] == "/no-shop/"
    _expired(shop, operator, database)
    oskar = create_operator(name="Oskar")
    _removed(shop, oskar)
    ends = [
        str(details["how"])
        for tag, _, _, details in _log(database, operator, oskar)
        if tag == Tag.ACCESS_CLOSED and isinstance(details, dict)
    ]
    assert ends == ["left", "expired", "removed"]


def _expired(shop: Cast, operator: OperatorUser, database: str) -> None:
    browser = operator_client(operator)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.charlies_shop)})
    assert browser.get("/").status_code == 200
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "update governance_access_session set opened_at = opened_at - interval '40 minutes',"
            " expires_at = expires_at - interval '40 minutes' where operator = %s and closed_at is"
            " null",
            [operator.id],
        )
    answer = browser.get("/")
    assert answer.headers["Location"] == "/operate/access/"
    assert browser.get("/").headers["Location"] == "/no-shop/"
    with as_role("worker"):
        assert close_expired(at=clock.now()) >= 1
        assert close_expired(at=clock.now()) == 0


def _removed(shop: Cast, oskar: OperatorUser) -> None:
    browser = operator_client(oskar)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.charlies_shop)})
    assert browser.get("/").status_code == 200
    revoke_operator(oskar.id)
    assert browser.get("/").status_code == 302
    assert current_session(oskar.id, at=clock.now()) is None
    with as_role("worker"):
        assert close_expired(at=clock.now()) == 1


def test_an_access_session_needs_a_proof_of_the_second_factor_like_the_area_itself(
    shop: Cast, operator: OperatorUser
) -> None:
    stale = operator_client(operator, at=clock.now() - timedelta(minutes=6))
    assert stale.get("/operate/access/").status_code == 200
    for page in ("/operate/access/open/", "/operate/reviews/"):
        assert "second-factor" in stale.get(page).headers["Location"]
        assert (
            "second-factor"
            in stale.post(page, {**FORM, "shop": str(shop.alices_shop)}).headers["Location"]
        )
    assert operator.id not in {one.operator for one in sessions()}
    browser = operator_client(operator)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    session = browser.session
    del session["second_factor"]
    session.save()
    assert browser.get("/").headers["Location"] == "/operate/access/"


@pytest.mark.parametrize(
    ("field", "value"),
    [("reason", "too short"), ("reason", "a" + " " * 30 + "b"), ("reason", "x" * 1001),
        ("ticket", ""), ("ticket", "<b>"), ("minutes", "61"),
     ("minutes", "0"), ("shop", "not a number"), ("shop", str(UUID(int=7)))],
)  # fmt: skip
def test_invalid_access_request_is_422_and_opens_no_session(
    field: str, value: str, shop: Cast, operator: OperatorUser
) -> None:
    answer = operator_client(operator).post(
        "/operate/access/open/", {**FORM, "shop": str(shop.alices_shop), field: value}
    )
    assert answer.status_code == 422
    assert operator.id not in {one.operator for one in sessions()}


def test_access_operations_refuse_the_same_input_as_the_forms(
    shop: Cast, operator: OperatorUser
) -> None:
    at = clock.now()
    good = {
        "actor": _operator(operator),
        "tenant": shop.alices_shop,
        "reason": REASON,
        "ticket": "SUP-1",
        "minutes": 60,
        "at": at,
    }
    for wrong in (
        {"reason": "x" * 19},
        {"ticket": "a b"},
        {"minutes": 61},
        {"tenant": new_id()},
        {"actor": Operator(shop.alice.id, "Alice")},
    ):
        with pytest.raises(AccessRefusedError):
            open_access(**{**good, **wrong})  # type: ignore[arg-type]
    opened = open_access(**good)  # type: ignore[arg-type]
    with pytest.raises(AccessRefusedError, match="already have an open session"):
        open_access(**{**good, "tenant": shop.charlies_shop})  # type: ignore[arg-type]
    assert close_access(
        session=opened.id, tenant=shop.alices_shop, ended=SessionEnd.LEFT, actor="operator:x", at=at
    )
    assert not close_access(
        session=opened.id, tenant=shop.alices_shop, ended=SessionEnd.LEFT, actor="operator:x", at=at
    )


def test_database_refuses_an_access_session_of_more_than_an_hour(
    shop: Cast, operator: OperatorUser, database: str
) -> None:
    opened = _open(operator, shop.alices_shop)
    with (
        pytest.raises(IntegrityError),
        tenant_scope(shop.alices_shop, using="operator"),
        connections["operator"].cursor() as cursor,
    ):
        cursor.execute(
            "insert into governance_access_session (tenant_id, id, operator, reason, ticket,"
            " opened_at, expires_at) select tenant_id, gen_random_uuid(), operator, reason, ticket,"
            " opened_at, opened_at + interval '61 minutes' from governance_access_session"
        )
    with (
        psycopg.connect(role_dsn("operator", database)) as own,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        own.execute(
            "update governance_access_session set expires_at = expires_at + interval '1 minute'"
            " where id = %s",
            [opened.id],
        )


def test_only_the_owner_sees_the_access_log(shop: Cast, operator: OperatorUser) -> None:
    opened = _open(operator, shop.alices_shop)
    record_view(
        session=opened.id,
        tenant=shop.alices_shop,
        page="/products/",
        actor=_operator(operator).actor,
        at=clock.now(),
    )
    pages = {}
    for name, person in (
        ("alice", shop.alice.id),
        ("bob", shop.bob.id),
        ("charlie", shop.charlie.id),
    ):
        client = Client()
        client.force_login(User.objects.get(pk=person))
        pages[name] = client.get("/activity/")
    assert [pages[name].status_code for name in ("alice", "bob", "charlie")] == [200, 403, 200]
    said = pages["alice"].content.decode()
    for word in ("Olga", REASON, "SUP-1", "/products/", str(shop.alices_shop), "open until"):
        assert word in said, word
    assert "No access" in pages["charlie"].content.decode()
    assert REASON not in pages["charlie"].content.decode()
    with tenant_scope(shop.charlies_shop):
        assert sessions_of_tenant() == ()


def test_operator_who_is_a_member_keeps_access_to_their_own_shop(
    shop: Cast, operator: OperatorUser
) -> None:
    add_member(
        person=operator.id,
        role=MemberRole.VIEWER,
        tenant=shop.charlies_shop,
        actor="process:test",
        at=clock.now(),
    )
    browser = operator_client(operator)
    browser.post("/operate/access/open/", {**FORM, "shop": str(shop.alices_shop)})
    assert "Alice&#x27;s shop" in browser.get("/").content.decode()
    opened = current_session(operator.id, at=clock.now())
    assert opened is not None
    browser.post(f"/operate/access/{opened.id}/close/")
    assert "Charlie&#x27;s shop" in browser.get("/").content.decode()


def test_only_the_reviewed_roles_read_access_sessions(database: str) -> None:
    for role in ("worker", "retention"):
        for call in (
            "guard.access_to_review(1)",
            "guard.access_sessions(1)",
            "guard.access_views()",
            "guard.refusals_since(now())",
        ):
            with (
                psycopg.connect(role_dsn(role, database)) as other,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                other.execute(f"select * from {call}".encode())
    with (
        psycopg.connect(role_dsn("web", database)) as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute("select * from guard.access_views()")  # no scope is open
    with (
        psycopg.connect(role_dsn("web", database)) as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute("update governance_access_review set note = ''")
