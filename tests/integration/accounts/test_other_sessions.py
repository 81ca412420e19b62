"""A change of a person's factors or password ends their other sessions.

Also those half way through signing in.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from tests.cast import PASSWORD, Cast
from tests.conftest import as_role
from tests.operators import (
    OperatorUser,
    anonymous_client,
    create_operator,
    enroll_app,
    operator_client,
)
from tests.step_up import after_step_up

from theseller.accounts.mfa import operations, totp
from theseller.accounts.mfa.queries import own_factors
from theseller.accounts.mfa.types import FactorKind, Proof
from theseller.accounts.models import User
from theseller.edge.database_routing import accounts_database
from theseller.lib import clock
from theseller.lib.ids import new_id

HOME = "/account/security/"


def _signed_in(person: UUID) -> Client:
    client = anonymous_client()
    client.force_login(User.objects.get(pk=person))
    assert client.get(HOME).status_code == 200
    return client


def _is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def _set_up_an_app(client: Client, person: UUID) -> None:
    client.post("/account/security/authenticator/")
    begun = operations.pending_authenticator(person=User.objects.get(pk=person).pk, at=clock.now())
    assert begun is not None
    code = totp.code_of(begun, totp.step_at(clock.now()))
    assert (
        client.post("/account/security/authenticator/", {"code": code}).status_code == 200
    )  # shows recovery codes


def test_a_new_second_factor_ends_the_persons_other_sessions(cast: Cast) -> None:
    mine, other, anothers = (
        _signed_in(cast.alice.id),
        _signed_in(cast.alice.id),
        _signed_in(cast.bob.id),
    )
    _set_up_an_app(after_step_up(mine), cast.alice.id)
    assert _is_in(mine)
    assert not _is_in(other)
    assert _is_in(anothers)


def _remove(client: Client, operator: OperatorUser) -> None:
    factor = own_factors(operator.id)[0].id
    assert client.post(f"/account/security/factors/{factor}/removal/")["Location"] == HOME


def _replace(client: Client, operator: OperatorUser) -> None:
    client.post("/account/security/authenticator/")
    begun = operations.pending_authenticator(person=operator.id, at=clock.now())
    assert begun is not None
    client.post(
        "/account/security/authenticator/", {"code": totp.code_of(begun, totp.step_at(clock.now()))}
    )


def _change_password(client: Client, _operator: OperatorUser) -> None:
    new = "copper lantern seventeen otters"
    assert (
        client.post("/account/security/password/", {"current": PASSWORD, "new": new, "again": new})[
            "Location"
        ]
        == HOME
    )


@pytest.mark.parametrize("change", [_remove, _replace, _change_password])
def test_second_factor_change_ends_other_and_half_completed_sign_ins(
    database: str, change: Callable[[Client, OperatorUser], None]
) -> None:
    operator = create_operator(operates=False)
    mine, other, half = operator_client(operator), _signed_in(operator.id), anonymous_client()
    assert (
        half.post("/sign-in/", {"email": operator.email, "password": PASSWORD}).status_code == 302
    )
    assert b"Your password is correct" in half.get("/sign-in/").content
    change(mine, operator)
    assert _is_in(mine)
    assert not _is_in(other)
    assert b"Your password is correct" not in half.get("/sign-in/").content


def test_second_factor_reset_by_operator_ends_all_sessions(database: str) -> None:
    operator = create_operator()
    sessions = [operator_client(operator), _signed_in(operator.id)]
    with as_role("migrate"):
        assert (
            operations.remove_all_factors(person=operator.id, actor="operator:cli", at=clock.now())
            == 1
        )
    assert [_is_in(one) for one in sessions] == [False, False]


def test_a_sign_in_that_began_before_a_change_is_not_completed_after_it(database: str) -> None:
    operator = create_operator(operates=False, with_app=False)
    removed = Proof(operator.id, new_id(), FactorKind.PASSKEY, clock.now())
    with transaction.atomic(using=accounts_database()):
        assert operations.sign_in_holds(operator.id, None)
        assert not operations.sign_in_holds(operator.id, removed)
    enroll_app(operator.id, clock.now())
    with transaction.atomic(using=accounts_database()):
        assert not operations.sign_in_holds(operator.id, None)


def test_the_session_of_a_sign_in_is_stored_before_anything_else_can_change(cast: Cast) -> None:
    """A change that waits for the sign-in's transaction must find its session."""
    client = anonymous_client()
    client.post("/sign-in/", {"email": cast.alice.email, "password": PASSWORD})
    operations.remove_all_factors(person=cast.alice.id, actor="process:test", at=clock.now())
    assert not _is_in(client)
