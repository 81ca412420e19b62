"""Sign-up: an address is verified by mail, then its person opens a shop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.one_time_links import token_of
from tests.operators import anonymous_client

from theseller.accounts.members import operations as members
from theseller.accounts.models import SignUp, User
from theseller.accounts.one_time_link_tokens import VALID_FOR, LinkRefusedError
from theseller.accounts.queries import memberships_of, person_by_email
from theseller.accounts.sign_up import operations
from theseller.accounts.sign_up.queries import address_of, has_open_request
from theseller.accounts.sign_up.types import SignUpMode
from theseller.accounts.tasks import delete_expired_links
from theseller.accounts.types import MemberRole
from theseller.edge.database_routing import accounts_database
from theseller.erasure.user_erasure import count_user_rows
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.mail.mail_kinds import SignUp as SignUpMail
from theseller.mail.operations import queue_mail
from theseller.mail.types import QueuedMail, QueueOutcome

PASSWORD = "seven-lamps-under-a-green-bridge"  # of people of this test
FORM = {"shop": "Acme", "name": "Dora", "new": PASSWORD, "again": PASSWORD}


@pytest.fixture(autouse=True)
def allowed() -> Iterator[None]:
    with override_settings(SIGN_UP=SignUpMode.VERIFIED):
        yield


@pytest.fixture
def mailed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return (address, path of the link) of each mail, as it is queued."""
    found: list[tuple[str, str]] = []

    def queue(
        context: SignUpMail, *, recipient: str, idempotency_key: str, at: datetime, language: str
    ) -> QueuedMail:
        queued = queue_mail(
            context,
            recipient=recipient,
            idempotency_key=idempotency_key,
            at=at,
            language=language,
        )
        if queued.outcome is QueueOutcome.QUEUED:
            found.append((recipient, re.sub(r"^https?://[^/]+", "", context.link)))
        return queued

    monkeypatch.setattr(operations, "queue_mail", queue)
    return found


def _address() -> str:
    return f"new.{new_id().hex[-12:]}@example.com"


def _request(address: str) -> tuple[int, str]:
    answer = anonymous_client().post("/sign-up/", {"email": address})
    text = answer.content.decode()
    return answer.status_code, "\n".join(
        line for line in text.splitlines() if "request" not in line.lower()
    )


def _link(mailed: list[tuple[str, str]], address: str) -> str:
    assert _request(address)[0] == 200
    assert mailed[-1][0] == address
    return mailed[-1][1]


def _token(path: str) -> Secret:
    return Secret(path.split("/")[-2])


def _events(database: str, tenant: UUID) -> list[tuple[str, str]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, actor from audit_event where tenant_id = %s order by position", [tenant]
        ).fetchall()


def test_a_verified_address_opens_a_shop_and_owns_it(
    database: str, mailed: list[tuple[str, str]]
) -> None:
    address, client = _address(), anonymous_client()
    assert "Create a shop" in client.get("/").content.decode()
    path = _link(mailed, address.upper().replace("EXAMPLE", "Example").lower())
    assert person_by_email(address) is None  # nothing is made before the link is used
    page = client.get(path)
    assert (page.status_code, page["Referrer-Policy"]) == (200, "strict-origin")
    wrong: tuple[dict[str, str], ...] = ({}, FORM | {"again": "x"}, FORM | {"shop": "  "})
    assert [client.post(path, one).status_code for one in wrong] == [422] * 3
    done = client.post(path, FORM)
    assert (done.status_code, done["Location"]) == (302, "/sign-in/")
    assert client.get("/account/security/").status_code == 302  # a link signs no one in
    person = person_by_email(address)
    assert person is not None
    (shop,) = memberships_of(person)
    tenant = shop.tenant
    assert (shop.name, shop.role) == ("Acme", MemberRole.OWNER)
    actor = f"user:{person}"
    assert _events(database, tenant) == [
        ("accounts:user:created", actor),
        ("tenancy:tenant:created", actor),
        ("accounts:membership:added", actor),
    ]
    assert client.get(path).status_code == 404  # used
    client.post("/sign-in/", {"email": address, "password": PASSWORD})
    assert client.get("/members/").status_code == 200


def test_sign_up_is_off_unless_it_is_set(cast: Cast, mailed: list[tuple[str, str]]) -> None:
    path = _link(mailed, _address())
    with override_settings(SIGN_UP=SignUpMode.OFF):
        client = anonymous_client()
        said = client.get("/").content.decode() + client.get("/sign-in/").content.decode()
        assert "sign-up" not in said
        for url, data in (("/sign-up/", {"email": cast.bob.email}), (path, FORM)):
            assert [client.get(url).status_code, client.post(url, data).status_code] == [404, 404]
    assert len(mailed) == 1


def test_the_answer_and_the_work_are_the_same_with_and_without_an_account(
    cast: Cast, database: str, mailed: list[tuple[str, str]]
) -> None:
    unknown = _address()
    assert _request(cast.bob.email) == _request(unknown)
    assert [one[0] for one in mailed] == [cast.bob.email, unknown]
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        said = superuser.execute(
            "select tag, actor, tenant_id from audit_event order by position desc limit 2"
        ).fetchall()
    assert said == [("accounts:sign_up:requested", "process:web", None)] * 2
    assert _request("no address")[0] == 422
    # Who opens the link learns it, and that is who reads the address's mail.
    page = anonymous_client().get(mailed[0][1]).content.decode()
    assert "There is an account with this address" in page
    assert "Your name" not in page


def test_a_person_with_an_account_adds_a_shop(
    cast: Cast, mailed: list[tuple[str, str]], database: str
) -> None:
    path = _link(mailed, cast.bob.email)
    with pytest.raises(LinkRefusedError):  # not as a new user
        operations.open_shop_as_new_user(
            token=_token(path), shop="X", name="B", password=Secret(PASSWORD), at=clock.now()
        )
    other, client = Client(), Client()
    other.force_login(User.objects.get(pk=cast.charlie.id))
    page = other.post(path, {"shop": "Mine"})
    assert page.status_code == 422
    assert "You are signed in as" in page.content.decode()
    with pytest.raises(LinkRefusedError):
        operations.open_shop(token=_token(path), shop="X", person=cast.charlie.id, at=clock.now())
    client.force_login(User.objects.get(pk=cast.bob.id))
    assert client.post(path, {"shop": "Second"})["Location"] == "/"
    owned = [one for one in memberships_of(cast.bob.id) if one.name == "Second"]
    assert [one.role for one in owned] == [MemberRole.OWNER]
    assert [one[0] for one in _events(database, owned[0].tenant)] == [
        "tenancy:tenant:created", "accounts:membership:added",
    ]  # fmt: skip
    assert "Second" in client.get("/data/").content.decode()  # the new shop is chosen


def test_a_newer_link_replaces_and_an_old_one_expires(mailed: list[tuple[str, str]]) -> None:
    address = _address()
    first, second = (_token(_link(mailed, address)) for _ in range(2))
    at = clock.now()
    assert address_of(first, at=at) is None
    assert address_of(second, at=at) == address
    assert address_of(second, at=at + VALID_FOR) is None
    for role in (accounts_database(), "worker"):  # the worker checks it before each attempt
        assert has_open_request(address, at, role)
    assert not has_open_request(address, at + VALID_FOR, accounts_database())
    assert not has_open_request(_address(), at, accounts_database())
    with pytest.raises(LinkRefusedError):
        operations.open_shop_as_new_user(
            token=second, shop="X", name="N", password=Secret(PASSWORD), at=at + VALID_FOR
        )
    with pytest.raises(LinkRefusedError):  # of no use for another purpose
        members.join_as_new_user(token=second, name="N", password=Secret(PASSWORD), at=at)
    invitation = members.add_shop(name="S", owner=_address(), actor="operator:test", at=at)
    with pytest.raises(LinkRefusedError):
        operations.open_shop_as_new_user(
            token=token_of(invitation.link), shop="X", name="N", password=Secret(PASSWORD), at=at
        )


def test_of_several_uses_of_a_link_at_once_exactly_one_opens_a_shop(
    cast: Cast, mailed: list[tuple[str, str]]
) -> None:
    # By a person with an account: a second account is refused by its address already.
    token, barrier = _token(_link(mailed, cast.bob.email)), Barrier(3)

    def use(number: int) -> str:
        try:
            barrier.wait(60)
            operations.open_shop(token=token, shop=f"S{number}", person=cast.bob.id, at=clock.now())
        except LinkRefusedError:
            return "refused"
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(use, range(3))) == ["", "refused", "refused"]
    assert len(memberships_of(cast.bob.id)) == 2  # Alice's and the new one


def test_requests_are_limited_by_address_and_by_network(
    cast: Cast, mailed: list[tuple[str, str]]
) -> None:
    client, address = anonymous_client(), _address()
    for one in (address, cast.bob.email):  # the same with and without an account
        said = [client.post("/sign-up/", {"email": one}).status_code for _ in range(4)]
        assert said == [200] * 3 + [429], one
    statuses = [client.post("/sign-up/", {"email": _address()}).status_code for _ in range(10)]
    assert statuses[-1] == 429
    # From other networks too, few messages reach one address.
    said = [_request(address)[0] for _ in range(4)]
    assert said == [200] * 2 + [429] * 2
    assert [one[0] for one in mailed].count(address) == 5


def test_requests_expire_by_the_job_and_end_with_account_and_invitation(
    cast: Cast, mailed: list[tuple[str, str]]
) -> None:
    old, new, at = _address(), _address(), clock.now()
    for address, made in ((old, at - VALID_FOR), (new, at - timedelta(hours=71))):
        operations.request_sign_up(email=address, at=made)
    assert [one[0] for one in mailed] == [old, new]
    with as_role("worker"):
        delete_expired_links(timestamp=0)
    assert [one.email for one in SignUp.objects.filter(email__in=[old, new])] == [new]
    invited = members.invite(
        email=new, role=MemberRole.VIEWER, tenant=cast.alices_shop, actor="operator:t", at=at
    )
    members.join_as_new_user(token=token_of(invited), name="N", password=Secret(PASSWORD), at=at)
    assert not SignUp.objects.filter(email=new).exists()
    # The row of a person who has an account is theirs: its erasure finds it.
    operations.request_sign_up(email=cast.bob.email, at=at)
    assert count_user_rows(cast.bob.id)["accounts_sign_up"] == 1


def test_addresses_that_get_no_mail_leave_no_request(
    database: str, mailed: list[tuple[str, str]]
) -> None:
    del database
    relay = f"{new_id().hex}@marketplace.amazon.com"
    known, refused = _request(_address()), _request(relay)
    assert known == refused
    assert len(mailed) == 1
    assert not SignUp.objects.filter(email=relay).exists()
    assert settings.MAIL_SIGN_UP_CHECK.endswith(".has_open_request")


def test_mail_of_a_sign_up_goes_to_who_requested_it_only(cast: Cast) -> None:
    at: datetime = clock.now()
    mail = SignUpMail("http://testserver/sign-up/x/", at + VALID_FOR)
    for address in (cast.bob.email, _address()):
        queued = queue_mail(mail, recipient=address, idempotency_key=str(new_id()), at=at)
        assert queued.outcome is QueueOutcome.REFUSED
