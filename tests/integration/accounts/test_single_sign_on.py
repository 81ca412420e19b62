"""Single sign-on: sign-in by an identity provider, over TLS, with its attacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.test import Client, override_settings
from tests.cast import Cast
from tests.database import test_server
from tests.oidc_provider import (
    CLIENT_SECRET,
    HMAC_BY_PUBLIC_KEY,
    OTHER_KEY,
    UNSIGNED,
    OidcProvider,
    SecretsWithClient,
    for_everyone,
    running_provider,
)
from tests.operators import (
    OperatorUser,
    anonymous_client,
    create_operator,
    operator_client,
    revoke_operator,
)

from theseller.accounts.mfa.session_proofs import proof_in
from theseller.accounts.models import OidcIdentity, User
from theseller.accounts.oidc import begun_requests, provider_client
from theseller.accounts.oidc.id_token_validation import identity_of_code, max_age_of
from theseller.accounts.oidc.operations import link_identity, unlink_identity
from theseller.accounts.oidc.provider_client import authorization_url, provider
from theseller.accounts.oidc.types import Purpose, Refusal, SsoRefusedError
from theseller.accounts.operations import disable_sign_in
from theseller.erasure.user_erasure import count_user_rows
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

BEGIN, LINK = "/sign-in/single-sign-on/", "/account/security/single-sign-on/"
STEP_UP = "/account/second-factor/single-sign-on/"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with running_provider(tmp_path_factory.mktemp("provider")) as found:
        yield found


@pytest.fixture
def idp(running: OidcProvider, database: str) -> Iterator[OidcProvider]:
    del database
    running.metadata, running.keys[1:] = {}, []
    provider_client.expire_provider()
    with override_settings(OIDC=running.settings, SECRETS=SecretsWithClient(settings.SECRETS)):
        yield running


@pytest.fixture
def holder(idp: OidcProvider) -> OperatorUser:
    """Return an operator to whom the provider's `person-…` of her id is linked."""
    del idp
    operator = create_operator()
    link_identity(person=operator.id, subject=_subject(operator.id), at=clock.now())
    return operator


def _subject(person: UUID) -> str:
    return f"person-{person}"


def _go(client: Client, path: str = BEGIN) -> str:
    answer = client.get(path)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def _sign_in(idp: OidcProvider, person: UUID, client: Client | None = None) -> Client:
    client = client or anonymous_client()
    back = idp.sign_in(_go(client, f"{BEGIN}?next=/operate/"), sub=_subject(person))
    assert client.get(back)["Location"] == "/operate/"
    return client


def _events(database: str, most: int) -> list[tuple[str, str, dict[str, str]]]:
    """Return tag, actor and details of the newest lines of the audit log, newest first."""
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, actor, details from audit_event order by position desc limit %s", [most]
        ).fetchall()


def test_an_operator_links_an_identity_and_signs_in_by_it(idp: OidcProvider, database: str) -> None:
    holder, subject = create_operator(), f"person-{new_id()}"
    client = operator_client(holder)
    assert "Link your account" in client.get("/account/security/").content.decode()
    page = client.get(idp.sign_in(_go(client, LINK), sub=subject))
    assert page.status_code == 200
    assert subject in page.content.decode()
    assert not OidcIdentity.objects.filter(user_id=holder.id).exists()  # not before she confirms
    assert client.post(LINK)["Location"] == "/account/security/"
    identity = OidcIdentity.objects.get(user_id=holder.id)
    assert (identity.issuer, identity.subject) == (idp.issuer, subject)
    actor = f"user:{holder.id}"
    assert _events(database, 1) == [
        ("accounts:identity:linked", actor, {"identity": str(identity.id)})
    ]
    assert client.post(LINK).status_code == 403  # a confirmation counts once
    browser = anonymous_client()
    assert "Sign in with Acme login" in browser.get("/sign-in/").content.decode()
    back = idp.sign_in(_go(browser, f"{BEGIN}?next=/operate/"), sub=subject)
    assert browser.get(back)["Location"] == "/operate/"
    assert browser.get("/operate/").status_code == 200  # the required factor was used there
    assert [one[:2] for one in _events(database, 2)] == [
        ("accounts:session:signed_in", actor), ("accounts:second_factor:proven", actor),
    ]  # fmt: skip
    assert client.post("/sign-out/").status_code == 302


#: What the provider answers wrongly, the reason that is recorded, and its detail.
ATTACKS: dict[str, tuple[dict[str, Any], Refusal, str]] = {
    "another nonce": ({"nonce": "other"}, Refusal.TOKEN, "nonce"),
    "no nonce": ({"nonce": None}, Refusal.TOKEN, "nonce"),
    "another audience": ({"aud": "someone"}, Refusal.TOKEN, "audience"),
    "one more audience": ({"aud": ["the:seller", "x"]}, Refusal.TOKEN, "audience"),
    "another authorized party": ({"azp": "someone"}, Refusal.TOKEN, "audience"),
    "another issuer": ({"iss": "https://evil.example"}, Refusal.TOKEN, "issuer"),
    "no signature": ({"how": UNSIGNED}, Refusal.TOKEN, "signature"),
    "a public key as secret": ({"how": HMAC_BY_PUBLIC_KEY}, Refusal.TOKEN, "signature"),
    "another key": ({"how": OTHER_KEY}, Refusal.TOKEN, "signature"),
    "an expired token": ({"exp": 1}, Refusal.TOKEN, "expired"),
    "no expiry": ({"exp": None}, Refusal.TOKEN, "times"),
    "a token of the future": ({"iat": 9_999_999_999}, Refusal.TOKEN, "issued_in_future"),
    "not valid yet": ({"nbf": 9_999_999_999}, Refusal.TOKEN, "issued_in_future"),
    "no subject": ({"sub": ""}, Refusal.TOKEN, "subject"),
    "no methods": ({"amr": None}, Refusal.FACTOR, "amr"),
    "a password only": ({"amr": ["pwd"]}, Refusal.FACTOR, "amr"),
    "methods as a text": ({"amr": "mfa"}, Refusal.FACTOR, "amr"),
    "no time of sign-in": ({"auth_time": None}, Refusal.STALE, "auth_time"),
    "a sign-in of yesterday": ({"auth_time": -1}, Refusal.STALE, "auth_time"),
    "an unlinked subject": ({"sub": "stranger"}, Refusal.NOT_LINKED, ""),
    "another state": ({"response": {"state": "x"}}, Refusal.STATE, ""),
    "another provider": ({"response": {"iss": "https://evil"}}, Refusal.ISSUER, ""),
    "another code": ({"response": {"code": "guess"}}, Refusal.CODE, "status_400"),
    "an error": ({"response": {"error": "access_denied"}}, Refusal.DENIED, ""),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_wrong_response_signs_no_one_in_and_is_recorded(
    attack: str, idp: OidcProvider, holder: OperatorUser, database: str
) -> None:
    given, refusal, detail = ATTACKS[attack]
    if given.get("auth_time") == -1:
        given = {"auth_time": int((clock.now() - timedelta(hours=12)).timestamp())}
    client = anonymous_client()
    page = client.get(idp.sign_in(_go(client), **({"sub": _subject(holder.id)} | given)))
    assert page.status_code == 403
    assert "You are not signed in" in page.content.decode()
    assert client.get("/account/security/").status_code == 302
    recorded = {"reason": refusal.value, "detail": detail}
    recorded["purpose"] = "" if refusal is Refusal.STATE else "sign_in"
    assert _events(database, 1) == [("accounts:identity:refused", "process:web", recorded)]


def test_a_response_counts_once_in_the_browser_that_began(
    idp: OidcProvider, holder: OperatorUser, database: str
) -> None:
    client, other = anonymous_client(), anonymous_client()
    back = idp.sign_in(_go(client), sub=_subject(holder.id))
    assert other.get(back).status_code == 403  # a browser that began nothing
    _go(other)
    assert other.get(back).status_code == 403  # one that began something else
    assert client.get(back).status_code == 302
    assert "oidc_request" not in client.session  # its state counted once
    assert client.get(back).status_code == 403
    # The code by itself is worth nothing either, in a response to another request.
    location = _go(other)
    stolen = back.split("code=")[1].split("&")[0]
    page = other.get(idp.sign_in(location, response={"code": stolen}))
    assert page.status_code == 403
    assert _events(database, 1)[0][2]["detail"] == "status_400"
    late = anonymous_client()
    back = idp.sign_in(_go(late), sub=_subject(holder.id))
    session = late.session
    session["oidc_request"]["at"] = (clock.now() - begun_requests.VALID_FOR).isoformat()
    session.save()
    assert late.get(back).status_code == 403
    assert _events(database, 1)[0][2]["detail"] == "expired"


def test_an_identity_is_of_one_account(idp: OidcProvider, holder: OperatorUser) -> None:
    other = create_operator()
    client = operator_client(other)
    page = client.get(idp.sign_in(_go(client, LINK), sub=_subject(holder.id)))
    assert page.status_code == 403
    assert "linked to another account" in page.content.decode()
    with pytest.raises(SsoRefusedError) as refused:
        link_identity(person=other.id, subject=_subject(holder.id), at=clock.now())
    assert refused.value.refusal is Refusal.OTHER_ACCOUNT
    assert not OidcIdentity.objects.filter(user_id=other.id).exists()
    # The same address at the provider links nothing.
    browser = anonymous_client()
    page = browser.get(idp.sign_in(_go(browser), sub="new", email=other.email, email_verified=True))
    assert page.status_code == 403
    # A link needs the person's own confirmation in the last minutes.
    assert operator_client(other).post(LINK).status_code == 403
    stale = operator_client(other, at=clock.now() - timedelta(minutes=6))
    assert stale.get(LINK)["Location"].startswith("/account/second-factor/")
    assert stale.post(LINK)["Location"].startswith("/account/second-factor/")


def test_only_those_may_use_it_whom_the_setting_names(
    idp: OidcProvider, holder: OperatorUser, cast: Cast, database: str
) -> None:
    bob = anonymous_client()
    bob.force_login(User.objects.get(pk=cast.bob.id))
    session = bob.session
    session["password_at"] = clock.now().isoformat()
    session.save()
    assert bob.get(LINK).status_code == 404
    with pytest.raises(SsoRefusedError):
        link_identity(person=cast.bob.id, subject="bob", at=clock.now())
    revoke_operator(holder.id)
    client = anonymous_client()
    assert client.get(idp.sign_in(_go(client), sub=_subject(holder.id))).status_code == 403
    assert _events(database, 1)[0][2]["reason"] == "not_allowed"
    with override_settings(OIDC=for_everyone(idp.settings)):
        link_identity(person=cast.bob.id, subject=_subject(cast.bob.id), at=clock.now())
        browser = anonymous_client()
        back = idp.sign_in(_go(browser), sub=_subject(cast.bob.id))
        assert browser.get(back)["Location"] == "/"
        assert browser.get("/account/security/password/").status_code == 200  # proven just now


def test_a_proof_there_is_as_old_as_the_sign_in_there(
    idp: OidcProvider, holder: OperatorUser, database: str
) -> None:
    earlier = int((clock.now() - timedelta(hours=2)).timestamp())
    client = anonymous_client()
    location = _go(client, f"{BEGIN}?next=/operate/")
    assert "max_age=43200" in location
    client.get(idp.sign_in(location, sub=_subject(holder.id), auth_time=earlier))
    assert client.get("/operate/").status_code == 200
    link = "/account/security/single-sign-on/removal/"
    assert client.post(link)["Location"].startswith("/account/second-factor/")
    page = client.get("/account/second-factor/?next=/account/security/").content.decode()
    assert "Confirm with Acme login" in page
    again = f"{STEP_UP}?next=/account/security/"
    location = _go(client, again)
    assert "prompt=login" in location
    assert "max_age=0" in location
    page_ = client.get(idp.sign_in(location, sub=_subject(holder.id), auth_time=earlier))
    assert page_.status_code == 403
    assert _events(database, 1)[0][2] == {
        "reason": "stale", "detail": "auth_time", "purpose": "step_up",
    }  # fmt: skip
    other = create_operator()
    link_identity(person=other.id, subject=_subject(other.id), at=clock.now())
    back = idp.sign_in(_go(client, again), sub=_subject(other.id))
    assert client.get(back).status_code == 403
    assert _events(database, 1)[0][2]["reason"] == "other_account"
    back = idp.sign_in(_go(client, again), sub=_subject(holder.id))
    assert client.get(back)["Location"] == "/account/security/"
    assert client.post(link)["Location"] == "/account/security/"
    assert not OidcIdentity.objects.filter(user_id=holder.id).exists()
    # The proof ended with the link: the operator area asks for her own second factor.
    assert proof_in(client.session) is not None
    assert client.get("/operate/")["Location"].startswith("/account/second-factor/")


def test_a_link_ends_sessions_and_ends_with_the_account(
    idp: OidcProvider, holder: OperatorUser
) -> None:
    client = _sign_in(idp, holder.id)
    assert unlink_identity(person=holder.id, at=clock.now())
    assert not unlink_identity(person=holder.id, at=clock.now())
    assert client.get("/operate/")["Location"].startswith("/sign-in/")
    link_identity(person=holder.id, subject=_subject(holder.id), at=clock.now())
    assert count_user_rows(holder.id)["accounts_oidc_identity"] == 1
    back = idp.sign_in(_go(client), sub=_subject(holder.id))
    disable_sign_in(person=holder.id)
    assert count_user_rows(holder.id)["accounts_oidc_identity"] == 0
    assert client.get(back).status_code == 403
    OidcIdentity.objects.create(
        id=holder.id, user_id=holder.id, issuer=idp.issuer, subject=_subject(holder.id),
        linked_at=clock.now(),
    )  # fmt: skip
    # A locked account has no sign-in by any way, even if a link came back.
    assert client.get(idp.sign_in(_go(client), sub=_subject(holder.id))).status_code == 403


@pytest.mark.parametrize(
    ("metadata", "detail"),
    [
        ({"issuer": "https://evil.example"}, "metadata"),
        ({"token_endpoint": "https://evil.example/token"}, "endpoint"),
        ({"jwks_uri": "http://localhost/keys"}, "endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "endpoint"),
        ({"padding": "x" * 300_000}, "too_large"),
        (None, "connection"),
    ],
    ids=["issuer", "host", "scheme", "script", "size", "certificate"],
)
def test_a_wrong_provider_is_not_used(
    metadata: dict[str, str] | None, detail: str, idp: OidcProvider, database: str
) -> None:
    idp.metadata = metadata or {}
    trusted = idp.settings if metadata is not None else replace(idp.settings, ca_file="")
    with override_settings(OIDC=trusted):
        page = anonymous_client().get(BEGIN)
    assert page.status_code == 403
    assert "does not answer as it should" in page.content.decode()
    assert _events(database, 1)[0][2] == {
        "reason": "provider", "detail": detail, "purpose": "sign_in",
    }  # fmt: skip


def test_keys_are_read_once_an_hour_and_again_for_a_newer_one(idp: OidcProvider) -> None:
    at, secret = clock.now(), Secret(CLIENT_SECRET)
    begun_before = len(idp.requests)

    def exchange(later: timedelta, kid: str = "") -> None:
        if kid:
            idp.keys.append(type(idp.keys[0]).generate_key("P-256", {"kid": kid}))
        session: dict[str, Any] = {}
        begun = begun_requests.begin(session, Purpose.SIGN_IN, person="", onward="", at=at + later)
        location = authorization_url(
            provider(idp.settings, at=at + later), idp.settings, begun,
            back="http://testserver/sign-in/single-sign-on/return/",
            max_age=max_age_of(Purpose.SIGN_IN),
        )  # fmt: skip
        code = idp.sign_in(location).split("code=")[1].split("&")[0]
        identity_of_code(
            idp.settings, begun, code=code, secret=secret, at=at + later,
            back="http://testserver/sign-in/single-sign-on/return/",
        )  # fmt: skip

    def requested(path: str) -> int:
        return idp.requests[begun_before:].count(path)

    exchange(timedelta(0))
    exchange(timedelta(seconds=5))
    assert requested("/keys") == 1
    with pytest.raises(SsoRefusedError):  # no more than once a minute
        exchange(timedelta(seconds=30), kid="second")
    assert requested("/keys") == 1
    exchange(timedelta(seconds=90))
    assert requested("/keys") == 2
    exchange(timedelta(minutes=4))
    assert requested("/keys") == 2


def test_begun_sign_ins_are_limited_by_network(idp: OidcProvider) -> None:
    del idp
    client = anonymous_client()
    assert [client.get(BEGIN).status_code for _ in range(31)] == [302] * 30 + [429]
