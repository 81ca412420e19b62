"""Second factors: codes, recovery codes, fresh proofs, and what is stored.

The codes are the RFC's own examples; each is accepted once.
"""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.cast import NOON, PASSWORD, Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.operators import (
    OperatorUser,
    anonymous_client,
    create_operator,
    enroll_app,
    operator_client,
    signed_in_client,
)

from theseller.accounts.mfa import operations, rekey, totp
from theseller.accounts.mfa.queries import has_factor, own_factors, recovery_codes
from theseller.accounts.mfa.types import CannotRemoveError, FactorKind, RefusedError
from theseller.accounts.mfa.webauthn_protocol import VerifiedCredential
from theseller.accounts.models import Authenticator, RecoveryCode
from theseller.audit.event_types import Tag
from theseller.lib import clock
from theseller.lib.secret_type import Secret

_RFC_SECRET = Secret(base64.b32encode(b"12345678901234567890").decode())


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, eight_digits: str) -> None:
    """Appendix B, SHA-1: its eight digits end in the six that apps show."""
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_of(_RFC_SECRET, totp.step_at(at)) == eight_digits[-6:]
    assert totp.step_of(_RFC_SECRET, eight_digits[-6:], at) == totp.step_at(at)


@pytest.mark.parametrize(
    ("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phones_clock_may_differ_by_one_step(steps: int, *, taken: bool) -> None:
    code = totp.code_of(_RFC_SECRET, totp.step_at(NOON) + steps)
    assert (totp.step_of(_RFC_SECRET, code, NOON) is not None) is taken


def test_totp_code_is_accepted_once_and_no_earlier_code_afterwards() -> None:
    operator, now = create_operator(), clock.now()
    earlier = operator.code(now - timedelta(seconds=30))
    assert (
        operations.prove_by_code(
            person=operator.id, code=f" {operator.code(now)[:3]} {operator.code(now)[3:]} ", at=now
        ).kind
        is FactorKind.AUTHENTICATOR
    )
    for code in (operator.code(now), earlier):
        with pytest.raises(RefusedError):
            operations.prove_by_code(person=operator.id, code=code, at=now)
    later = now + timedelta(seconds=30)
    assert (
        operations.prove_by_code(person=operator.id, code=operator.code(later), at=later).at
        == later
    )


def _at_once(tries: int, operator: OperatorUser, code: str, at: datetime) -> list[bool]:
    """Bring one code from many connections at the same moment; say which were taken."""
    gate = threading.Barrier(tries)

    def bring(_: int) -> bool:
        try:
            gate.wait(30)
            operations.prove_by_code(person=operator.id, code=code, at=at)
        except RefusedError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(tries) as pool:
        return list(pool.map(bring, range(tries)))


def test_code_used_eight_times_concurrently_is_accepted_once() -> None:
    operator, now = create_operator(), clock.now()
    assert sum(_at_once(8, operator, operator.code(now), now)) == 1
    codes = operations.make_recovery_codes(person=operator.id, at=now)
    assert sum(_at_once(8, operator, codes[3].reveal(), now)) == 1


def test_recovery_codes_are_kept_as_hashes_and_each_opens_once() -> None:
    operator, now = create_operator(), clock.now()
    codes = operations.make_recovery_codes(person=operator.id, at=now)
    assert len({code.reveal() for code in codes}) == operations.RECOVERY_CODES
    kept = b"".join(
        bytes(one)
        for one in RecoveryCode.objects.filter(user_id=operator.id).values_list(
            "code_hash", flat=True
        )
    )
    assert not [code for code in codes if code.reveal_bytes() in kept]
    written = codes[0].reveal().upper()
    spaced = "-".join(written[start : start + 4] for start in range(0, 16, 4))
    assert (
        operations.prove_by_code(person=operator.id, code=spaced, at=now).kind
        is FactorKind.RECOVERY_CODE
    )
    with pytest.raises(RefusedError):
        operations.prove_by_code(person=operator.id, code=written, at=now)
    stored = recovery_codes(operator.id)
    assert stored is not None
    assert stored.left == operations.RECOVERY_CODES - 1
    fresh = operations.make_recovery_codes(person=operator.id, at=now)
    with pytest.raises(RefusedError):
        operations.prove_by_code(person=operator.id, code=codes[1].reveal(), at=now)
    assert (
        operations.prove_by_code(person=operator.id, code=fresh[1].reveal(), at=now).person
        == operator.id
    )


def test_a_code_of_another_user_proves_nothing(cast: Cast) -> None:
    operator, now = create_operator(), clock.now()
    enroll_app(cast.alice.id, now - timedelta(hours=1))
    codes = operations.make_recovery_codes(person=operator.id, at=now)
    for code in (operator.code(now), codes[0].reveal()):
        with pytest.raises(RefusedError):
            operations.prove_by_code(person=cast.alice.id, code=code, at=now)


def test_the_eleventh_try_waits_even_with_the_right_code() -> None:
    operator, client = create_operator(), anonymous_client()
    client.post("/sign-in/", {"email": operator.email, "password": PASSWORD})
    statuses = [client.post("/sign-in/", {"code": "000000"}).status_code for _ in range(10)]
    assert set(statuses) == {422}
    assert client.post("/sign-in/", {"code": operator.code()}).status_code == 429
    # A fresh session from the same network has no more tries; the person's own network is not
    # locked out.
    again, other = Client(REMOTE_ADDR=client.defaults["REMOTE_ADDR"]), anonymous_client()
    for one, status in ((again, 429), (other, 302)):
        one.post("/sign-in/", {"email": operator.email, "password": PASSWORD})
        assert one.post("/sign-in/", {"code": operator.code()}).status_code == status


def test_successful_second_factor_codes_do_not_count_towards_the_lockout() -> None:
    """A user with a proof before each of twelve sensitive acts is not locked out."""
    operator = create_operator()
    client = operator_client(operator)
    codes = [
        code.reveal()
        for _ in range(2)
        for code in operations.make_recovery_codes(person=operator.id, at=clock.now())
    ][-10:]
    answers = [client.post("/account/second-factor/", {"code": code}).status_code for code in codes]
    answers += [
        client.post("/account/second-factor/", {"code": code}).status_code
        for code in ("000000", operator.code(), "000000")
    ]
    assert answers == [302] * 10 + [422, 302, 422]


def _answer(count: int) -> VerifiedCredential:
    return VerifiedCredential(b"an id of a credential", b"what the authenticator gave", count)


@pytest.mark.parametrize("count", [0, 5])
def test_passkey_assertion_is_accepted_once_and_counter_must_rise(count: int, cast: Cast) -> None:
    now = clock.now()
    unique = replace(_answer(count), credential_id=cast.bob.id.bytes)
    operations.add_passkey(person=cast.bob.id, answer=unique, name="Key", at=now)
    with pytest.raises(RefusedError, match="already in use"):
        operations.add_passkey(person=cast.alice.id, answer=unique, name="Key", at=now)
    requested = now + timedelta(minutes=1)
    higher = replace(unique, sign_count=count + bool(count))
    gate = threading.Barrier(6)

    def bring(_: int) -> bool:
        try:
            gate.wait(30)
            operations.prove_by_passkey(
                person=cast.bob.id, answer=higher, issued_at=requested, at=requested
            )
        except RefusedError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(bring, range(6))) == 1
    later = requested + timedelta(minutes=1)
    for answer, person in (
        (replace(unique, sign_count=1 if count else 0), cast.alice.id),
        (replace(unique, sign_count=count), cast.bob.id),
    ):
        if person == cast.bob.id and not count:
            continue  # An authenticator without a counter has nothing that could fall.
        with pytest.raises(RefusedError):
            operations.prove_by_passkey(person=person, answer=answer, issued_at=later, at=later)


def test_a_password_alone_does_not_sign_in_a_user_with_a_second_factor(cast: Cast) -> None:
    enroll_app(cast.alice.id, clock.now() - timedelta(hours=1))
    client = anonymous_client()
    client.post("/sign-in/", {"email": cast.alice.email, "password": PASSWORD})
    assert b"One more step" in client.get("/sign-in/").content
    assert client.get("/connections/")["Location"].startswith("/sign-in/")
    client.post("/sign-in/", {"again": "yes"})
    assert b"One more step" not in client.get("/sign-in/").content


def test_a_sign_in_without_its_second_factor_lasts_ten_minutes(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = enroll_app(cast.alice.id, clock.now() - timedelta(hours=1))
    client, later = anonymous_client(), clock.now() + timedelta(minutes=11)
    client.post("/sign-in/", {"email": cast.alice.email, "password": PASSWORD})
    monkeypatch.setattr(clock, "now", lambda: later)
    client.post("/sign-in/", {"code": totp.code_of(secret, totp.step_at(later))})
    assert client.get("/connections/")["Location"].startswith("/sign-in/")


def test_setting_up_an_app_through_the_pages(cast: Cast) -> None:
    client = anonymous_client()
    client.post("/sign-in/", {"email": cast.bob.email, "password": PASSWORD})
    before = client.cookies["theseller_session"].value
    client.post("/account/security/authenticator/")
    page = client.get("/account/security/authenticator/").content.decode()
    secret = operations.pending_authenticator(person=cast.bob.id, at=clock.now())
    assert secret is not None
    assert "<svg" in page
    assert not has_factor(cast.bob.id)
    assert client.post("/account/security/authenticator/", {"code": "000000"}).status_code == 422
    answer = client.post(
        "/account/security/authenticator/",
        {"code": totp.code_of(secret, totp.step_at(clock.now()))},
    )
    assert "Your recovery codes" in answer.content.decode()
    assert has_factor(cast.bob.id)
    assert client.cookies["theseller_session"].value != before
    assert "Your recovery codes" not in client.get("/account/security/").content.decode()


def test_changing_factors_asks_for_a_proof_of_the_last_five_minutes(cast: Cast) -> None:
    """A session that was left open can neither add the finder's phone nor remove its owner's."""
    operator = create_operator()
    (factor,) = own_factors(operator.id)
    old = operator_client(operator, at=clock.now() - timedelta(minutes=6))
    for client in (signed_in_client(operator), old):
        for path in (
            "authenticator/",
            "recovery-codes/",
            f"factors/{factor.id}/removal/",
            "passkey/",
        ):
            assert client.post(f"/account/security/{path}")["Location"].startswith(
                "/account/second-factor/?next="
            )
    assert own_factors(operator.id) == (factor,)
    # Who has none yet is asked for the password.
    from theseller.accounts.models import User

    stolen = anonymous_client()
    stolen.force_login(User.objects.get(pk=cast.alice.id))
    assert stolen.post("/account/security/authenticator/")["Location"].startswith(
        "/account/second-factor/"
    )
    assert stolen.post("/account/second-factor/", {"password": "wrong"}).status_code == 422
    assert stolen.post("/account/second-factor/", {"password": PASSWORD}).status_code == 302
    assert (
        stolen.post("/account/security/authenticator/")["Location"]
        == "/account/security/authenticator/"
    )


def test_a_user_cannot_remove_the_factor_of_another(cast: Cast) -> None:
    operator = create_operator()
    (factor,) = own_factors(operator.id)
    with pytest.raises(CannotRemoveError):
        operations.remove_factor(person=cast.alice.id, factor=factor.id, at=clock.now())
    assert own_factors(operator.id) == (factor,)


def test_every_change_of_a_factor_is_audited(cast: Cast, database: str) -> None:
    now = clock.now()
    enroll_app(cast.bob.id, now - timedelta(hours=1))
    operations.make_recovery_codes(person=cast.bob.id, at=now)
    client = anonymous_client()
    client.post("/sign-in/", {"email": cast.bob.email, "password": PASSWORD})
    client.post("/sign-in/", {"code": "000000"})
    (factor,) = own_factors(cast.bob.id)
    operations.remove_factor(person=cast.bob.id, factor=factor.id, at=now)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        rows = superuser.execute(
            "select tag, actor from audit_event where subject = %s and tag <>"
            " 'accounts:membership:added' order by position",
            [f"user:{cast.bob.id}"],
        ).fetchall()
    wanted = (
        Tag.SECOND_FACTOR_ADDED,
        Tag.RECOVERY_CODES_MADE,
        Tag.SECOND_FACTOR_REFUSED,
        Tag.SECOND_FACTOR_REMOVED,
    )
    assert rows == [(tag.value, cast.bob.actor) for tag in wanted]
    assert recovery_codes(cast.bob.id) is None


def test_second_factor_secret_is_sealed_and_resealed_after_key_rotation() -> None:
    """A row that was moved to another person opens nothing; after a rotation the old key is not needed."""
    from django.conf import settings

    operator, oskar = create_operator(), create_operator(name="Oskar")
    assert operator.secret is not None
    row = Authenticator.objects.get(user_id=operator.id)
    assert base64.b32decode(operator.secret.reveal()) not in bytes(row.sealed)
    assert operator.secret.reveal_bytes() not in bytes(row.sealed)
    theirs = Authenticator.objects.get(user_id=oskar.id)
    from theseller.accounts.mfa import totp_secret_sealing
    from theseller.crypto.errors import CannotOpenError

    with pytest.raises(CannotOpenError):
        totp_secret_sealing.unsealed(UUID(str(theirs.id)), bytes(row.sealed))
    former = row.data_key_id
    rekey.make_key()
    with as_role("worker"):
        assert rekey.reseal_old_secrets() == 0
    row.refresh_from_db()
    assert row.data_key_id != former
    for key in rekey.second_factor_keys()[:-1]:
        settings.KEY_STORE.destroy(key.id)
    assert (
        operations.prove_by_code(person=operator.id, code=operator.code(), at=clock.now()).person
        == operator.id
    )


def test_web_database_role_cannot_add_an_operator(cast: Cast) -> None:
    from django.db import ProgrammingError

    from theseller.accounts.operations import add_operator

    with pytest.raises(ProgrammingError, match="permission denied"):
        add_operator(person=cast.alice.id, actor="operator:test", at=clock.now())
