"""Links to choose a new password, and what is true of every one-time link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.cast import PASSWORD, Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.one_time_links import path_of, token_of
from tests.operators import anonymous_client, create_operator

from theseller.accounts.members import operations
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import (
    VALID_FOR,
    IssuedLink,
    LinkRefusedError,
    new_token,
)
from theseller.accounts.password_reset.operations import (
    make_password_link,
    person_of_link,
    use_password_link,
)
from theseller.accounts.queries import person_by_email
from theseller.accounts.sessions import sessions_of
from theseller.accounts.tasks import delete_expired_links
from theseller.accounts.types import MemberRole
from theseller.audit.event_types import Tag
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.redaction import redact_text
from theseller.lib.secret_type import Secret
from theseller.privacy.account_deletion.operations import delete_account

ACTOR = "operator:test"
NEW = "seven-lamps-under-a-green-bridge"


def _link(person: UUID) -> IssuedLink:
    link = make_password_link(person=person, actor=ACTOR, at=clock.now())
    assert link is not None
    return link


def test_a_link_sets_a_password_once_and_ends_all_sessions(cast: Cast, database: str) -> None:
    signed_in = Client()
    signed_in.force_login(User.objects.get(pk=cast.bob.id))
    assert list(sessions_of(cast.bob.id))
    token = token_of(_link(cast.bob.id))
    assert User.objects.get(pk=cast.bob.id).check_password(PASSWORD)  # valid until it is used
    assert use_password_link(token=token, password=Secret(NEW), at=clock.now()) == cast.bob.id
    assert User.objects.get(pk=cast.bob.id).check_password(NEW)
    assert not list(sessions_of(cast.bob.id))
    assert signed_in.get("/account/security/").status_code == 302
    with pytest.raises(LinkRefusedError):
        use_password_link(token=token, password=Secret(PASSWORD), at=clock.now())
    assert User.objects.get(pk=cast.bob.id).check_password(NEW)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        events = superuser.execute(
            "select tag, actor, details::text from audit_event where subject = %s"
            " and tag like 'accounts:password%%' order by position",
            [f"user:{cast.bob.id}"],
        ).fetchall()
    assert events == [
        (Tag.PASSWORD_LINK_MADE, ACTOR, "{}"),
        (Tag.PASSWORD_RESET, cast.bob.actor, "{}"),
    ]


def test_a_newer_link_replaces_and_an_old_one_expires(cast: Cast) -> None:
    first, second = _link(cast.bob.id), _link(cast.bob.id)
    assert person_of_link(token_of(first), at=clock.now()) is None
    token = token_of(second)
    assert person_of_link(token, at=second.expires_at - timedelta(seconds=1)) is not None
    assert person_of_link(token, at=second.expires_at) is None
    with pytest.raises(LinkRefusedError):
        use_password_link(token=token, password=Secret(NEW), at=second.expires_at)
    assert User.objects.get(pk=cast.bob.id).check_password(PASSWORD)


def test_a_link_is_of_no_use_for_another_purpose(cast: Cast) -> None:
    invitation = operations.invite(
        email=cast.bob.email,
        role=MemberRole.VIEWER,
        tenant=cast.charlies_shop,
        actor=ACTOR,
        at=clock.now(),
    )
    with pytest.raises(LinkRefusedError):
        use_password_link(token=token_of(invitation), password=Secret(NEW), at=clock.now())
    with pytest.raises(LinkRefusedError):
        operations.join(token=token_of(_link(cast.bob.id)), person=cast.bob.id, at=clock.now())


def test_an_account_that_is_being_deleted_gets_no_password_any_more(cast: Cast) -> None:
    token = token_of(_link(cast.bob.id))
    delete_account(person=cast.bob.id, at=clock.now())
    assert make_password_link(person=cast.bob.id, actor=ACTOR, at=clock.now()) is None
    with pytest.raises(LinkRefusedError):
        use_password_link(token=token, password=Secret(NEW), at=clock.now())
    assert not User.objects.get(pk=cast.bob.id).has_usable_password()
    assert make_password_link(person=new_id(), actor=ACTOR, at=clock.now()) is None


def test_the_page_sets_a_password_and_second_factors_stay(database: str) -> None:
    del database
    operator, client = create_operator(), anonymous_client()
    path = path_of(_link(operator.id))
    page = client.get(path)
    assert (page.status_code, page["Referrer-Policy"]) == (200, "strict-origin")
    wrong: tuple[dict[str, str], ...] = (
        {"new": "short", "again": "short"},
        {"new": NEW, "again": NEW + "x"},
        {},
    )
    assert [client.post(path, one).status_code for one in wrong] == [422] * 3
    done = client.post(path, {"new": NEW, "again": NEW})
    assert (done.status_code, done["Location"]) == (302, "/sign-in/")
    client.post("/sign-in/", {"email": operator.email, "password": NEW})
    assert client.get("/account/security/").status_code == 302  # the second factor is missing
    assert client.post("/sign-in/", {"code": operator.code()}).status_code == 302
    assert client.get("/account/security/").status_code == 200
    assert client.get(path).status_code == 404


def _together(act: Callable[[], object], count: int = 4) -> list[str]:
    """Do the same in several connections at once; return what each raised, or ""."""
    barrier = Barrier(count)

    def one(_number: int) -> str:
        try:
            barrier.wait(60)
            act()
        except LinkRefusedError:
            return "refused"
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))


def test_of_several_uses_of_a_link_at_once_exactly_one_succeeds(cast: Cast) -> None:
    for _ in range(3):
        token = token_of(_link(cast.bob.id))
        said = _together(
            lambda link=token: use_password_link(  # type: ignore[misc]
                token=link, password=Secret(NEW), at=clock.now()
            )
        )
        assert said == ["", "refused", "refused", "refused"]
        email = f"new.{new_id().hex[-12:]}@example.com"
        invitation = operations.invite(
            email=email,
            role=MemberRole.VIEWER,
            tenant=cast.alices_shop,
            actor=ACTOR,
            at=clock.now(),
        )
        joining = token_of(invitation)
        said = _together(
            lambda link=joining: operations.join_as_new_user(  # type: ignore[misc]
                token=link, name="N", password=Secret(NEW), at=clock.now()
            )
        )
        assert said == ["", "refused", "refused", "refused"]
        assert person_by_email(email) is not None


def test_expired_password_links_are_deleted(cast: Cast, database: str) -> None:
    _link(cast.alice.id)
    _link(cast.bob.id)
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "update accounts_password_link set made_at = made_at - %s, expires_at = expires_at - %s"
            " where user_id = %s",
            [VALID_FOR, VALID_FOR, cast.bob.id],
        )
        with as_role("worker"):
            delete_expired_links(timestamp=0)
        assert superuser.execute(
            "select user_id from accounts_password_link where user_id = any(%s)",
            [[cast.alice.id, cast.bob.id]],
        ).fetchall() == [(cast.alice.id,)]


def test_tokens_are_long_differ_and_are_redacted(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [new_token().reveal() for _ in range(100)]
    assert len(set(tokens)) == 100
    for token in tokens:
        assert token[15:] not in redact_text(f"GET /join/{token}/ HTTP/1.1 referer {token}.")
    path = path_of(_link(cast.bob.id))
    with caplog.at_level(logging.DEBUG):
        anonymous_client().post(path, {"new": "x"})
    ours = next(
        one for one in logging.getLogger().handlers if not type(one).__module__.startswith("_py")
    )
    written = "\n".join(ours.format(record) for record in caplog.records)
    assert "/new-password/<str:token>/" in written
    assert path.split("/")[-2] not in written
