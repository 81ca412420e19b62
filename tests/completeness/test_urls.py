"""Every address × every kind of person × GET and POST: one table of expected statuses.

A new address must be in it.

Addresses of another shop's things answer "not found", never "forbidden": an outsider does not learn
that they exist.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest
from django.db import connections as databases
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from joserfc.jwk import KeySet
from tests.cast import NOON, PASSWORD, Cast, create_cast
from tests.completeness.url_matrix import (
    DEMO_ONLY,
    FRESH,
    MATRIX,
    OUTSIDERS,
    PEOPLE,
    PUBLIC,
    PUBLIC_MOST,
    SIGN_UP,
    SIGNED,
    SINGLE_SIGN_ON,
)
from tests.database import test_server
from tests.integration.analytics.facts import Shop as Books
from tests.one_time_links import new_invitation, new_password_link, new_sign_up_link
from tests.operators import OperatorUser, create_operator, operator_client
from tests.step_up import after_step_up

from theseller.accounts.members.operations import invite
from theseller.accounts.members.queries import pending_invitations
from theseller.accounts.mfa.queries import own_factors
from theseller.accounts.models import User
from theseller.accounts.oidc import views as oidc_views
from theseller.accounts.oidc.provider_client import Provider
from theseller.accounts.oidc.types import OidcSettings
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.sign_up.types import SignUpMode
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.connections.operations import connection_for_files, disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.json_web_token_verification import PublicKeys
from theseller.datamap.table_registry import descriptors
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.queries import connection_certificate
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.privacy.account_deletion.operations import delete_account
from theseller.tenancy.tenant_scope import tenant_scope

SKU, ORDER, SETTLEMENT = "ALICES-SKU-7", "111-7654321-1234567", "90817263540"


@dataclass(frozen=True, slots=True)
class Shop:
    """The cast, with things of Alice's shop that others request.

    The words are those that none of their answers may hold.
    """

    cast: Cast
    viewer: UUID
    accountant: UUID
    open: UUID
    closed: UUID
    secrets: tuple[str, ...]
    operator: OperatorUser
    unproven: OperatorUser
    link: str
    invitation: str
    password_link: str
    open_invitation: UUID

    def person(self, name: str) -> UUID | None:
        return {
            "owner": self.cast.alice.id,
            "analyst": self.cast.bob.id,
            "other_shop": self.cast.charlie.id,
            "viewer": self.viewer,
            "accountant": self.accountant,
            "unproven": self.unproven.id,
        }.get(name)


#: The value of an address's variable: always something of Alice's.
ARGUMENTS: dict[str, Callable[[Shop], object]] = {
    "connection": lambda shop: shop.open,
    "clause": lambda _: "page-true",
    "day": lambda _: "2026-11-01",
    "invitation": lambda shop: shop.open_invitation,
    "person": lambda shop: shop.cast.bob.id,
    "factor": lambda shop: own_factors(shop.operator.id)[0].id,
    "message": lambda _: new_id(),
    "number": lambda _: SETTLEMENT,
    "order": lambda _: ORDER,
    "refusal": lambda _: "declined",
    "session": lambda _: new_id(),
    "subject": lambda _: new_id(),
    "tenant": lambda shop: shop.cast.alices_shop,
    "token": lambda shop: shop.link,
}
ARGUMENTS_OF: dict[str, Callable[[Shop], object]] = {
    "connections/<uuid:connection>/erasure/": lambda shop: shop.closed,
    "connections/<uuid:connection>/certificate.json": lambda shop: shop.closed,
    "join/<str:token>/": lambda shop: shop.invitation,
    "operate/shops/<uuid:tenant>/owner/": lambda _: new_id(),
    "new-password/<str:token>/": lambda shop: shop.password_link,
    "sign-up/<str:token>/": lambda _: new_sign_up_link(),
}


@functools.cache
def _patterns() -> dict[str, URLPattern]:
    return dict(routes())


def routes(
    patterns: list[URLPattern | URLResolver] | None = None, before: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Give every address of the product as the resolver knows it, with its pattern."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def _address(route: str, shop: Shop) -> str:
    pattern = _patterns()[route].pattern
    text = route
    for name, converter in pattern.converters.items():
        value = ARGUMENTS_OF.get(route, ARGUMENTS.get(name))
        assert value is not None, f"{route}: give {name!r} a value in ARGUMENTS"
        prefix = next(
            piece
            for piece in (f"<{kind}:{name}>" for kind in ("uuid", "str", "slug", "int", "path"))
            if piece in text
        )
        text = text.replace(prefix, converter.to_url(value(shop)))
    return f"/{text}"


@dataclass(slots=True)
class Shops:
    """Makes shops and compares them. `state` is what `last` consisted of when it was made."""

    database: str
    superuser: psycopg.Connection[tuple[Any, ...]]
    last: Shop | None = None
    state: dict[str, object] = field(default_factory=dict)

    def unchanged(self) -> Shop:
        """Return the shop of the last test if nothing has changed it, else a new one.

        Making one takes a second.
        """
        if self.last is None or self.fingerprint(self.last) != self.state:
            self.last = _make_shop(self.database)
            self.state = self.fingerprint(self.last)
        return self.last

    def fingerprint(self, shop: Shop) -> dict[str, object]:
        """Return what Alice's shop consists of, table by table."""
        tables = " union all ".join(
            f"select '{descriptor.table}', count(*), md5(string_agg(t::text, '|' order by t::text))"
            f" from {descriptor.table} t where {descriptor.tenant_column} = %(tenant)s"
            for descriptor in descriptors()
            if descriptor.tenant_column
        )
        found = self.superuser.execute(tables, {"tenant": shop.cast.alices_shop})
        return {table: (rows, digest) for table, rows, digest in found}


@pytest.fixture(scope="module")
def shops(database: str) -> Iterator[Shops]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        yield Shops(database, superuser)


@pytest.fixture
def shop(shops: Shops) -> Shop:
    """Give a shop to a test that may change it."""
    return shops.unchanged()


@pytest.fixture(scope="module")
def lasting(database: str) -> Shop:
    """Give one shop to all tests that change nothing of it."""
    return _make_shop(database)


def _make_shop(database: str) -> Shop:
    # `/readyz` looks for a worker.
    with databases["worker"].cursor() as cursor:
        cursor.execute(
            "insert into procrastinate_workers (last_heartbeat) values (now() + interval '1 day')"
        )
    cast = create_cast()
    operator, unproven = create_operator(), create_operator(name="Oskar")
    viewer, accountant = (
        _member(cast.alices_shop, name, role)
        for name, role in (("Vera", MemberRole.VIEWER), ("Anna", MemberRole.ACCOUNTANT))
    )
    tenant = cast.alices_shop
    with tenant_scope(tenant):
        opened, closed = (
            connection_for_files(region, tenant=tenant, at=NOON)
            for region in (Region.NA, Region.EU)
        )
    _sell(tenant, opened, database)
    disconnect(
        connection=closed,
        reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant,
        actor=cast.alice.actor,
        at=NOON,
    )
    assert erase_connection(connection=closed, tenant=tenant, at=NOON).completed
    with tenant_scope(tenant):
        issued = connection_certificate(closed)
    assert issued is not None
    # Other tests' casts have an "Alice's shop" too, and operators see the names of all: this one
    # has a name of its own.
    name = f"Alice's shop {new_id().hex[-6:]}"
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("update tenancy_tenant set name = %s where id = %s", [name, tenant])
    secrets = (
        name,
        name.replace("'", "&#x27;"),
        str(tenant),
        SKU,
        ORDER,
        str(issued[0]),
        cast.alice.email,
        cast.bob.email,
    )
    return Shop(
        cast,
        viewer,
        accountant,
        opened,
        closed,
        secrets,
        operator,
        unproven,
        _link(database),
        new_invitation(),
        new_password_link(),
        _open_invitation(tenant),
    )


def _member(tenant: UUID, name: str, role: MemberRole) -> UUID:
    person = create_user(
        email=f"{name.lower()}.{new_id().hex[-12:]}@example.com",
        name=name,
        password=Secret(PASSWORD),
        at=NOON,
    )
    add_member(person=person, role=role, tenant=tenant, actor="process:test", at=NOON)
    return person


def _open_invitation(tenant: UUID) -> UUID:
    invite(
        email=f"new.{new_id().hex[-12:]}@example.com",
        role=MemberRole.VIEWER,
        tenant=tenant,
        actor="process:test",
        at=clock.now(),
    )
    with tenant_scope(tenant, using="auth"):
        return pending_invitations(at=clock.now())[0].id


@functools.cache
def _link(_database: str) -> str:
    """End an account, and return the token of the link to its proof.

    One for all shops: a page reads it and changes nothing, and an account is erased once.
    """
    former = create_user(
        email=f"former.{new_id().hex[-12:]}@example.com",
        name="Gone",
        password=Secret(PASSWORD),
        at=NOON,
    )
    return delete_account(person=former, at=NOON).reveal()


def _sell(tenant: UUID, connection: UUID, database: str) -> None:
    """Give the shop one day with an order and its figures."""
    sold = (tenant, "2026-11-01", ORDER, connection, "ATVPDKIKX0DER", NOON, NOON, SKU)
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
            " connection_id, marketplace_id, purchased_at, last_updated_at, status, fulfilment,"
            " is_business, is_replacement, sku, asin, quantity, currency, item_price, source)"
            " values (%s, %s, %s, '1', %s, %s, %s, %s, 'shipped', 'amazon', false, false, %s,"
            " 'B0ALICE777', 1, 'USD', 31.5, 'orders_api')",
            sold,
        )
        superuser.execute(
            "insert into ingest_document (tenant_id, id, connection_id, origin, report_type,"
            " source_key, content_sha256, marketplace_ids, covers_from, covers_until, rows_kept,"
            " recorded_at) values (%s, gen_random_uuid(), %s, 'imported',"
            " 'GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2', %s, %s, '{ATVPDKIKX0DER}',"
            " '2026-09-01', '2026-09-15', 1, %s)",
            [tenant, connection, SETTLEMENT, bytes(32), NOON],
        )
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at) values"
            " (%s, %s, %s, %s)",
            [tenant, sold[4], sold[1], NOON],
        )
    Books(tenant).roll_up()


def _browser(shop: Shop, person: str, *, checks: bool = False, fresh: bool = False) -> Client:
    """Return a browser in which the person has signed in, with a `fresh` proof that it is them."""
    client = (
        operator_client(shop.operator)
        if person == "operator"
        else Client(enforce_csrf_checks=checks)
    )
    who = shop.person(person)
    if who is not None:
        client.force_login(User.objects.get(pk=who))
    return after_step_up(client) if fresh else client


def _ask(shop: Shop, client: Client, method: str, route: str) -> HttpResponse:
    answer = (
        client.generic("GET", _address(route, shop))
        if method == "GET"
        else client.post(_address(route, shop), MATRIX[route].data)
    )
    assert isinstance(answer, HttpResponseBase)
    return cast("HttpResponse", answer)


def test_url_matrix_lists_exactly_the_routes() -> None:
    assert sorted(MATRIX) == sorted(route for route, _ in routes()), (
        "enter each URL in MATRIX, with what each kind of visitor gets"
    )


@pytest.mark.parametrize("route", MATRIX)
def test_every_role_gets_the_expected_status_for_every_url(
    route: str, request: pytest.FixtureRequest, shops: Shops
) -> None:
    # Where no one can post, no one changes anything of the shop.
    shop: Shop = request.getfixturevalue(
        "lasting"
        if set(MATRIX[route].statuses["POST"].values()) <= {302, 405} and not MATRIX[route].data
        else "shop"
    )
    before = shops.fingerprint(shop)
    got = {}
    for person in PEOPLE:
        client = _browser(shop, person)
        for method in ("GET", "POST"):
            answer = _ask(shop, client, method, route)
            got[person, method] = answer.status_code
            if person in OUTSIDERS:
                named = (person, route) == ("operator", "operate/shops/")
                _tells_nothing(answer, shop, besides=_NAMES_OF_SHOPS if named else 0)
                if person == "anonymous" and answer.status_code == 302:
                    assert answer["Location"].startswith("/sign-in/?next=")
        if person == OUTSIDERS[-1]:
            assert shops.fingerprint(shop) == before, "an outsider changed something of Alice's"
    assert got == {
        (person, method): MATRIX[route].expected(method, person)
        for person in PEOPLE
        for method in ("GET", "POST")
    }


@pytest.mark.parametrize("route", FRESH)
def test_with_a_fresh_proof_every_role_gets_the_status_of_its_matrix(
    route: str, shop: Shop
) -> None:
    for person in PEOPLE[1:]:
        client = _browser(shop, person, fresh=True)
        for method in ("GET", "POST"):
            answer = _ask(shop, client, method, route)
            assert answer.status_code == FRESH[route].expected(method, person), (person, method)
            if person in OUTSIDERS:
                _tells_nothing(answer, shop)


@pytest.mark.parametrize("route", SIGN_UP)
def test_with_sign_up_every_role_gets_the_status_of_its_matrix(route: str, lasting: Shop) -> None:
    with override_settings(SIGN_UP=SignUpMode.VERIFIED):
        for person in PEOPLE:
            client = _browser(lasting, person)
            for method in ("GET", "POST"):
                answer = _ask(lasting, client, method, route)
                assert answer.status_code == SIGN_UP[route].expected(method, person), person
                _tells_nothing(answer, lasting) if person in OUTSIDERS else None


@pytest.mark.parametrize("route", SINGLE_SIGN_ON)
def test_with_an_identity_provider_every_role_gets_the_status_of_its_matrix(
    route: str, lasting: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sso = OidcSettings("https://login.example.com", "client", "Acme", amr=("mfa",))
    found = Provider(
        sso.issuer, f"{sso.issuer}/authorize", f"{sso.issuer}/token", f"{sso.issuer}/keys",
        secret_in_body=False, names_issuer=True, keys=PublicKeys(KeySet([])), read_at=NOON,
    )  # fmt: skip
    monkeypatch.setattr(oidc_views, "provider", lambda *_settings, **_options: found)
    with override_settings(OIDC=sso):
        for person in PEOPLE:
            client = _browser(lasting, person)
            for method in ("GET", "POST"):
                answer = _ask(lasting, client, method, route)
                expected = SINGLE_SIGN_ON[route].expected(method, person)
                assert answer.status_code == expected, (person, method)
                _tells_nothing(answer, lasting) if person in OUTSIDERS else None


def _tells_nothing(answer: HttpResponse, shop: Shop, *, besides: int = 0) -> None:
    """Check that neither page nor headers hold a word of Alice's shop.

    What the requester put into the address is left out, and the first words if `besides`.
    """
    requested = str(answer.request["PATH_INFO"]) if hasattr(answer, "request") else ""
    body = b"".join(answer) if answer.streaming else answer.content
    said = body.decode(errors="replace") + "\n".join(
        f"{name}: {value}" for name, value in answer.items()
    )
    hidden = shop.secrets[besides:]
    leaked = [word for word in hidden if word in said.replace(requested, "")]
    assert not leaked


@pytest.mark.parametrize("route", [route for route in MATRIX if "<uuid:" in route])
def test_urls_of_another_shop_respond_like_unknown_ones(route: str, lasting: Shop) -> None:
    """Charlie can't tell Alice's things from none: same status, same page."""
    shop = lasting
    missing = replace(
        shop, cast=replace(shop.cast, alices_shop=new_id()), open=new_id(), closed=new_id()
    )
    client = _browser(shop, "other_shop")
    for method in ("GET", "POST"):
        theirs, none = (_ask(one, client, method, route) for one in (shop, missing))
        assert theirs.status_code == none.status_code
        if theirs.status_code == 404:
            assert _without_marks(theirs, shop) == _without_marks(none, missing)


def _without_marks(answer: HttpResponse, shop: Shop) -> str:
    """Return the page without what differs in every request.

    That is its id, the forgery token and the address itself.
    """
    text = answer.content.decode()
    for mark in (
        str(answer.get("X-Request-Id")),
        str(shop.open),
        str(shop.closed),
        str(shop.cast.alices_shop),
    ):
        text = text.replace(mark, "")
    return re.sub(r"[A-Za-z0-9]{64}", "", text)


def test_shop_pages_show_the_owner_the_values_that_others_must_not_see(lasting: Shop) -> None:
    """The matrix would prove little if the words that outsiders must not see were on no one's page."""
    client = _browser(lasting, "owner")
    said = "".join(
        _ask(lasting, client, "GET", route).content.decode()
        for route in MATRIX
        if MATRIX[route].expected("GET", "owner") == 200
    )
    missing = [word for word in lasting.secrets if word not in said]
    assert set(missing) <= {
        lasting.secrets[0],
        lasting.cast.alice.email,
        lasting.cast.bob.email,
        SKU,
        ORDER,
    }


def _downloads_noted(superuser: psycopg.Connection[tuple[Any, ...]]) -> int:
    found = superuser.execute(
        "select count(*) from audit_event where tag = any(%s)",
        [[Tag.DATA_EXPORTED, Tag.CERTIFICATE_DOWNLOADED]],
    ).fetchone()
    assert found is not None
    return int(found[0])


#: What makes an address answer with a file instead of its page, on those that have both: no address
#: knows more than one of the parameters.
_AS_A_FILE: tuple[dict[str, str], ...] = ({}, {"format": "csv", "file": ""})
#: How many of a shop's words the operators' list of shops shows: its name and its ID.
_NAMES_OF_SHOPS = 3


def test_each_download_leaves_one_line_in_the_audit_log_and_a_page_none(
    shop: Shop, shops: Shops
) -> None:
    """Every address, requested for by every member with the parameters that make a file of it.

    The owner, who may open most pages, requests each without them as well.
    """
    books = Books(shop.cast.alices_shop)
    books.order(NOON, "31.50")
    books.traffic(NOON.date(), 1, 1, 1, None)
    books.roll_up()
    files: dict[str, set[str]] = {}
    for person in ("viewer", "accountant", "analyst", "owner", "anonymous"):
        client = _browser(shop, person)
        if person != "anonymous":
            after_step_up(client)
        for route, pattern in routes():
            permission = getattr(pattern.callback, "theseller_permission", None)
            for parameters in _AS_A_FILE if person == "owner" else _AS_A_FILE[1:]:
                for method in ("GET", "POST") if route.endswith("export/") else ("GET",):
                    before = _downloads_noted(shops.superuser)
                    answer = client.generic(
                        method, _address(route, shop), QUERY_STRING=urlencode(parameters)
                    )
                    attached = answer.get("Content-Disposition", "").startswith("attachment")
                    noted = _downloads_noted(shops.superuser) - before
                    assert noted == attached, (route, parameters, person)
                    if attached:
                        assert permission is not None or route in PUBLIC, (
                            f"{route} gives a file to anyone"
                        )
                        files.setdefault(person, set()).add(route)
    pages, certificate_ = (
        {
            "",
            "products/",
            "products/costs/",
            "orders/",
            "inventory/",
            "expenses/",
            "traffic/",
            "orders/<str:order>/",
            "settlements/",
            "settlements/<str:number>/",
            "reconciliation/",
            "profit-and-loss/",
            "days/<str:day>/",
        },
        "connections/<uuid:connection>/certificate.json",
    )
    assert files["owner"] == {*pages, certificate_, "data/export/"}
    assert files["analyst"] == files["accountant"] == {*pages, certificate_}
    assert files["viewer"] == {certificate_}


def test_urls_without_required_sign_in_are_exactly_the_listed_ones() -> None:
    public = {
        route
        for route, pattern in routes()
        if not getattr(pattern.callback, "login_required", True)
    }
    assert public == PUBLIC | DEMO_ONLY
    assert len(PUBLIC) <= PUBLIC_MOST


def test_every_other_url_requires_a_tenant_permission() -> None:
    """Require `tenant_permission_required` for every address of a shop: signing in is not enough.

    It finds the person's own shop and right.
    """
    personal = {
        "sign-out/",
        "no-shop/",
        "memberships/<uuid:tenant>/",
        "account/language/",
        "account/security/",
        "account/second-factor/",
        "account/second-factor/single-sign-on/",
    }  # about the person
    step_up_required = {
        route
        for route, pattern in routes()
        if hasattr(pattern.callback, "theseller_step_up_required")
    }
    operators = {
        route
        for route, pattern in routes()
        if hasattr(pattern.callback, "theseller_operator_required")
    }
    unguarded = {
        route
        for route, pattern in routes()
        if not hasattr(pattern.callback, "theseller_permission")
    }
    both = set(FRESH)  # an owner's right, and a fresh proof that it is them
    assert unguarded == PUBLIC | DEMO_ONLY | personal | (step_up_required - both) | operators
    assert operators == {route for route in MATRIX if route.startswith("operate/")}
    assert (
        step_up_required
        == {route for route in MATRIX if route.startswith("account/security/")} - personal | both
    )


@pytest.mark.parametrize(
    "route", [route for route, row in MATRIX.items() if row.expected("POST", "owner") != 405]
)
def test_a_post_from_another_site_is_refused(route: str, lasting: Shop) -> None:
    answer = _ask(lasting, _browser(lasting, "owner", checks=True), "POST", route)
    if route in SIGNED:
        assert answer.status_code == 400
        return
    assert answer.status_code == 403
    # The import page reads no body of a visitor who is not signed in, not even to check the
    # forgery token: they are sent to sign in first.
    expected = 302 if route == "imports/" else 403
    anonymous = _browser(lasting, "anonymous", checks=True)
    assert _ask(lasting, anonymous, "POST", route).status_code == expected


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_every_url_refuses_other_http_methods_with_405(method: str, lasting: Shop) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=lasting.cast.alice.id))
    got = {route: client.generic(method, _address(route, lasting)).status_code for route in MATRIX}
    assert got == dict.fromkeys(MATRIX, 405)
