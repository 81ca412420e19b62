"""People get a notice by mail when how they sign in was changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.test import override_settings
from tests.cast import Cast
from tests.operators import create_operator, enroll_app

from theseller.accounts.mfa import operations, totp
from theseller.accounts.mfa.queries import own_factors
from theseller.accounts.mfa.webauthn_protocol import VerifiedCredential
from theseller.accounts.one_time_link_tokens import token_in_path
from theseller.accounts.operations import change_password
from theseller.accounts.password_reset.operations import make_password_link, use_password_link
from theseller.lib import clock, sql_execution
from theseller.lib.secret_type import Secret
from theseller.mail.mail_kinds import CHANGES
from theseller.mail.types import MailMode, MailSettings

_NEW = Secret("a new password of 15 or more")
_MAIL = MailSettings(mode=MailMode.INBOX, sender="theseller@example.com")


@pytest.fixture(autouse=True)
def _mail() -> Iterator[None]:
    with override_settings(MAIL=_MAIL):
        yield


def _changes(person: UUID) -> list[str]:
    """Return what the queued notices to a person say was changed."""
    rows = sql_execution.rows(
        connections["worker"],
        "select kind, context from mail_message where user_id = %s order by id",
        [person],
    )
    assert {kind for kind, _ in rows} <= {"security_notice"}
    return [json.loads(context)["change"] for _, context in rows]


def _change(person: UUID) -> None:
    change_password(person=person, password=_NEW, at=clock.now())


def _reset(person: UUID) -> None:
    link = make_password_link(person=person, actor="operator:test", at=clock.now())
    assert link is not None
    token = token_in_path(link.address.reveal().rstrip("/").rpartition("/")[2])
    assert token is not None
    use_password_link(token=token, password=_NEW, at=clock.now())


def _add_app(person: UUID) -> None:
    secret, at = totp.new_secret(), clock.now()
    operations.begin_authenticator(person=person, at=at, secret=secret)
    operations.confirm_authenticator(
        person=person, code=totp.code_of(secret, totp.step_at(at)), at=at
    )


def _add_passkey(person: UUID) -> None:
    answer = VerifiedCredential(os.urandom(16), b"what the authenticator gave", 0)
    operations.add_passkey(person=person, answer=answer, name="Key", at=clock.now())


def _remove(person: UUID) -> None:
    enroll_app(person, clock.now())
    operations.remove_factor(person=person, factor=own_factors(person)[0].id, at=clock.now())


def _replace_codes(person: UUID) -> None:
    operations.make_recovery_codes(person=person, at=clock.now())
    assert _changes(person) == []
    operations.make_recovery_codes(person=person, at=clock.now())


_ACTS: dict[Callable[[UUID], None], str] = {
    _change: "password_changed",
    _reset: "password_changed",
    _add_app: "second_factor_added",
    _add_passkey: "second_factor_added",
    _remove: "second_factor_removed",
    _replace_codes: "recovery_codes_made",
}


@pytest.mark.parametrize("act", _ACTS, ids=lambda act: act.__name__.strip("_"))
def test_each_change_queues_one_notice(act: Callable[[UUID], None], cast: Cast) -> None:
    act(cast.alice.id)
    assert _changes(cast.alice.id) == [_ACTS[act]]
    assert _ACTS[act] in CHANGES


def test_operators_get_notices_too() -> None:
    operator = create_operator()
    _change(operator.id)
    assert _changes(operator.id) == ["password_changed"]


def test_a_change_that_is_undone_leaves_no_notice(cast: Cast) -> None:
    with transaction.atomic(using="auth"):
        _change(cast.alice.id)
        transaction.set_rollback(True, using="auth")
    assert _changes(cast.alice.id) == []


def test_without_mail_the_change_is_made_all_the_same(cast: Cast) -> None:
    with override_settings(MAIL=MailSettings()):
        _add_app(cast.alice.id)
    stranger = create_operator(operates=False, with_app=False)  # whose address gets no mail
    _add_app(stranger.id)
    assert [len(own_factors(one)) for one in (cast.alice.id, stranger.id)] == [1, 1]
    assert _changes(cast.alice.id) == _changes(stranger.id) == []
